#include "engine/speculation.h"

#include <algorithm>

#include "core/contract.h"

namespace outrider {
namespace {

constexpr double kMemory = 0.985;             // of a round's weight that is left a round later
constexpr double kPriorStands = 0.75;         // of the first draft, before anything was judged
constexpr double kPriorWeight = 8;            // rounds that others' experience counts for
constexpr double kWorthIt = 1.015;            // gains below this may be noise
constexpr std::uint32_t kProbeAfter = 4;      // tokens without drafts before one is tried again
constexpr std::uint32_t kPlainAfter = 4;      // steps with drafts before one without is tried again
constexpr double kProbeShare = 0.003;         // of all time that tries of drafts may cost,
constexpr double kPlainShare = 0.005;         // and tries of none,
constexpr double kLongerShare = 0.002;        // and of one more than pays
constexpr double kProbeShareAtFirst = 0.012;  // as kProbeShare, while costs are not known yet:
constexpr std::uint32_t kAtFirst = 256;       // so many launches
constexpr double kProbeWorst = 2;             // times a launch without it that one can cost

}  // namespace

void Acceptance::judged(std::uint32_t drafted, std::uint32_t accepted) {
  require(accepted <= drafted && drafted <= kDraftsMax, "no more drafts stand than were judged");
  // Drafts behind the first that fell were not judged.
  const std::uint32_t judged = std::min(drafted, accepted + 1);
  for (std::uint32_t i = 0; i < judged; ++i) {
    trials_[i] = trials_[i] * kMemory + 1;
    stood_[i] = stood_[i] * kMemory + (i < accepted ? 1 : 0);
  }
}

Acceptance::Estimate Acceptance::estimate() const {
  Estimate result{};
  for (std::uint32_t i = 0; i < kDraftsMax; ++i) {
    const double like = i > 0 ? result[i - 1] : kPriorStands;
    result[i] = (like + stood_[i]) / (1 + trials_[i]);
  }
  return result;
}

Acceptance::Estimate Acceptance::estimate(const Estimate& prior) const {
  Estimate result{};
  for (std::uint32_t i = 0; i < kDraftsMax; ++i) {
    result[i] = (prior[i] * kPriorWeight + stood_[i]) / (kPriorWeight + trials_[i]);
  }
  return result;
}

Speculation::Speculation(std::uint32_t sequences) : launches_to_learn_(kAtFirst) {
  options_.reserve(std::size_t{sequences} * kDraftsMax);
  lengths_.reserve(sequences);
}

double Speculation::draft_seconds() const {
  double seconds = 0;
  for (const std::uint32_t sequences : drafting_) seconds += drafter_.seconds(sequences);
  return seconds;
}

std::span<const std::uint32_t> Speculation::choose(std::span<const DraftCandidate> candidates,
                                                   std::uint32_t rows, std::uint32_t room) {
  lengths_.assign(candidates.size(), 0);
  options_.clear();
  drafting_.fill(0);
  const Acceptance::Estimate others = all_.estimate();
  std::uint32_t granted = 0;
  double tokens = static_cast<double>(candidates.size());
  for (std::uint32_t c = 0; c < candidates.size(); ++c) {
    const DraftCandidate& candidate = candidates[c];
    const std::uint32_t most = std::min({candidate.most, candidate.limits.n_max, kDraftsMax});
    const auto stands = candidate.acceptance->estimate(others);
    double survival = 1;
    for (std::uint32_t position = 0; position < most; ++position) {
      survival *= stands[position];
      if (position < candidate.limits.n_min) {
        if (granted == room) break;
        ++granted, ++drafting_[position], ++lengths_[c];
        tokens += survival;
      } else {
        options_.push_back({survival, c, position});
      }
    }
  }
  // Best first; of one candidate the earlier draft comes first, whatever rounding did.
  std::sort(options_.begin(), options_.end(), [](const Option& a, const Option& b) {
    if (a.survival != b.survival) return a.survival > b.survival;
    return a.position != b.position ? a.position < b.position : a.candidate < b.candidate;
  });
  const double plain_tokens = tokens,
               plain_seconds = target_.seconds(rows + granted) + draft_seconds();
  Pick pick = best_options(plain_tokens, rows + granted, room - granted,
                           plain_tokens / plain_seconds * kWorthIt);
  ++since_plain_;
  if (pick.count == 0) since_plain_ = 0, seconds_since_plain_ = 0;
  if (!affords_plain_step(plain_tokens, rows + granted, pick.rate)) {
    pick = or_one_more(pick, plain_tokens, rows + granted, room - granted);
    for (std::uint32_t left = pick.count, i = 0; left > 0; ++i) {
      if (options_[i].position < pick.depth) ++lengths_[options_[i].candidate], --left, ++granted;
    }
  }
  probe(candidates, rows + granted, room - granted, 1 / pick.rate);
  return lengths_;
}

// The best options of all that take so many draft steps or fewer, for each number of steps: a
// likelier draft that needs a step of its own may cost more than one that others' steps make.
Speculation::Pick Speculation::best_options(double plain_tokens, std::uint32_t rows,
                                            std::uint32_t room, double plain_rate) const {
  Pick best{.depth = 0, .count = 0, .rate = plain_rate};
  for (std::uint32_t depth = 1; depth <= kDraftsMax; ++depth) {
    Drafts drafts{plain_tokens, draft_seconds(), drafting_};
    std::uint32_t count = 0;
    for (auto option = options_.begin(); option != options_.end() && count < room; ++option) {
      if (option->position >= depth) continue;
      drafts.add(*option, drafter_);
      const double rate = drafts.tokens / (target_.seconds(rows + ++count) + drafts.seconds);
      if (rate > best.rate) best = {depth, count, rate};
    }
  }
  return best;
}

void Speculation::Drafts::add(const Option& option, const CostCurve& drafter) {
  std::uint32_t& of_step = sequences[option.position];
  tokens += option.survival;
  seconds -= drafter.seconds(of_step);
  seconds += drafter.seconds(++of_step);
}

// That one more draft would cost too much may be wrong, and who never tries never learns: now and
// then one more than pays is tried, at what its time would have brought, less what it brings.
Speculation::Pick Speculation::or_one_more(const Pick& pick, double plain_tokens,
                                           std::uint32_t rows, std::uint32_t room) {
  const Pick more{std::min(pick.depth + 1, kDraftsMax), pick.count + 1, pick.rate};
  if (pick.count == 0 || more.count > room) return pick;
  Drafts drafts{plain_tokens, draft_seconds(), drafting_};
  std::uint32_t count = 0;
  for (auto option = options_.begin(); option != options_.end() && count < more.count; ++option) {
    if (option->position < more.depth) drafts.add(*option, drafter_), ++count;
  }
  if (count < more.count) return pick;
  const double loss = target_.seconds(rows + count) + drafts.seconds - drafts.tokens / pick.rate;
  if (loss > kLongerShare * seconds_since_longer_) return pick;
  seconds_since_longer_ = 0;
  return more;
}

// Whoever drafts in every step no longer knows what a step without drafts takes: now and then one
// is tried. It costs what its time would have brought at the best rate, less what it brings, so
// the less there is to lose the sooner one is tried. The first few cost what they cost: a belief
// that one interrupted launch has left would stand for long.
bool Speculation::affords_plain_step(double tokens, std::uint32_t rows, double rate) {
  if (since_plain_ < kPlainAfter) return false;
  const double loss = target_.seconds(rows) + draft_seconds() - tokens / rate;
  if (target_.settled(rows) && loss > kPlainShare * seconds_since_plain_) return false;
  since_plain_ = 0, seconds_since_plain_ = 0;
  return true;
}

// A sequence that has not drafted for a while tries one draft, as long as such tries stay cheap.
// They are paid for when it is known what they cost, less what the token they may bring is worth:
// costs that are wrong must not forbid the tries that would put them right.
void Speculation::probe(std::span<const DraftCandidate> candidates, std::uint32_t rows,
                        std::uint32_t room, double token_seconds) {
  unprobed_rows_ = 0;
  if (room == 0 || probe_budget_ < 0) return;
  for (std::uint32_t c = 0; c < candidates.size(); ++c) {
    const DraftCandidate& candidate = candidates[c];
    if (lengths_[c] > 0 || std::min(candidate.most, candidate.limits.n_max) == 0) continue;
    if (candidate.since_draft < kProbeAfter) continue;
    lengths_[c] = 1;
    unprobed_rows_ = rows;
    probe_worth_ = candidate.acceptance->estimate(all_.estimate())[0] * token_seconds;
    return;
  }
}

void Speculation::pay_for_probe(double seconds) {
  const double without = target_.seconds(unprobed_rows_);
  // What an interruption took is not the try's fault.
  const double cost = std::clamp(seconds - without, 0.0, kProbeWorst * without) +
                      std::min(drafter_.seconds(1), without);
  probe_budget_ -= std::max(0.0, cost - probe_worth_);
  unprobed_rows_ = 0;
}

void Speculation::start_from(CostCurve target, CostCurve drafter) {
  target_ = target, drafter_ = drafter;
  if (!target.points().empty() && !drafter.points().empty()) launches_to_learn_ = 0;
}

void Speculation::drafted(std::span<const std::uint32_t> sequences_per_step, double seconds) {
  // A drafter is smaller than its target: a round that took longer than as many launches of that
  // was interrupted.
  double most = 0;
  for (const std::uint32_t sequences : sequences_per_step) most += target_.seconds(sequences);
  drafter_.measured(sequences_per_step, std::min(seconds, most));
  spent(seconds);
}

void Speculation::verified(std::uint32_t rows, double seconds) {
  if (unprobed_rows_ > 0) pay_for_probe(seconds);
  target_.measured(rows, seconds);
  spent(seconds);
  if (launches_to_learn_ > 0) --launches_to_learn_;
}

void Speculation::spent(double seconds) {
  probe_budget_ += (launches_to_learn_ > 0 ? kProbeShareAtFirst : kProbeShare) * seconds;
  // Nothing is saved up for a burst of tries.
  probe_budget_ = std::min(probe_budget_, kProbeWorst * seconds);
  seconds_since_plain_ += seconds;
  seconds_since_longer_ += seconds;
}

}  // namespace outrider
