#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace outrider {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Everything passes: no filter, temperature 1.
SamplingParams unfiltered(std::uint64_t seed) {
  return {.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0, .seed = seed};
}

std::set<std::uint32_t> picked(const SamplingParams& params, const std::vector<float>& logits,
                               std::uint32_t draws = 4000) {
  Sampler sampler(params);
  std::set<std::uint32_t> tokens;
  for (std::uint32_t pos = 0; pos < draws; ++pos)
    tokens.insert(sampler.pick(logits, Pos(pos)).value());
  return tokens;
}

TEST(Greedy, ties_go_to_the_lowest_id) {
  EXPECT_EQ(most_likely(std::vector<float>{1, 3, 3, 2}), TokenId(1));
  EXPECT_EQ(most_likely(std::vector<float>{-kInfinity, -5, -5}), TokenId(1));
  Sampler sampler({.temperature = 0});
  for (std::uint32_t pos = 0; pos < 50; ++pos) {
    EXPECT_EQ(sampler.pick(std::vector<float>{0, 7, 7, 7}, Pos(pos)), TokenId(1));
  }
}

TEST(Greedy, what_is_not_a_number_is_never_picked) {
  EXPECT_EQ(most_likely(std::vector<float>{kNan, 1, 2}), TokenId(2));
  EXPECT_EQ(most_likely(std::vector<float>{5, kNan, 2}), TokenId(0));
}

TEST(Sampler, top_k_keeps_the_k_most_likely_and_ties_keep_the_lowest_ids) {
  const std::vector<float> logits = {0.0f, 0.4f, 0.3f, 0.2f, 0.3f, 0.1f};
  SamplingParams params = unfiltered(1);
  params.top_k = 1;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1}));
  params.top_k = 2;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1, 2}));
  params.top_k = 3;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1, 2, 4}));
  params.top_k = 4;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1, 2, 3, 4}));
  for (const std::uint32_t all : {0u, 6u, 100u}) {
    params.top_k = all;
    EXPECT_EQ(picked(params, logits).size(), 6u) << all;
  }
}

TEST(Sampler, top_p_keeps_the_smallest_set_that_reaches_it_and_never_none) {
  std::vector<float> logits;
  for (const float probability : {0.1f, 0.5f, 0.15f, 0.25f})
    logits.push_back(std::log(probability));
  SamplingParams params = unfiltered(2);
  params.top_p = 0.45f;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1}));
  params.top_p = 0.7f;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1, 3}));
  params.top_p = 0.8f;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1, 2, 3}));
  params.top_p = 0.95f;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{0, 1, 2, 3}));
  params.top_p = 0.0f;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1}));
}

TEST(Sampler, top_p_counts_among_what_top_k_left) {
  std::vector<float> logits;
  for (const float probability : {0.4f, 0.3f, 0.2f, 0.1f}) logits.push_back(std::log(probability));
  SamplingParams params = unfiltered(3);
  params.top_k = 2;  // 4/7 and 3/7 remain
  params.top_p = 0.55f;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{0}));
  params.top_k = 0;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{0, 1}));
}

TEST(Sampler, min_p_is_relative_to_the_most_likely) {
  std::vector<float> logits;
  for (const float probability : {0.05f, 0.6f, 0.25f, 0.1f})
    logits.push_back(std::log(probability));
  SamplingParams params = unfiltered(4);
  params.min_p = 0.5f;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1}));
  params.min_p = 0.4f;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1, 2}));
  params.min_p = 0.1f;
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1, 2, 3}));
}

TEST(Sampler, filters_look_at_the_distribution_before_the_temperature) {
  std::vector<float> logits;
  for (const float probability : {0.6f, 0.3f, 0.1f}) logits.push_back(std::log(probability));
  SamplingParams params = unfiltered(5);
  params.top_p = 0.85f;
  params.temperature = 50;  // all three would be equally likely, and none near 0.6
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{0, 1}));
}

TEST(Sampler, minus_infinity_is_never_picked_whatever_the_settings) {
  std::vector<float> logits(300, -kInfinity);
  for (const std::size_t token : {7u, 200u, 299u}) logits[token] = -40;
  for (const SamplingParams& params :
       {unfiltered(6), SamplingParams{.seed = 6}, SamplingParams{.temperature = 100, .top_p = 1},
        SamplingParams{.temperature = 0}, SamplingParams{.top_k = 0, .top_p = 0.999f}}) {
    for (const std::uint32_t token : picked(params, logits)) {
      EXPECT_TRUE(token == 7 || token == 200 || token == 299) << token;
    }
  }
}

TEST(Sampler, logits_that_are_not_numbers_are_left_out) {
  std::vector<float> logits(300, kNan);
  logits[11] = 1;
  logits[250] = -kInfinity;
  for (const std::uint32_t top_k : {0u, 5u, 64u, 300u}) {
    EXPECT_EQ(picked({.top_k = top_k, .seed = 7}, logits, 200), (std::set<std::uint32_t>{11}));
  }
}

TEST(Sampler, the_smallest_temperature_still_picks_the_most_likely) {
  const std::vector<float> logits = {1, 30, 29, 12};
  SamplingParams params = unfiltered(8);
  params.temperature = 1e-38f;
  EXPECT_EQ(picked(params, logits, 200), (std::set<std::uint32_t>{1}));
}

TEST(Sampler, the_same_seed_and_position_pick_the_same_token_in_any_order) {
  std::vector<float> logits(1000);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] = std::sin(static_cast<float>(i)) * 3.0f;
  Sampler forward(unfiltered(9)), backward(unfiltered(9)), other(unfiltered(10));
  std::map<std::uint32_t, TokenId> tokens;
  for (std::uint32_t pos = 0; pos < 200; ++pos) tokens.emplace(pos, forward.pick(logits, Pos(pos)));
  std::uint32_t same_with_another_seed = 0;
  for (std::uint32_t pos = 200; pos-- > 0;) {
    EXPECT_EQ(backward.pick(logits, Pos(pos)), tokens.at(pos));
    same_with_another_seed += other.pick(logits, Pos(pos)) == tokens.at(pos) ? 1 : 0;
  }
  EXPECT_LT(same_with_another_seed, 20u);
}

// Two models with the same noise agree wherever one's best stays the other's best: what makes
// drafts stand.
TEST(Sampler, logits_nearly_alike_pick_nearly_always_alike) {
  std::vector<float> target(200), drafter(200);
  for (std::size_t i = 0; i < target.size(); ++i) {
    target[i] = std::sin(static_cast<float>(i)) * 3.0f;
    drafter[i] = target[i] + 0.01f * std::cos(static_cast<float>(7 * i)) + 5.0f;
  }
  Sampler sampler(unfiltered(11));
  std::uint32_t alike = 0;
  for (std::uint32_t pos = 0; pos < 1000; ++pos)
    alike += sampler.pick(target, Pos(pos)) == sampler.pick(drafter, Pos(pos)) ? 1 : 0;
  EXPECT_GT(alike, 975u);
}

// Chi-square of `counts` against `probabilities`, and how many cells it has.
struct ChiSquare {
  double value = 0;
  double freedom = 0;
};

ChiSquare chi_square(const SamplingParams& params, const std::vector<float>& logits,
                     const std::vector<double>& probabilities) {
  constexpr std::uint32_t kDraws = 100'000;
  Sampler sampler(params);
  std::vector<double> counts(logits.size());
  for (std::uint32_t pos = 0; pos < kDraws; ++pos) ++counts[sampler.pick(logits, Pos(pos)).value()];
  ChiSquare result{0, -1};
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double expected = kDraws * probabilities[i];
    if (expected == 0) {
      EXPECT_EQ(counts[i], 0) << i;
      continue;
    }
    result.value += (counts[i] - expected) * (counts[i] - expected) / expected;
    ++result.freedom;
  }
  return result;
}

std::vector<double> softmax(const std::vector<float>& logits, double temperature,
                            const std::set<std::uint32_t>& kept) {
  std::vector<double> probabilities(logits.size());
  double total = 0;
  for (const std::uint32_t token : kept) {
    total += probabilities[token] = std::exp(static_cast<double>(logits[token]) / temperature);
  }
  for (double& probability : probabilities) probability /= total;
  return probabilities;
}

// Mean f and deviation sqrt(2 f): five deviations are passed by one honest run in millions.
void expect_distribution(const SamplingParams& params, const std::vector<float>& logits,
                         const std::set<std::uint32_t>& kept) {
  const ChiSquare chi =
      chi_square(params, logits, softmax(logits, static_cast<double>(params.temperature), kept));
  EXPECT_LT(chi.value, chi.freedom + 5 * std::sqrt(2 * chi.freedom) + 5)
      << "temperature " << params.temperature << ", top-k " << params.top_k << ", top-p "
      << params.top_p << ", seed " << params.seed;
}

TEST(Sampler, a_hundred_thousand_draws_follow_the_softmax) {
  const std::vector<float> logits = {0.0f, 1.0f, -1.5f, 2.0f, 0.5f, 2.5f, -0.5f, 1.7f};
  const std::set<std::uint32_t> all = {0, 1, 2, 3, 4, 5, 6, 7};
  for (const std::uint64_t seed : {0ull, 1ull, 0xffffffffffffffffull}) {
    expect_distribution(unfiltered(seed), logits, all);
  }
  for (const float temperature : {0.6f, 2.0f}) {
    SamplingParams params = unfiltered(3);
    params.temperature = temperature;
    expect_distribution(params, logits, all);
  }
}

TEST(Sampler, a_hundred_thousand_draws_follow_the_softmax_of_what_the_filters_leave) {
  const std::vector<float> logits = {0.0f, 1.0f, -1.5f, 2.0f, 0.5f, 2.5f, -0.5f, 1.7f};
  SamplingParams params = unfiltered(4);
  params.top_k = 3;
  expect_distribution(params, logits, {3, 5, 7});
  params = unfiltered(5);
  params.min_p = 0.2f;  // logits above 2.5 - 1.61
  expect_distribution(params, logits, {1, 3, 5, 7});
  params = unfiltered(6);
  params.top_p = 0.5f;  // exp: 12.2 + 7.4 of 32.3
  params.temperature = 1.3f;
  expect_distribution(params, logits, {3, 5});
}

TEST(Sampler, draws_at_neighbouring_positions_are_independent) {
  const std::vector<float> logits = {0, 0};
  Sampler sampler(unfiltered(12));
  double pairs[4] = {0, 0, 0, 0};
  constexpr std::uint32_t kPairs = 50'000;
  for (std::uint32_t i = 0; i < kPairs; ++i) {
    const auto first = sampler.pick(logits, Pos(2 * i)).value();
    const auto second = sampler.pick(logits, Pos(2 * i + 1)).value();
    ++pairs[2 * first + second];
  }
  double chi = 0;
  for (const double count : pairs) chi += (count - kPairs / 4.0) * (count - kPairs / 4.0);
  EXPECT_LT(chi / (kPairs / 4.0), 3 + 5 * std::sqrt(6.0) + 5);
}

TEST(Probability, is_the_softmax_over_everything_and_ignores_what_cannot_be) {
  std::vector<float> logits = {std::log(0.2f), std::log(0.5f), -kInfinity, std::log(0.3f)};
  EXPECT_NEAR(probability(logits, TokenId(1)), 0.5f, 1e-6f);
  EXPECT_NEAR(probability(logits, TokenId(3)), 0.3f, 1e-6f);
  EXPECT_EQ(probability(logits, TokenId(2)), 0.0f);
  for (float& logit : logits) logit += 1000;  // no overflow
  EXPECT_NEAR(probability(logits, TokenId(0)), 0.2f, 1e-4f);
}

}  // namespace
}  // namespace outrider
