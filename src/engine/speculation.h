// How many tokens each sequence drafts: as many as raise the tokens a second that all of them
// together are expected to get, by what launches cost here and how many drafts have stood.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/cost_curve.h"
#include "step/batch.h"

namespace outrider {

// Bounds of one request.
struct DraftLimits {
  std::uint32_t n_min = 0;  // equal to n_max: always so many
  std::uint32_t n_max = 8;  // at most kDraftsMax; 0: no drafts
  float p_min = 0;          // a draft of less confidence (draft_confidence) is not verified
};

// How often drafts stand, by their place in the round: the chance that one does, given that those
// before it did. Recent rounds count more.
class Acceptance {
 public:
  // One round: so many drafts were judged, so many stood.
  void judged(std::uint32_t drafted, std::uint32_t accepted);
  // For positions 0 to kDraftsMax - 1. Positions never judged are taken to be like the one before
  // them; where little is known, `prior` says what others saw.
  using Estimate = std::array<double, kDraftsMax>;
  Estimate estimate() const;
  Estimate estimate(const Estimate& prior) const;

 private:
  std::array<double, kDraftsMax> trials_{}, stood_{};
};

// What one sequence has at stake in a step.
struct DraftCandidate {
  const Acceptance* acceptance;
  DraftLimits limits;
  std::uint32_t most;         // drafts that fit: context, tokens wanted, rows of a launch
  std::uint32_t since_draft;  // tokens since it last drafted
};

class Speculation {
 public:
  explicit Speculation(std::uint32_t sequences);

  // Drafts for each candidate, in order; in a step that has `rows` rows besides them, prompt rows
  // taken for granted, and room for `room` drafts. Borrowed until the next call.
  std::span<const std::uint32_t> choose(std::span<const DraftCandidate> candidates,
                                        std::uint32_t rows, std::uint32_t room);

  void judged(std::uint32_t drafted, std::uint32_t accepted) { all_.judged(drafted, accepted); }
  // A draft round in whose steps so many sequences drafted, and a target launch.
  void drafted(std::span<const std::uint32_t> sequences_per_step, double seconds);
  void verified(std::uint32_t rows, double seconds);

  const Acceptance& everyone() const { return all_; }
  const CostCurve& target_cost() const { return target_; }
  const CostCurve& drafter_cost() const { return drafter_; }
  // What launches took in an earlier process; where there is some of both, no time is set aside for
  // more tries at first.
  void start_from(CostCurve target, CostCurve drafter);
  // What others saw of the same pair's drafts; until then it is guessed.
  void start_from(const Acceptance& everyone) { all_ = everyone; }

 private:
  struct Option {     // one more draft for one candidate
    double survival;  // chance that it stands
    std::uint32_t candidate;
    std::uint32_t position;
  };
  struct Pick {           // the first `count` options before `depth`
    std::uint32_t depth;  // draft steps
    std::uint32_t count;
    double rate;  // tokens a second of a step with them
  };
  struct Drafts {  // of a step with some options
    double tokens;
    double seconds;                                   // of the draft steps
    std::array<std::uint32_t, kDraftsMax> sequences;  // of each
    void add(const Option& option, const CostCurve& drafter);
  };
  // `rows` and `plain_tokens` of a step without them, `room` rows for them.
  Pick best_options(double plain_tokens, std::uint32_t rows, std::uint32_t room,
                    double plain_rate) const;
  Pick or_one_more(const Pick& pick, double plain_tokens, std::uint32_t rows, std::uint32_t room);
  // Of all draft steps, with as many sequences as drafting_ says.
  double draft_seconds() const;
  void probe(std::span<const DraftCandidate> candidates, std::uint32_t rows, std::uint32_t room,
             double token_seconds);
  bool affords_plain_step(double tokens, std::uint32_t rows, double rate);
  void pay_for_probe(double seconds);
  void spent(double seconds);

  CostCurve target_, drafter_;
  Acceptance all_;
  double probe_budget_ = 0;          // seconds that tries of drafts may cost
  std::uint32_t launches_to_learn_;  // until costs count as known
  std::uint32_t since_plain_ = 0;    // steps in a row that drafted more than they had to,
  double seconds_since_plain_ = 0;   // and what they took
  double seconds_since_longer_ = 0;  // since more drafts than pay were tried
  std::uint32_t unprobed_rows_ = 0;  // of the step in progress, but for its try; 0: it has none
  double probe_worth_ = 0;           // seconds that the try is expected to save
  std::vector<Option> options_;
  std::vector<std::uint32_t> lengths_;
  std::array<std::uint32_t, kDraftsMax> drafting_{};  // sequences, by draft step
};

}  // namespace outrider
