#include "server/engine_thread.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace outrider {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The queue in front of the engine is bounded by places; the engine's own has room for all of them.
EngineOptions with_room(EngineOptions options) {
  options.queue += options.slots;
  return options;
}

}  // namespace

// One request as the engine's thread knows it.
class EngineThread::Reply final : public Listener {
 public:
  Reply(TicketId ticket, std::shared_ptr<ReplyQueue> queue, EngineState& state)
      : ticket_(ticket), queue_(std::move(queue)), state_(state), begun_(now()) {}

  bool on_tokens(std::span<const GeneratedToken> tokens) override {
    const double time = now();
    if (last_ == 0) {
      state_.first_token_seconds.observe(time - begun_);
    } else {
      state_.inter_token_seconds.observe(time - last_);
    }
    last_ = time;
    tokens_ += static_cast<std::uint32_t>(tokens.size());
    if (queue_->push(tokens)) return true;
    overflowed_ = true;
    return false;
  }
  // Told to the asker when the step is over and the slot is seen to be free.
  void on_finish(const Finish& finish) override { finish_ = finish; }

  TicketId ticket() const { return ticket_; }
  std::uint32_t tokens() const { return tokens_; }
  double seconds() const { return now() - begun_; }
  bool overflowed() const { return overflowed_; }
  bool over() const { return finish_.has_value(); }
  const Finish& finish() const { return *finish_; }
  void deliver() { queue_->finish(*finish_); }

  std::optional<RequestId> id;  // the engine's name for it
  bool is_complete = false;     // the asker has what was wanted

 private:
  TicketId ticket_;
  std::shared_ptr<ReplyQueue> queue_;
  EngineState& state_;
  double begun_, last_ = 0;
  std::uint32_t tokens_ = 0;
  bool overflowed_ = false;
  std::optional<Finish> finish_;
};

EngineThread::EngineThread(Runtime& runtime, const Vocabulary* vocabulary, EngineOptions options,
                           const std::function<void(Engine&)>& prepare, EngineThreadHooks hooks)
    : runtime_(runtime),
      engine_(runtime, vocabulary, with_room(options)),
      places_(options.slots + options.queue),
      hooks_(std::move(hooks)) {
  if (prepare) prepare(engine_);
  current_.slots.resize(options.slots);
  current_.pages = runtime.pool().limits().global_pages - 1;
  publish();
  thread_ = std::thread([this] { run(); });
}

EngineThread::~EngineThread() {
  stop();
}

Result<std::vector<TicketId>> EngineThread::post(std::vector<EngineJob> jobs) {
  for (const EngineJob& job : jobs) {
    if (auto checked = engine_.check(job.request); !checked) return checked.error();
  }
  std::vector<TicketId> tickets;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error{ErrorCode::kDevice, "the server is stopping"};
    if (taken_ + jobs.size() > places_) {
      return Error{ErrorCode::kExhausted,
                   fmt::format("{} requests run or wait, of {} there is room for: try again later",
                               taken_, places_)};
    }
    taken_ += static_cast<std::uint32_t>(jobs.size());
    for (EngineJob& job : jobs) {
      tickets.emplace_back(next_ticket_++);
      mail_.jobs.emplace_back(tickets.back(), std::move(job));
    }
  }
  news_.notify_one();
  return tickets;
}

void EngineThread::withdraw(TicketId ticket, bool is_complete) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;  // everything is cancelled anyway
    mail_.withdrawals.push_back({ticket, is_complete});
  }
  news_.notify_one();
}

EngineState EngineThread::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void EngineThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    state_.stopping = true;
    mail_.stop = true;
  }
  news_.notify_one();
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

EngineThread::Mail EngineThread::take_mail() {
  std::unique_lock lock(mutex_);
  const auto has_mail = [this] {
    return mail_.stop || !mail_.jobs.empty() || !mail_.withdrawals.empty();
  };
  if (engine_.idle()) news_.wait(lock, has_mail);
  Mail mail = std::exchange(mail_, {});
  return mail;
}

void EngineThread::run() {
  for (bool stop = false; !stop;) {
    Mail mail = take_mail();
    stop = mail.stop;
    for (auto& [ticket, job] : mail.jobs) begin(ticket, std::move(job));
    for (const Withdrawal& withdrawal : mail.withdrawals) {
      const auto found = std::find_if(replies_.begin(), replies_.end(), [&](const auto& reply) {
        return reply->ticket() == withdrawal.ticket;
      });
      if (found == replies_.end()) continue;
      (*found)->is_complete |= withdrawal.is_complete;
      if ((*found)->id) engine_.cancel(*(*found)->id);
    }
    if (stop) {
      for (const auto& reply : replies_) {
        if (reply->id) engine_.cancel(*reply->id);
      }
    }
    step();
  }
  require(replies_.empty(), "who is cancelled has heard of it");
  if (hooks_.ended) hooks_.ended(engine_);
}

void EngineThread::begin(TicketId ticket, EngineJob job) {
  auto reply = std::make_unique<Reply>(ticket, std::move(job.reply), current_);
  auto submitted = engine_.submit(std::move(job.request), *reply);
  if (submitted) {
    reply->id = *submitted;
  } else {
    reply->on_finish({.reason = FinishReason::kFailed, .error = submitted.error()});
  }
  replies_.push_back(std::move(reply));
}

void EngineThread::step() {
  // A step is also what tells those that were cancelled.
  if (auto stepped = engine_.step(); stepped) {
    current_.failed_steps = 0;
  } else {
    ++current_.failed_steps;
    current_.failure = stepped.error().message;
    if (hooks_.failed) hooks_.failed(stepped.error());
  }
  for (const auto& reply : replies_) {
    if (reply->over()) count(*reply);
  }
  publish();
  deliver_finishes();
}

void EngineThread::count(const Reply& reply) {
  const Finish& finish = reply.finish();
  FinishCounts& finished = current_.finished;
  if (reply.is_complete || finish.reason == FinishReason::kStop) {
    ++finished.stop;
  } else if (finish.reason == FinishReason::kLength) {
    ++finished.length;
  } else if (finish.reason == FinishReason::kFailed) {
    ++finished.failed;
  } else if (reply.overflowed()) {
    ++finished.overflowed;
  } else {
    ++finished.cancelled;
  }
  current_.prompt_tokens += finish.prompt_tokens;
  current_.cached_tokens += finish.cached_tokens;
  current_.reply_tokens += finish.tokens;
  current_.request_seconds.observe(reply.seconds());
  current_.queue_seconds.observe(finish.timing.queued_ms / 1e3);
  current_.prompt_lengths.observe(finish.prompt_tokens);
  current_.reply_lengths.observe(finish.tokens);
}

// Requests keep their slot's number for as long as they run; a paused one gives it back.
void EngineThread::show_slots() {
  running_.clear();
  for (const auto& request : engine_.active()) {
    const auto found = std::find_if(replies_.begin(), replies_.end(),
                                    [&](const auto& reply) { return reply->id == request->id(); });
    require(found != replies_.end(), "who runs was asked for");
    running_.push_back({found->get(), request.get()});
  }
  std::vector<SlotState>& slots = current_.slots;
  for (SlotState& slot : slots) {
    const bool runs = std::any_of(running_.begin(), running_.end(), [&](const Running& each) {
      return each.reply->ticket() == slot.ticket;
    });
    if (!runs) slot = {};
  }
  for (const Running& each : running_) {
    const auto slot_of = [&](TicketId ticket) {
      return std::find_if(slots.begin(), slots.end(),
                          [&](const SlotState& slot) { return slot.ticket == ticket; });
    };
    auto slot = slot_of(each.reply->ticket());
    if (slot == slots.end()) slot = slot_of(TicketId(0));
    require(slot != slots.end(), "an engine runs no more requests than it has slots");
    slot->ticket = each.reply->ticket();
    slot->prompt_tokens = static_cast<std::uint32_t>(each.request->request().prompt.size());
    slot->computed = each.request->computed();
    slot->tokens = each.reply->tokens();
  }
}

void EngineThread::publish() {
  show_slots();
  current_.running = static_cast<std::uint32_t>(engine_.running());
  current_.waiting = static_cast<std::uint32_t>(engine_.waiting());
  current_.counters = engine_.counters();
  current_.prefix = engine_.prefix_cache().counts();
  const std::uint32_t available = runtime_.pool().free_pages(KvGroup::kGlobal) +
                                  engine_.prefix_cache().reclaimable_pages(KvGroup::kGlobal);
  current_.pages_used = current_.pages - std::min(available, current_.pages);
  const std::lock_guard lock(mutex_);
  current_.stopping = stopping_;
  state_ = current_;
  for (const auto& reply : replies_) {
    if (reply->over()) --taken_;
  }
}

void EngineThread::deliver_finishes() {
  for (const auto& reply : replies_) {
    if (reply->over()) reply->deliver();
  }
  std::erase_if(replies_, [](const auto& reply) { return reply->over(); });
}

}  // namespace outrider
