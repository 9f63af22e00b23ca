#include "engine/speculation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace outrider {
namespace {

TEST(Acceptance, drafts_behind_the_first_that_fell_say_nothing) {
  Acceptance a;
  for (int i = 0; i < 200; ++i) a.judged(4, 1);
  const auto stands = a.estimate();
  EXPECT_GT(stands[0], 0.97);
  EXPECT_LT(stands[1], 0.03);
  EXPECT_EQ(stands[2], stands[1]) << "never judged: like the one before";
}

TEST(Acceptance, what_others_saw_counts_until_one_has_seen_enough) {
  Acceptance others, own;
  for (int i = 0; i < 500; ++i) others.judged(1, 1);
  EXPECT_GT(own.estimate(others.estimate())[0], 0.97);
  for (int i = 0; i < 60; ++i) own.judged(1, 0);
  EXPECT_LT(own.estimate(others.estimate())[0], 0.2);
}

// Runs draft rounds against true chances; returns the lengths chosen. `seconds` are a target
// launch's by its drafts.
template <class Seconds>
std::vector<std::uint32_t> rounds(Speculation& speculation, std::span<const double> chances,
                                  int steps, double draft_step, Seconds&& seconds) {
  std::vector<std::uint32_t> lengths;
  std::mt19937 bits(1);
  std::uniform_real_distribution<double> uniform(0, 1);
  Acceptance own;
  std::uint32_t since = 0;
  for (int step = 0; step < steps; ++step) {
    const DraftCandidate candidate{&own, {}, 100, since};
    const std::uint32_t length = speculation.choose(std::span(&candidate, 1), 1, 30)[0];
    std::uint32_t stands = 0;
    const double draw = uniform(bits);
    while (stands < length && stands < chances.size() && draw < chances[stands]) ++stands;
    if (length > 0) {
      speculation.drafted(std::vector<std::uint32_t>(length, 1), draft_step * length);
      own.judged(length, stands);
      speculation.judged(length, stands);
    }
    since = length > 0 ? 0 : since + 1;
    speculation.verified(1 + length, seconds(length));
    lengths.push_back(length);
  }
  return lengths;
}

// What was chosen in the last of many.
std::uint32_t settled(std::span<const double> chances, double target_row, double draft_step) {
  Speculation speculation(1);
  return rounds(speculation, chances, 800, draft_step,
                [&](std::uint32_t drafts) { return 1 + target_row * drafts; })
      .back();
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

// The first sequence's second draft is likelier than the second sequence's first one, but needs a
// draft step of its own: together they cost more than they bring, one draft each does not.
TEST(Speculation, a_likelier_draft_that_needs_a_step_of_its_own_waits) {
  const CostCurve::Point target[] = {{2, 573}, {3, 767}, {4, 797}, {5, 950}, {8, 1500}};
  const CostCurve::Point drafter[] = {{1, 149}, {2, 170}};
  Speculation speculation(2);
  speculation.start_from(CostCurve(target), CostCurve(drafter));
  Acceptance likely, less_likely;
  for (int round = 0; round < 400; ++round) {
    likely.judged(2, round % 12 < 2 ? 0 : round % 12 == 2 ? 1 : 2);
    less_likely.judged(1, round % 8 < 5 ? 1 : 0);
  }
  ASSERT_GT(likely.estimate()[0] * likely.estimate()[1], less_likely.estimate()[0]);
  const DraftCandidate candidates[] = {{&likely, {}, 100, 0}, {&less_likely, {}, 100, 0}};
  const auto lengths = speculation.choose(candidates, 2, 30);
  EXPECT_EQ(lengths[0], 1u);
  EXPECT_EQ(lengths[1], 1u);
}

// Drafts look cheap because a step without them was learnt while the machine was slow.
TEST(Speculation, a_step_without_drafts_is_tried_while_drafts_seem_to_pay) {
  const CostCurve::Point target[] = {{1, 1.6}, {2, 1.9}}, drafter[] = {{1, 0.1}};
  Speculation speculation(1);
  speculation.start_from(CostCurve(target), CostCurve(drafter));
  Acceptance own;
  for (int round = 0; round < 100; ++round) own.judged(1, round % 5 > 0 ? 1 : 0);
  std::uint32_t since = 0, early = 0, late = 0;
  for (int step = 0; step < 2000; ++step) {
    const DraftCandidate candidate{&own, {.n_max = 1}, 100, since};
    const std::uint32_t length = speculation.choose(std::span(&candidate, 1), 1, 30)[0];
    if (length > 0) {
      const std::uint32_t stands = step % 5 > 0 ? 1 : 0;
      speculation.drafted(std::vector<std::uint32_t>{1}, 0.1);
      own.judged(1, stands);
      speculation.judged(1, stands);
    }
    since = length > 0 ? 0 : since + 1;
    speculation.verified(1 + length, 1 + 0.9 * length);
    (step < 30 ? early : late) += step < 30 || step >= 1500 ? length : 0;
  }
  EXPECT_EQ(early, 30u) << "drafts seem to pay";
  EXPECT_LT(late, 50u);
}

// The very first step, which has no drafts, is interrupted; drafts do not pay here.
TEST(Speculation, a_step_without_drafts_interrupted_at_the_start_is_soon_tried_again) {
  Speculation speculation(1);
  Acceptance own;
  std::uint32_t since = 0, drafted = 0;
  for (int step = 0; step < 150; ++step) {
    const DraftCandidate candidate{&own, {}, 100, since};
    const std::uint32_t length = speculation.choose(std::span(&candidate, 1), 1, 30)[0];
    if (length > 0) {
      const std::uint32_t stands = step % 5 > 0 ? 1 : 0;
      speculation.drafted(std::vector<std::uint32_t>(length, 1), 0.1 * length);
      own.judged(length, stands);
      speculation.judged(length, stands);
    }
    since = length > 0 ? 0 : since + 1;
    speculation.verified(1 + length, step == 0 ? 3.0 : 1 + 0.9 * length);
    if (step >= 50) drafted += length;
  }
  EXPECT_LT(drafted, 20u);
}

TEST(Speculation, a_size_that_an_earlier_process_found_slow_is_tried_again) {
  // What launches of 1, 2, ... rows take, and what the earlier process believed of four and five.
  const double seconds[] = {0.072, 0.080, 0.082, 0.085, 0.100, 0.120, 0.130, 0.150, 0.160};
  const CostCurve::Point believed[] = {
      {1, 0.072}, {2, 0.080}, {3, 0.082}, {4, 0.1195}, {5, 0.1024}};
  const CostCurve::Point drafter[] = {{1, 0.0033}};
  const double chances[] = {0.8, 0.65, 0.5};
  Speculation speculation(1);
  speculation.start_from(CostCurve(believed), CostCurve(drafter));
  const auto lengths = rounds(speculation, chances, 600, 0.0033,
                              [&](std::uint32_t drafts) { return seconds[drafts]; });
  EXPECT_GT(std::count(lengths.begin() + 400, lengths.end(), 3u), 150);
}

// A busy machine: the first launches with drafts are interrupted, each for a hundred times as long
// as it takes. Counts the drafts of the tokens 500 to 1000.
TEST(Speculation, launches_interrupted_at_the_start_do_not_end_drafting) {
  for (std::uint32_t interrupted = 1; interrupted <= 3; ++interrupted) {
    Speculation speculation(1);
    Acceptance own;
    std::uint32_t since = 0, tokens = 0, late = 0, launches = 0;
    while (tokens < 1000) {
      const DraftCandidate candidate{&own, {}, 100, since};
      const std::uint32_t length = speculation.choose(std::span(&candidate, 1), 1, 30)[0];
      const bool slow = length > 0 && launches++ < interrupted;
      if (length > 0) {
        const std::vector<std::uint32_t> steps(length, 1);
        speculation.drafted(steps, (slow ? 10.0 : 0.1) * length);
        own.judged(length, length);
        speculation.judged(length, length);
      }
      since = length > 0 ? 0 : since + 1;
      speculation.verified(1 + length, (slow ? 100.0 : 1.0) * (1 + 0.05 * length));
      tokens += 1 + length;
      if (tokens > 500) late += length;
    }
    EXPECT_GT(late, 300u) << interrupted << " interrupted";
  }
}

}  // namespace
}  // namespace outrider
