// The engine on the shipped pair.
#include <gtest/gtest.h>

#include "engine/nano_test_run.h"

namespace outrider {
namespace {

// The case that this project began with: two slots draft three tokens each, with a least
// confidence, and both from their first token on.
TEST(Nano, two_slots_draft_three_with_p_min_from_their_first_tokens) {
  const RuntimeOptions options{.context = 512, .sequences = 2, .chunk_rows = 512};
  const auto plain = load_nano(options);
  const NanoPrompts prompts(*plain);
  const auto counts = std::make_shared<DeferredCounts>();
  const auto runtime = load_nano(options, counts);
  SpeculationCounts all;
  for (std::uint32_t number = 0; number < 12; number += 2) {
    SCOPED_TRACE(number);
    Engine engine(*runtime, nullptr, {.slots = 2, .cache_prefixes = false});
    std::vector<std::vector<std::uint32_t>> want;
    HeardNumbers heard[2];
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      Request r = prompts.request(number + slot, 60);
      r.sampling.temperature = number % 4 == 0 ? 0.0f : 1.0f;
      want.push_back(alone_on(*plain, r));
      r.drafts = {.n_min = 3, .n_max = 3, .p_min = 0.75f};
      r.checkpoints.clear();  // whole prompts, so that both have their first token at once
      ASSERT_TRUE(engine.submit(std::move(r), heard[slot]).has_value());
    }
    const std::uint64_t rounds = counts->draft_submissions;
    ASSERT_TRUE(engine.step().has_value());
    ASSERT_EQ(heard[0].tokens.size(), 1u);
    ASSERT_EQ(heard[1].tokens.size(), 1u);
    ASSERT_TRUE(engine.step().has_value());
    EXPECT_EQ(counts->draft_submissions, rounds + 1) << "a round for both";
    EXPECT_EQ(counts->sequences_last, 2u);
    while (!engine.idle()) ASSERT_TRUE(engine.step().has_value());
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      EXPECT_EQ(heard[slot].tokens, want[slot]) << "slot " << slot;
      EXPECT_GT(heard[slot].tokens.size(), 2u);
    }
    all.drafted += engine.counters().speculative.drafted;
    all.accepted += engine.counters().speculative.accepted;
  }
  EXPECT_GT(all.drafted, 100u);
  EXPECT_GT(all.accepted, all.drafted / 2) << "a drafter that was trained for its target";
}

// A sample of what nano_long_test.cc runs with 200 prompts.
TEST(Nano, replies_are_the_same_under_a_sample_of_settings) {
  const auto cases = draw_nano_cases(1, 8, 4);
  NanoRun run;
  const NanoTotals totals = run.run(cases);
  EXPECT_EQ(totals.cases, 32u);
  EXPECT_GT(totals.drafted, 200u);
  EXPECT_GT(totals.accepted, 100u);
  EXPECT_GT(totals.cached, 200u);
}

}  // namespace
}  // namespace outrider
