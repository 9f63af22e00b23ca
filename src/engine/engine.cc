#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace outrider {
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Error bad_request(std::string message) {
  return {ErrorCode::kBadRequest, std::move(message)};
}

}  // namespace

Engine::Engine(Runtime& runtime, const Vocabulary* vocabulary, EngineOptions options)
    : runtime_(runtime),
      options_(std::move(options)),
      setting_{.vocabulary = vocabulary,
               .vocab = runtime.vocab(),
               .context = runtime.options().context,
               .verification = options_.verification},
      cache_(runtime.pool(), runtime.checkpoint_pages()),
      speculation_(options_.slots) {
  require(options_.slots > 0 && options_.slots <= runtime.options().sequences,
          "an engine has at most as many slots as its runtime has sequences");
  require(options_.slots <= runtime.options().logit_rows &&
              options_.slots <= runtime.options().chunk_rows,
          "a launch has room for a row of every slot");
  if (!options_.clock) options_.clock = steady_seconds;
  running_.reserve(options_.slots);
  turns_.reserve(options_.slots);
  candidates_.reserve(options_.slots);
  candidate_turns_.reserve(options_.slots);
  drafting_.reserve(kDraftsMax);
  draft_batch_.reserve({options_.slots});
  batch_.reserve({runtime.options().chunk_rows, runtime.options().logit_rows});
}

Engine::~Engine() = default;

Result<void> Engine::check(const Request& request) const {
  const std::size_t prompt = request.prompt.size();
  if (prompt == 0) return bad_request("the prompt has no tokens, but at least one is needed");
  if (prompt > setting_.context) {
    return bad_request(fmt::format("the prompt has {} tokens, but the context has room for {}",
                                   prompt, setting_.context));
  }
  const auto outside = [&](TokenId token) { return token.value() >= setting_.vocab; };
  const auto unknown = std::find_if(request.prompt.begin(), request.prompt.end(), outside);
  if (unknown != request.prompt.end()) {
    return bad_request(fmt::format("token {} is not in the model's vocabulary of {}",
                                   unknown->value(), setting_.vocab));
  }
  for (const TokenBias& bias : request.bias) {
    if (outside(bias.token)) {
      return bad_request(fmt::format("token {} of the logit bias is not in the vocabulary of {}",
                                     bias.token.value(), setting_.vocab));
    }
  }
  const auto& syntax = request.constraint.syntax;
  if (syntax && syntax->tokens->size() != setting_.vocab) {
    return bad_request(fmt::format("the tokenizer has {} tokens, but the model {}",
                                   syntax->tokens->size(), setting_.vocab));
  }
  if (!request.stop.empty() && setting_.vocabulary == nullptr) {
    return bad_request("stop strings need a vocabulary, and this engine has none");
  }
  return {};
}

Result<RequestId> Engine::submit(Request request, Listener& listener) {
  if (auto checked = check(request); !checked) return checked.error();
  if (waiting_.size() >= options_.queue) {
    return Error{ErrorCode::kExhausted,
                 fmt::format("{} requests are waiting already, which is all there is room for",
                             waiting_.size())};
  }
  request.drafts.n_max = std::min(request.drafts.n_max, kDraftsMax);
  request.drafts.n_min = std::min(request.drafts.n_min, request.drafts.n_max);
  const RequestId id(next_id_++);
  waiting_.push_back(
      std::make_unique<ActiveRequest>(id, std::move(request), listener, setting_, now()));
  return id;
}

void Engine::cancel(RequestId id) {
  cancelled_.push_back(id);
}

void Engine::drop_cancelled() {
  for (const RequestId id : cancelled_) {
    const auto named = [id](const auto& conversation) { return conversation->id() == id; };
    const auto waits = std::find_if(waiting_.begin(), waiting_.end(), named);
    if (waits != waiting_.end()) {
      const auto conversation = std::move(*waits);
      waiting_.erase(waits);
      conversation->cancel(now());
      ++counters_.finished;
      continue;
    }
    const auto runs = std::find_if(running_.begin(), running_.end(), named);
    if (runs != running_.end()) {
      (*runs)->cancel(now());
      finish(**runs);
    }
  }
  cancelled_.clear();
}

void Engine::admit() {
  while (!waiting_.empty() && running_.size() < options_.slots) {
    if (!admit_next()) return;
  }
}

// Gives the next request a sequence, with what of its tokens is cached. It waits while the pool has
// no room for the rest of them, unless it would wait for nobody.
bool Engine::admit_next() {
  KvPool& pool = runtime_.pool();
  std::unique_ptr<ActiveRequest> next = std::move(waiting_.front());
  waiting_.pop_front();
  auto sequence = pool.open();
  std::uint32_t cached = 0;
  if (next->request().cache_prompt) {
    if (const auto match = cache_.match(next->request().root, next->tokens())) {
      pool.restore(*sequence, match->snapshot, match->rows);
      cached = match->rows;
    }
  }
  const auto tokens = static_cast<std::uint32_t>(next->tokens().size());
  const std::uint32_t pages = divide_up(tokens, kPageRows) + 1 - cached / kPageRows;
  const std::uint32_t all = pool.limits().global_pages - 1;
  if (!cache_.make_room(std::min(pages, all), 1) && !running_.empty()) {
    sequence.reset();
    waiting_.push_front(std::move(next));
    return false;
  }
  counters_.cached_rows += cached;
  next->start(std::move(sequence), cached, now());
  running_.push_back(std::move(next));
  return true;
}

void Engine::keep_prefix(ActiveRequest& conversation) {
  if (!options_.cache_prefixes || !conversation.request().cache_prompt) return;
  const Sequence& sequence = conversation.sequence();
  if (sequence.length() == 0) return;
  static_cast<void>(cache_.keep(conversation.request().root,
                                conversation.tokens().first(sequence.length()),
                                runtime_.pool().snapshot(sequence)));
}

// The conversation has told its finish: its slot and pages are free again.
void Engine::finish(ActiveRequest& conversation) {
  keep_prefix(conversation);
  ++counters_.finished;
  const auto at = std::find_if(running_.begin(), running_.end(),
                               [&](const auto& c) { return c.get() == &conversation; });
  require(at != running_.end(), "a conversation that runs is among those that run");
  running_.erase(at);
}

bool Engine::pages_add_up() const {
  const KvPool& pool = runtime_.pool();
  const std::uint32_t pages[kKvGroups] = {pool.limits().global_pages, pool.limits().sliding_pages};
  for (const KvGroup group : {KvGroup::kGlobal, KvGroup::kSliding}) {
    std::vector<std::uint32_t> holders(pages[static_cast<std::size_t>(group)], 0);
    for (const auto& conversation : running_) {
      for (const PageId page : conversation->sequence().view().pages(group)) {
        if (page != KvPool::padding_page()) ++holders[page.value()];
      }
    }
    std::uint32_t free = 0;
    for (std::uint32_t i = 1; i < holders.size(); ++i) {
      holders[i] += cache_.holders(group, PageId(i));
      if (holders[i] != pool.references(group, PageId(i))) return false;
      if (holders[i] == 0) ++free;
    }
    if (free != pool.free_pages(group)) return false;
  }
  return true;
}

void Engine::fail_all(const Error& error) {
  turns_.clear();
  for (const auto& conversation : running_) {
    conversation->fail(error, now());
    ++counters_.finished;
  }
  running_.clear();
  lost_in_a_row_ = 0;
}

// In front of who waits already, the oldest first.
void Engine::pause_all() {
  for (; !running_.empty(); running_.pop_back()) {
    running_.back()->stop_running();
    waiting_.push_front(std::move(running_.back()));
  }
}

// A launch failed, and nothing that the device held is to be trusted.
Result<void> Engine::recover(const Error& error) {
  constexpr std::uint32_t kLostMost = 3;
  turns_.clear();
  cache_.clear();
  ++counters_.devices_lost;
  if (++lost_in_a_row_ < kLostMost) {
    if (auto reopened = runtime_.reopen(); reopened) {
      pause_all();
      return {};
    } else {
      fail_all({ErrorCode::kDevice, error.message + ", and then " + reopened.error().message});
      return reopened;
    }
  }
  fail_all(error);
  return error;
}

Result<void> Engine::step() {
  drop_cancelled();
  admit();
  plan();
  if (turns_.empty()) return {};
  if (auto drafted = draft(); !drafted) return recover(drafted.error());
  assemble();
  if (auto ran = run(); !ran) return recover(ran.error());
  turns_.clear();
  lost_in_a_row_ = 0;
  return {};
}

}  // namespace outrider
