#include "engine/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace outrider {
namespace {

class Stopwatch {
 public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// One conversation in flight.
class Generation {
 public:
  Generation(Runtime& runtime, const GenerationRequest& request,
             const std::function<void(TokenId)>& publish)
      : runtime_(runtime), request_(request), publish_(publish), history_(request.prompt) {
    result_.speculative.accepted_per_position.resize(request.draft_max);
  }

  Result<GenerationResult> run() {
    const std::uint32_t context = runtime_.options().context;
    if (request_.prompt.size() > context) {
      return Error{ErrorCode::kBadRequest,
                   fmt::format("the prompt has {} tokens, but the context has room for {}",
                               request_.prompt.size(), context)};
    }
    const auto sequence = runtime_.pool().open();
    const Stopwatch prompt;
    auto judged =
        prefill(runtime_, *sequence, request_.prompt, runtime_.options().chunk_rows,
                [this](std::span<const float> logits, Pos next) { return pick(logits, next, {}); });
    if (!judged) return judged.error();
    result_.timing.prompt_ms = prompt.ms();

    const Stopwatch generating;
    std::optional<Judgement> last(*judged);
    bool more = accept(last->next);
    while (more) {
      auto drafts = draft(*last);
      if (!drafts) return drafts.error();
      auto next = verify(*sequence, last->next, *drafts);
      if (!next) return next.error();
      last.emplace(*next);
      more = std::all_of(drafts->begin(), drafts->begin() + last->accepted,
                         [this](TokenId t) { return accept(t); }) &&
             accept(last->next);
    }
    result_.timing.generate_ms = generating.ms();
    return std::move(result_);
  }

 private:
  // False when the text ends with or before this token.
  bool accept(TokenId token) {
    if (std::find(request_.stop.begin(), request_.stop.end(), token) != request_.stop.end()) {
      result_.finish = FinishReason::kStop;
      return false;
    }
    result_.tokens.push_back(token);
    history_.push_back(token);
    publish_(token);
    const bool full = request_.prompt.size() + result_.tokens.size() > runtime_.options().context;
    return !full && (request_.tokens_max == 0 || result_.tokens.size() < request_.tokens_max);
  }

  // `drafts` lead from the last certain token to the row of these logits.
  TokenId pick(std::span<const float> logits, Pos next, std::span<const TokenId> drafts) {
    const PickRule rule{.params = request_.sampling, .recent = history_};
    return sampler_.pick(logits, rule, next, drafts);
  }

  // Rows still free behind the token that is about to be given.
  std::uint32_t room_for_drafts(const Sequence& sequence) const {
    const std::uint32_t room = runtime_.options().context - sequence.length() - 1;
    const RuntimeOptions& options = runtime_.options();
    const std::uint32_t launch_rows = std::min(options.logit_rows, options.chunk_rows) - 1;
    return std::min({request_.draft_max, room, launch_rows});
  }

  Result<std::vector<TokenId>> draft(const Judgement& judged) {
    std::vector<TokenId> drafts;
    const std::uint32_t most = runtime_.drafter() != nullptr ? room_for_drafts(judged.sequence) : 0;
    if (most == 0) return drafts;
    const Stopwatch drafting;
    DraftBatch batch;
    batch.add(judged);
    while (true) {
      auto output = runtime_.run(batch);
      if (!output) return output.error();
      const Pos next(judged.sequence.length() + 1 + static_cast<std::uint32_t>(drafts.size()));
      const TokenId token = pick(output->logits[0], next, drafts);
      if (request_.draft_p_min > 0 && probability(output->logits[0], token) < request_.draft_p_min)
        break;
      drafts.push_back(token);
      const bool ends =
          std::find(request_.stop.begin(), request_.stop.end(), token) != request_.stop.end();
      if (ends || drafts.size() == most) break;
      batch.advance({&token, 1});
    }
    result_.timing.draft_ms += drafting.ms();
    return drafts;
  }

  Result<Judgement> verify(Sequence& sequence, TokenId given, std::span<const TokenId> drafts) {
    const Stopwatch verifying;
    auto room = runtime_.pool().append(sequence, 1 + static_cast<std::uint32_t>(drafts.size()));
    if (!room) return room.error();
    TargetBatch batch = runtime_.next_batch();
    const Pos first_next = Pos(sequence.length() + 1);
    Pending pending = batch.add(std::move(*room), std::span(&given, 1), drafts);
    auto output = runtime_.run(batch);
    if (!output) return output.error();
    std::vector<TokenId> picks;
    for (std::uint32_t row = 0; row <= drafts.size(); ++row) {
      const Pos next(first_next.value() + row);
      picks.push_back(pick(output->logits[row], next, drafts.first(row)));
    }
    const Judgement judged = std::move(pending).judge(Picks(output->step, std::move(picks)));
    count(drafts.size(), judged.accepted);
    result_.timing.verify_ms += verifying.ms();
    return judged;
  }

  void count(std::size_t drafted, std::uint32_t accepted) {
    auto& s = result_.speculative;
    s.rounds += drafted > 0 ? 1 : 0;
    s.drafted += drafted;
    s.accepted += accepted;
    for (std::uint32_t i = 0; i < accepted; ++i) ++s.accepted_per_position[i];
  }

  Runtime& runtime_;
  const GenerationRequest& request_;
  const std::function<void(TokenId)>& publish_;
  std::vector<TokenId> history_;  // the prompt and every token that is certain
  Sampler sampler_;
  GenerationResult result_;
};

}  // namespace

Result<Judgement> prefill(Runtime& runtime, Sequence& sequence, std::span<const TokenId> prompt,
                          std::uint32_t chunk_rows, const PickToken& pick) {
  require(!prompt.empty() && chunk_rows > 0, "a prompt has at least one token");
  while (prompt.size() > chunk_rows) {
    auto room = runtime.pool().append(sequence, chunk_rows);
    if (!room) return room.error();
    TargetBatch batch = runtime.next_batch();
    KvAppend written = batch.add_unfinished(std::move(*room), prompt.first(chunk_rows));
    auto output = runtime.run(batch);
    if (!output) return output.error();
    std::move(written).commit(chunk_rows);
    prompt = prompt.subspan(chunk_rows);
  }
  auto room = runtime.pool().append(sequence, static_cast<std::uint32_t>(prompt.size()));
  if (!room) return room.error();
  TargetBatch batch = runtime.next_batch();
  Pending pending = batch.add(std::move(*room), prompt, {});
  auto output = runtime.run(batch);
  if (!output) return output.error();
  const Pos next(sequence.length() + static_cast<std::uint32_t>(prompt.size()));
  return std::move(pending).judge(Picks(output->step, {pick(output->logits[0], next)}));
}

Result<GenerationResult> generate(Runtime& runtime, const GenerationRequest& request,
                                  const std::function<void(TokenId)>& publish) {
  return Generation(runtime, request, publish).run();
}

}  // namespace outrider
