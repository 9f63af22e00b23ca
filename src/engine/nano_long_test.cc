// 200 prompts to the shipped pair, each under eight drawn settings: the same prompt and seed have
// the same tokens.
#include <gtest/gtest.h>

#include <set>

#include "engine/nano_test_run.h"

namespace outrider {
namespace {

constexpr std::uint32_t kPrompts = 200, kSettings = 8;

std::vector<NanoCase> cases() {
  return draw_nano_cases(2026, kPrompts, kSettings);
}

TEST(NanoReplies, every_value_of_every_setting_is_drawn_at_least_20_times) {
  const auto counts = count_values(cases());
  EXPECT_EQ(counts.size(), kNanoValues);
  for (const auto& [value, count] : counts) {
    EXPECT_GE(count, 20u) << value;
    fmt::print("{}: {}\n", value, count);
  }
}

TEST(NanoReplies, the_prompts_are_200_different_ones) {
  const auto runtime = load_nano({.context = 512, .sequences = 1});
  const NanoPrompts prompts(*runtime);
  std::set<std::vector<TokenId>> seen;
  for (std::uint32_t i = 0; i < kPrompts; ++i) seen.insert(prompts.request(i, 1).prompt);
  EXPECT_EQ(seen.size(), kPrompts);
}

class NanoRepliesWithSlots : public testing::TestWithParam<std::uint32_t> {};

TEST_P(NanoRepliesWithSlots, follow_from_prompt_and_seed_alone) {
  auto drawn = cases();
  std::erase_if(drawn, [](const NanoCase& one) { return one.slots != GetParam(); });
  NanoRun run;
  const NanoTotals totals = run.run(drawn);
  EXPECT_EQ(totals.cases, drawn.size());
  EXPECT_GT(totals.accepted, totals.cases);
  fmt::print("{} cases, {} tokens, {} prompt tokens cached, {} of {} drafts accepted\n",
             totals.cases, totals.tokens, totals.cached, totals.accepted, totals.drafted);
}

INSTANTIATE_TEST_SUITE_P(Slots, NanoRepliesWithSlots, testing::Values(1u, 2u, 4u, 16u),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace outrider
