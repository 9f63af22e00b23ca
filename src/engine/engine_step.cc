// What one step of the engine does, in the order it does it.
#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "engine/engine.h"

namespace outrider {

// Who takes part with how many rows. There are no phases: a conversation that wants one row decides
// its next token, one that wants more is still reading its prompt, and both share the launch.
// Deciding conversations come first, so a long prompt starves nobody.
void Engine::plan() {
  turns_.clear();
  std::uint32_t wanted = 0;
  for (const auto& c : running_) {
    if (c->wanted() == 1) {
      turns_.push_back({.who = c.get(), .rows = 1, .drafts = 0});
    } else {
      wanted += c->wanted();
    }
  }
  const auto deciding = static_cast<std::uint32_t>(turns_.size());
  if (wanted > 0) share_prompt_rows(plan_prompt_rows(deciding, wanted));
  grant_drafts();
}

// Prompt rows of this step: all that fit a launch, or where others wait for their next token, as
// many as make them wait no longer than options_.slowdown times as long. What a row costs is only
// known for about as many as there were before, so they grow by doublings.
std::uint32_t Engine::plan_prompt_rows(std::uint32_t deciding, std::uint32_t wanted) const {
  const std::uint32_t fit = std::min(runtime_.options().chunk_rows - deciding, wanted);
  if (deciding == 0 || fit == 0) return fit;
  constexpr std::uint32_t kFirst = 4;
  const double spare = (options_.slowdown - 1) * speculation_.target_cost().seconds(deciding);
  const std::uint32_t most = std::min(fit, std::max(kFirst, prompt_rows_tried_ * 2));
  if (prompt_row_seconds_ == 0) return std::min(fit, kFirst);
  const double afforded = spare / prompt_row_seconds_;
  return afforded >= most ? most : std::max(1u, static_cast<std::uint32_t>(afforded));
}

// Equal shares for all prompts, what is left over to the oldest.
void Engine::share_prompt_rows(std::uint32_t rows) {
  const std::size_t first = turns_.size();
  for (const auto& c : running_) {
    if (c->wanted() != 1) turns_.push_back({.who = c.get(), .rows = 0, .drafts = 0});
  }
  auto left = static_cast<std::uint32_t>(turns_.size() - first);
  for (std::size_t i = first; i < turns_.size(); ++i, --left) {
    turns_[i].rows = std::min(turns_[i].who->wanted(), rows / left);
    rows -= turns_[i].rows;
  }
  for (std::size_t i = first; i < turns_.size() && rows > 0; ++i) {
    const std::uint32_t more = std::min(turns_[i].who->wanted() - turns_[i].rows, rows);
    turns_[i].rows += more;
    rows -= more;
  }
}

// Drafts for the conversations whose last verdict the backend still has the hidden row of.
void Engine::grant_drafts() {
  if (!runtime_.drafts()) return;
  candidates_.clear();
  candidate_turns_.clear();
  std::uint32_t rows = 0, logit_rows = 0;
  for (std::uint32_t i = 0; i < turns_.size(); ++i) {
    const ActiveRequest& c = *turns_[i].who;
    rows += turns_[i].rows;
    if (turns_[i].rows == c.wanted()) ++logit_rows;
    if (c.wanted() != 1 || !c.judged() || c.judged()->hidden.step() != last_step_) continue;
    if (c.request().drafts.n_max == 0 || c.most_drafts() == 0) continue;
    candidates_.push_back({.acceptance = &c.acceptance(),
                           .limits = c.request().drafts,
                           .most = c.most_drafts(),
                           .since_draft = c.since_draft()});
    candidate_turns_.push_back(i);
  }
  if (candidates_.empty()) return;
  const std::uint32_t room =
      std::min(runtime_.options().chunk_rows - rows, runtime_.options().logit_rows - logit_rows);
  const auto lengths = speculation_.choose(candidates_, logit_rows, room);
  for (std::size_t i = 0; i < lengths.size(); ++i) turns_[candidate_turns_[i]].drafts = lengths[i];
}

// All that draft do so in one launch.
Result<void> Engine::draft() {
  draft_batch_.restart();
  for (Turn& turn : turns_) {
    if (turn.drafts > 0) {
      draft_batch_.add(*turn.who->judged(), turn.who->draft_rule(turn.drafts));
    }
  }
  if (draft_batch_.rows().empty()) return {};
  const double start = now();
  auto output = runtime_.run(draft_batch_);
  if (!output) return output.error();
  const double seconds = now() - start;

  drafting_.clear();
  std::size_t row = 0;
  for (Turn& turn : turns_) {
    if (turn.drafts == 0) continue;
    turn.drafted = output->drafted[row++];
    turn.who->give_time_to_draft(seconds);
    if (turn.who->ends_with(turn.drafted)) {
      turn.drafts = static_cast<std::uint32_t>(turn.drafted.tokens.size());
    }
    // The step whose draft was not worth proposing was run as well.
    const auto steps = std::min<std::size_t>(turn.drafts, turn.drafted.tokens.size() + 1);
    if (drafting_.size() < steps) drafting_.resize(steps, 0);
    for (std::size_t step = 0; step < steps; ++step) ++drafting_[step];
  }
  speculation_.drafted(drafting_, seconds);
  counters_.draft_seconds += seconds;
  return {};
}

void Engine::assemble() {
  last_step_ = runtime_.next_step();
  batch_.restart(last_step_);
  for (Turn& turn : turns_) {
    if (turn.who != nullptr && turn.rows > 0) add(turn);
  }
}

void Engine::add(Turn& turn) {
  const auto given = turn.who->next_rows(turn.rows);
  const auto drafts = static_cast<std::uint32_t>(turn.drafted.tokens.size());
  auto room = room_for(turn, static_cast<std::uint32_t>(given.size()) + drafts);
  if (!room) return;
  if (given.size() < turn.who->wanted()) {
    turn.chunk.emplace(batch_.add_unfinished(std::move(*room), given));
  } else {
    turn.pending.emplace(batch_.add(std::move(*room), given, turn.drafted.tokens,
                                    turn.who->pick_rules(turn.drafted)));
  }
}

// Room in the pool: cached prefixes make way first, then drafts, then the youngest conversation
// that is not in this launch yet. Nobody to make way: nothing, and the turn is off.
std::optional<KvAppend> Engine::room_for(Turn& turn, std::uint32_t rows) {
  ActiveRequest& who = *turn.who;
  while (true) {
    auto room = runtime_.pool().append(who.sequence(), rows);
    if (room) return std::move(*room);
    require(room.error().code == ErrorCode::kExhausted, "a sequence stays within its context");
    if (make_some_room()) continue;
    // A checkpoint of its own text frees no page, but has its last one copied.
    if (running_.size() == 1 && cache_.counts().checkpoints > 0) {
      cache_.clear();
      continue;
    }
    const auto drafts = static_cast<std::uint32_t>(turn.drafted.tokens.size());
    if (drafts > 0) {
      turn.drafted = {};
      turn.drafts = 0;
      rows -= drafts;
      continue;
    }
    if (running_.size() > 1) {
      if (pause_one_for(who)) continue;
      return std::nullopt;
    }
    // Its own checkpoints free no page, but while they hold its last one it has to be copied.
    if (cache_.counts().checkpoints > 0) {
      cache_.clear();
      continue;
    }
    who.fail(room.error(), now());
    turn.who = nullptr;
    finish(who);
    return std::nullopt;
  }
}

// One more free page of a group that has none left over; false when no cached prefix holds one.
bool Engine::make_some_room() {
  const std::uint32_t global = runtime_.pool().free_pages(KvGroup::kGlobal);
  const std::uint32_t sliding = runtime_.pool().free_pages(KvGroup::kSliding);
  return cache_.make_room(global + 1, sliding + 1) || cache_.make_room(global + 1, 0) ||
         cache_.make_room(0, sliding + 1);
}

// The youngest conversation gives its pages back and waits, in front of all others; it goes on from
// its tokens. False when that is `needy` itself or one that is in this launch already.
bool Engine::pause_one_for(const ActiveRequest& needy) {
  ActiveRequest& youngest = *running_.back();
  const auto turn =
      std::find_if(turns_.begin(), turns_.end(), [&](const Turn& t) { return t.who == &youngest; });
  const bool in_launch = turn != turns_.end() && (turn->pending || turn->chunk);
  if (in_launch) return false;
  const bool itself = &youngest == &needy;
  if (turn != turns_.end()) turn->who = nullptr;
  youngest.stop_running();
  ++counters_.pauses;
  waiting_.push_front(std::move(running_.back()));
  running_.pop_back();
  return !itself;
}

Result<void> Engine::run() {
  if (batch_.rows().empty()) return {};
  const TargetShape shape = batch_.shape();
  const double start = now();
  auto output = runtime_.run(batch_);
  if (!output) return output.error();
  const double seconds = now() - start;

  // Prompt rows are what a launch has besides its logit rows; they are cheaper, so their cost is
  // kept apart.
  const std::uint32_t prompt_rows = shape.rows - shape.logit_rows;
  if (prompt_rows == 0) {
    speculation_.verified(shape.logit_rows, seconds);
  } else {
    const double decided = speculation_.target_cost().seconds(shape.logit_rows);
    const double of_one = std::max(seconds - decided, seconds * 0.05) / prompt_rows;
    constexpr double kNewest = 0.25;  // share of the latest launch in what is known
    prompt_row_seconds_ +=
        (prompt_row_seconds_ == 0 ? 1 : kNewest) * (of_one - prompt_row_seconds_);
    prompt_rows_tried_ = std::max(prompt_rows_tried_, prompt_rows);
  }
  for (const Turn& turn : turns_) {
    if (turn.pending) turn.who->give_time_to_verify(seconds);
  }
  ++counters_.steps;
  counters_.prompt_rows += prompt_rows;
  counters_.logit_rows += shape.logit_rows;
  counters_.target_seconds += seconds;
  settle(*output);
  return {};
}

void Engine::settle(const TargetOutput& output) {
  const Picks& picks = verdicts(output);
  for (Turn& turn : turns_) {
    if (turn.who == nullptr) continue;
    ActiveRequest& who = *turn.who;
    if (!settle(turn, output, picks)) finish(who);
  }
}

// Commits what stands of one conversation's rows; false when its text is over.
bool Engine::settle(Turn& turn, const TargetOutput& output, const Picks& picks) {
  ActiveRequest& who = *turn.who;
  if (turn.chunk) {
    const std::uint32_t rows = turn.chunk->rows();
    std::move(*turn.chunk).commit(rows);
    turn.chunk.reset();
    if (who.at_checkpoint()) keep_prefix(who);
    return true;
  }
  if (!turn.pending) return true;
  const std::uint32_t first = turn.pending->first_logit_row();
  const auto drafts = static_cast<std::uint32_t>(turn.drafted.tokens.size());
  const Judgement judged = std::move(*turn.pending).judge(picks);
  turn.pending.reset();
  counters_.tokens += judged.accepted + 1;
  if (turn.drafts > 0) speculation_.judged(turn.drafts, judged.accepted);
  if (drafts > 0) {
    SpeculationCounts& s = counters_.speculative;
    ++s.rounds;
    s.drafted += drafts;
    s.accepted += judged.accepted;
    for (std::uint32_t i = 0; i < drafts; ++i) ++s.drafted_per_position[i];
    for (std::uint32_t i = 0; i < judged.accepted; ++i) ++s.accepted_per_position[i];
  }
  if (who.at_checkpoint()) keep_prefix(who);
  return who.take(judged, turn.drafts, turn.drafted, output, first, now());
}

// The target's picks, or for benchmarks ones by which drafts stand as often as was asked for.
const Picks& Engine::verdicts(const TargetOutput& output) {
  if (options_.synthetic_acceptance.empty()) return output.picks();
  const auto made = output.picks().tokens();
  const std::span<TokenId> picks = synthetic_.restart(output.step, made.size());
  std::copy(made.begin(), made.end(), picks.begin());
  for (const Turn& turn : turns_) {
    if (!turn.pending) continue;
    const auto drafts = turn.pending->drafts();
    const std::uint32_t first = turn.pending->first_logit_row();
    const float draw =
        uniform_open(philox_at(turn.who->id().value(), turn.who->computed(), 0x73796E74)[0]);
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      const bool stands = i < options_.synthetic_acceptance.size() &&
                          static_cast<double>(draw) < options_.synthetic_acceptance[i];
      if (stands) {
        picks[first + i] = drafts[i];
      } else {
        if (picks[first + i] == drafts[i]) {
          picks[first + i] = TokenId((drafts[i].value() + 1) % setting_.vocab);
        }
        break;
      }
    }
  }
  return synthetic_;
}

}  // namespace outrider
