// What `outrider bench` measures: prompts read, tokens decoded, drafts made, and slots served.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/result.h"
#include "engine/engine.h"
#include "engine/runtime.h"

namespace outrider {

// How the slots of one measurement draft: "auto", or always so many.
struct BenchDrafts {
  std::string name;
  DraftLimits limits;
};

// kBadRequest for what is neither "auto" nor a number up to kDraftsMax.
Result<BenchDrafts> bench_drafts_of(const std::string& name);

// While all slots were busy, none of them reading its prompt.
struct ServeSample {
  double seconds = 0;
  std::uint64_t tokens = 0, steps = 0, rows = 0;
  double draft_seconds = 0, target_seconds = 0;
  SpeculationCounts speculative{};

  double rate() const { return static_cast<double>(tokens) / seconds; }  // tokens per second, added
  double rows_per_step() const { return static_cast<double>(rows) / static_cast<double>(steps); }
  // Tokens of a round that drafted; 1 where none did.
  double mean_length() const;
  // Of the drafts at each position of a round, counted in rounds that drafted: the share that
  // stood. Up to the last position that was drafted.
  std::vector<double> acceptance() const;
  double draft_ms() const { return draft_seconds * 1e3 / static_cast<double>(steps); }  // of a step
  double target_ms() const { return target_seconds * 1e3 / static_cast<double>(steps); }
};

using BenchClock = std::function<double()>;
double wall_seconds();
// Of this process on all its threads: what a machine that others use has cost it.
double processor_seconds();

class BenchRunner {
 public:
  // `acceptance` as in EngineOptions; `tokens` are measured for every slot, in seconds of `clock`.
  BenchRunner(Runtime& runtime, std::vector<double> acceptance, std::uint32_t tokens,
              BenchClock clock)
      : runtime_(runtime),
        acceptance_(std::move(acceptance)),
        tokens_(tokens),
        clock_(std::move(clock)) {}

  // Prompt rows a second of one prompt that nobody else shares a launch with.
  Result<double> prefill(std::uint32_t prompt_rows);
  // Every slot goes on from a prompt of its own. What launches cost and how often drafts stand is
  // remembered from run to run, as a server does that has been up for a while.
  Result<ServeSample> serve(std::uint32_t slots, const BenchDrafts& drafts,
                            std::uint32_t prompt_rows);

  // Starts from what another runner learnt about the same runtime.
  void learn_from(const BenchRunner& other) {
    target_cost_ = other.target_cost_, drafter_cost_ = other.drafter_cost_;
    everyone_ = other.everyone_;
  }

  // Positions that a sequence needs for all of it.
  static std::uint32_t context_for(std::uint32_t prompt_rows, std::uint32_t tokens) {
    return prompt_rows + 2 * tokens + 256;
  }

 private:
  Request request(std::uint32_t slot, std::uint32_t prompt_rows) const;

  Runtime& runtime_;
  std::vector<double> acceptance_;
  std::uint32_t tokens_;
  BenchClock clock_;
  CostCurve target_cost_, drafter_cost_;
  Acceptance everyone_;
};

// The middle one, or the mean of the two in the middle. `values` is not empty.
double median(std::vector<double> values);

}  // namespace outrider
