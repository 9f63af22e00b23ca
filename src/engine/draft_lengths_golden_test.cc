// Draft lengths in an engine whose time is a script: what the automatic choice gains or loses is
// arithmetic there, not a stopwatch.
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/scripted_test_backend.h"

namespace outrider {
namespace {

struct Silent final : Listener {
  bool on_tokens(std::span<const GeneratedToken>) override { return true; }
  void on_finish(const Finish&) override {}
};

struct Costs {
  const char* name;
  double row, draft;  // of a target launch of one row: what another row and a draft step cost
  bool steep;         // launches of more than 4 rows cost half as much again
};

// Tokens a second of the script's clock while so many slots are busy, all drafting alike.
double tokens_per_second(const Costs& costs, const std::vector<double>& acceptance,
                         std::uint32_t slots, DraftLimits limits) {
  Script script{.vocab = 16};
  script.target_seconds = [&](std::uint32_t rows) {
    return (1 + costs.row * (rows - 1.0)) * (costs.steep && rows > 4 ? 1.5 : 1.0);
  };
  script.draft_seconds = [&](std::uint32_t sequences) {
    return costs.draft * (1 + 0.05 * (sequences - 1.0));
  };
  const ScriptedRuntime over = scripted(
      script, {.context = 4096, .sequences = slots, .drafts = kDraftsMax, .chunk_rows = 256});
  Engine engine(*over.runtime, nullptr,
                {.slots = slots, .synthetic_acceptance = acceptance, .clock = [&] {
                   return over.backend->seconds;
                 }});
  Silent silent;
  for (std::uint32_t i = 0; i < slots; ++i) {
    Request r{.prompt = {TokenId(i), TokenId(5)}, .tokens_max = 1200};
    r.sampling.seed = i;
    r.drafts = limits;
    require(engine.submit(std::move(r), silent).has_value(), "the engine takes it");
  }
  while (engine.counters().finished == 0)
    require(engine.step().has_value(), "a scripted step cannot fail");
  return static_cast<double>(engine.counters().tokens) / over.backend->seconds;
}

// With time as a script: never 2 % behind no drafts, and never 3 % behind the best fixed length.
TEST(DraftLengths, automatic_lengths_keep_up_with_the_best_fixed_one) {
  const std::vector<double> acceptances[] = {{0.8, 0.65, 0.5}, {0.1, 0.02, 0.0}};
  const Costs machines[] = {{"bandwidth", 0.01, 0.05, false},
                            {"cores", 0.25, 0.10, false},
                            {"a step in the middle", 0.03, 0.08, true}};
  for (const Costs& machine : machines) {
    for (const auto& acceptance : acceptances) {
      for (const std::uint32_t slots : {1u, 2u, 4u, 8u, 16u}) {
        SCOPED_TRACE(testing::Message() << machine.name << ", " << acceptance[0] << ", " << slots);
        const double plain =
            tokens_per_second(machine, acceptance, slots, {.n_min = 0, .n_max = 0});
        double best = plain;
        for (std::uint32_t n = 1; n <= 8; ++n) {
          best = std::max(best,
                          tokens_per_second(machine, acceptance, slots, {.n_min = n, .n_max = n}));
        }
        const double ours = tokens_per_second(machine, acceptance, slots, {});
        EXPECT_GE(ours / plain, 0.98);
        EXPECT_GE(ours / best, 0.97);
      }
    }
  }
}

}  // namespace
}  // namespace outrider
