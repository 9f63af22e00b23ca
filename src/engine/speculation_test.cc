// Draft lengths, alone and in an engine whose time is a script: what the automatic choice gains or
// loses is arithmetic there, not a stopwatch.
#include "engine/speculation.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/engine.h"
#include "engine/scripted_test_backend.h"

namespace outrider {
namespace {

TEST(Acceptance, drafts_behind_the_first_that_fell_say_nothing) {
  Acceptance a;
  for (int i = 0; i < 200; ++i) a.judged(4, 1);
  const auto stands = a.estimate(nullptr);
  EXPECT_GT(stands[0], 0.97);
  EXPECT_LT(stands[1], 0.03);
  EXPECT_EQ(stands[2], stands[1]) << "never judged: like the one before";
}

TEST(Acceptance, what_others_saw_counts_until_one_has_seen_enough) {
  Acceptance others, own;
  for (int i = 0; i < 500; ++i) others.judged(1, 1);
  EXPECT_GT(own.estimate(&others)[0], 0.97);
  for (int i = 0; i < 60; ++i) own.judged(1, 0);
  EXPECT_LT(own.estimate(&others)[0], 0.2);
}

// Runs draft rounds against true chances; returns what was chosen in the last of them.
std::uint32_t settled(std::span<const double> chances, double target_row, double draft_step) {
  Speculation speculation(1);
  std::mt19937 bits(1);
  std::uniform_real_distribution<double> uniform(0, 1);
  Acceptance own;
  std::uint32_t length = 0, since = 0;
  for (int step = 0; step < 800; ++step) {
    const DraftCandidate candidate{&own, {}, 100, since};
    length = speculation.choose(std::span(&candidate, 1), 1, 30)[0];
    std::uint32_t stands = 0;
    const double draw = uniform(bits);
    while (stands < length && stands < chances.size() && draw < chances[stands]) ++stands;
    if (length > 0) {
      const std::vector<std::uint32_t> steps(length, 1);
      speculation.drafted(steps, draft_step * length);
      own.judged(length, stands);
      speculation.judged(length, stands);
    }
    since = length > 0 ? 0 : since + 1;
    speculation.verified(1 + length, 1 + target_row * length);
  }
  return length;
}

TEST(Speculation, settles_near_the_length_that_pays) {
  const double good[] = {0.95, 0.9, 0.85, 0.8, 0.76, 0.72, 0.68, 0.65};
  EXPECT_GE(settled(good, 0.02, 0.02), 6u) << "cheap drafts that stand";
  const double fair[] = {0.8, 0.65, 0.5, 0.1, 0.0};
  const std::uint32_t three = settled(fair, 0.05, 0.05);
  EXPECT_GE(three, 2u);
  EXPECT_LE(three, 4u);
  const double poor[] = {0.1, 0.02, 0.0};
  EXPECT_EQ(settled(poor, 0.1, 0.1), 0u);
  EXPECT_EQ(settled(good, 1.0, 0.2), 0u) << "a row costs a whole launch: nothing can pay";
}

TEST(Speculation, bounds_hold) {
  Speculation speculation(3);
  Acceptance fresh;
  const DraftCandidate candidates[] = {{&fresh, {.n_min = 2, .n_max = 2}, 100, 0},
                                       {&fresh, {.n_min = 0, .n_max = 0}, 100, 0},
                                       {&fresh, {.n_min = 0, .n_max = 8}, 1, 0}};
  const auto lengths = speculation.choose(candidates, 3, 100);
  EXPECT_EQ(lengths[0], 2u);
  EXPECT_EQ(lengths[1], 0u);
  EXPECT_LE(lengths[2], 1u);
  const auto tight = speculation.choose(candidates, 3, 1);
  EXPECT_EQ(tight[0] + tight[1] + tight[2], 1u);
}

TEST(Speculation, finds_its_way_back_when_drafts_begin_to_stand) {
  Speculation speculation(1);
  Acceptance own;
  std::uint32_t since = 0, drafted_late = 0;
  for (int step = 0; step < 6000; ++step) {
    const DraftCandidate candidate{&own, {}, 100, since};
    const std::uint32_t length = speculation.choose(std::span(&candidate, 1), 1, 30)[0];
    const std::uint32_t stands = step < 1000 ? 0 : length;
    if (length > 0) {
      const std::vector<std::uint32_t> steps(length, 1);
      speculation.drafted(steps, 0.1 * length);
      own.judged(length, stands);
      speculation.judged(length, stands);
    }
    since = length > 0 ? 0 : since + 1;
    speculation.verified(1 + length, 1 + 0.05 * length);
    if (step > 5000) drafted_late += length;
  }
  EXPECT_GT(drafted_late, 1000u);
}

struct Silent final : Listener {
  bool on_tokens(std::span<const GeneratedToken>) override { return true; }
  void on_finish(const Finish&) override {}
};

struct Costs {
  const char* name;
  double row, draft;  // of a target launch of one row: what another row and a draft step cost
  bool steep;         // launches of more than 4 rows cost half as much again
};

// Tokens a second of the script's clock with so many slots, all drafting alike.
double tokens_per_second(const Costs& costs, const std::vector<double>& acceptance,
                         std::uint32_t slots, DraftLimits limits) {
  Script script;
  script.target_seconds = [&](std::uint32_t rows) {
    return (1 + costs.row * (rows - 1.0)) * (costs.steep && rows > 4 ? 1.5 : 1.0);
  };
  script.draft_seconds = [&](std::uint32_t sequences) {
    return costs.draft * (1 + 0.05 * (sequences - 1.0));
  };
  const ScriptedRuntime over = scripted(
      script, {.context = 4096, .sequences = slots, .chunk_rows = 256, .logit_rows = 16 * slots});
  Engine engine(*over.runtime, nullptr,
                {.slots = slots, .synthetic_acceptance = acceptance, .clock = [&] {
                   return over.backend->seconds;
                 }});
  Silent silent;
  for (std::uint32_t i = 0; i < slots; ++i) {
    Request r{.prompt = {TokenId(i % 64), TokenId(5)}, .tokens_max = 1200};
    r.sampling.seed = i;
    r.drafts = limits;
    require(engine.submit(std::move(r), silent).has_value(), "the engine takes it");
  }
  while (!engine.idle()) require(engine.step().has_value(), "a scripted step cannot fail");
  return static_cast<double>(engine.counters().tokens) / over.backend->seconds;
}

// With time as a script: never 2 % behind no drafts, and never 5 % behind the best fixed length.
// The goal is 3 %; 16 slots and drafts that seldom stand are not there yet.
TEST(Speculation, automatic_lengths_keep_up_with_the_best_fixed_one) {
  const std::vector<double> acceptances[] = {{0.8, 0.65, 0.5}, {0.1, 0.02, 0.0}};
  const Costs machines[] = {{"bandwidth", 0.01, 0.05, false},
                            {"cores", 0.25, 0.10, false},
                            {"a step in the middle", 0.03, 0.08, true}};
  for (const Costs& machine : machines) {
    for (const auto& acceptance : acceptances) {
      for (const std::uint32_t slots : {1u, 4u}) {
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
        EXPECT_GE(ours / best, 0.95);
      }
    }
  }
}

}  // namespace
}  // namespace outrider
