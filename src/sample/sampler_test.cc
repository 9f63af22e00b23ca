#include "sample/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "sample/sample_test_reference.h"

namespace outrider {
namespace {

std::set<std::uint32_t> picked(const SamplingParams& params, const std::vector<float>& logits,
                               std::uint32_t draws = 4000) {
  Sampler sampler;
  std::set<std::uint32_t> tokens;
  for (std::uint32_t pos = 0; pos < draws; ++pos)
    tokens.insert(sampler.pick(logits, {.params = params}, Pos(pos)).value());
  return tokens;
}

// What a rule of one outcome picks, at more than one position to be sure.
TokenId pick_of(const std::vector<float>& logits, const PickRule& rule,
                std::span<const TokenId> before = {}) {
  Sampler sampler;
  const TokenId token = sampler.pick(logits, rule, Pos(0), before);
  for (std::uint32_t pos = 1; pos < 50; ++pos)
    EXPECT_EQ(sampler.pick(logits, rule, Pos(pos), before), token) << pos;
  return token;
}

std::vector<TokenId> tokens_of(std::initializer_list<std::uint32_t> ids) {
  std::vector<TokenId> tokens;
  for (const std::uint32_t id : ids) tokens.emplace_back(id);
  return tokens;
}

TEST(Greedy, ties_go_to_the_lowest_id) {
  EXPECT_EQ(most_likely(std::vector<float>{1, 3, 3, 2}), TokenId(1));
  EXPECT_EQ(most_likely(std::vector<float>{-kInfinity, -5, -5}), TokenId(1));
  EXPECT_EQ(pick_of({0, 7, 7, 7}, {}), TokenId(1));
}

TEST(Greedy, is_the_most_likely_token_of_any_vocabulary_whatever_the_other_filters_say) {
  for (const std::size_t size : {1u, 2u, 63u, 64u, 65u, 128u, 1000u, 4097u}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const auto logits = random_logits(size, 5, seed);
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      Sampler sampler;
      const PickRule rule{
          .params = {.temperature = 0, .top_k = 5, .typical_p = 0.1f, .top_p = 0.3f, .seed = seed}};
      EXPECT_EQ(sampler.pick(logits, rule, Pos(3)).value(), best) << size << ", " << seed;
      EXPECT_EQ(most_likely(logits).value(), best);
    }
  }
}

TEST(Greedy, what_is_not_a_number_is_never_picked) {
  EXPECT_EQ(most_likely(std::vector<float>{kNan, 1, 2}), TokenId(2));
  EXPECT_EQ(most_likely(std::vector<float>{5, kNan, 2}), TokenId(0));
  EXPECT_EQ(pick_of({kNan, 1, 2}, {}), TokenId(2));
  EXPECT_EQ(pick_of({5, kNan, 2}, {}), TokenId(0));
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
  Sampler forward, backward;
  const PickRule rule{.params = unfiltered(9)}, other{.params = unfiltered(10)};
  std::map<std::uint32_t, TokenId> tokens;
  for (std::uint32_t pos = 0; pos < 200; ++pos)
    tokens.emplace(pos, forward.pick(logits, rule, Pos(pos)));
  std::uint32_t same_with_another_seed = 0;
  for (std::uint32_t pos = 200; pos-- > 0;) {
    EXPECT_EQ(backward.pick(logits, rule, Pos(pos)), tokens.at(pos));
    same_with_another_seed += backward.pick(logits, other, Pos(pos)) == tokens.at(pos) ? 1 : 0;
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
  Sampler sampler;
  const PickRule rule{.params = unfiltered(11)};
  std::uint32_t alike = 0;
  for (std::uint32_t pos = 0; pos < 1000; ++pos)
    alike += sampler.pick(target, rule, Pos(pos)) == sampler.pick(drafter, rule, Pos(pos)) ? 1 : 0;
  EXPECT_GT(alike, 975u);
}

TEST(Sampler, draws_at_neighbouring_positions_are_independent) {
  const std::vector<float> logits = {0, 0};
  Sampler sampler;
  const PickRule rule{.params = unfiltered(12)};
  double pairs[4] = {0, 0, 0, 0};
  constexpr std::uint32_t kPairs = 50'000;
  for (std::uint32_t i = 0; i < kPairs; ++i) {
    const auto first = sampler.pick(logits, rule, Pos(2 * i)).value();
    const auto second = sampler.pick(logits, rule, Pos(2 * i + 1)).value();
    ++pairs[2 * first + second];
  }
  double chi = 0;
  for (const double count : pairs) chi += (count - kPairs / 4.0) * (count - kPairs / 4.0);
  EXPECT_LT(chi / (kPairs / 4.0), 3 + 5 * std::sqrt(6.0) + 5);
}

// The formula, in doubles.
TEST(Sampler, a_pick_is_the_argmax_of_log_probability_and_gumbel_noise) {
  Sampler sampler;
  for (std::uint32_t pos = 0; pos < 500; ++pos) {
    const auto logits = random_logits(50, 3, pos);
    for (const Noise noise : {Noise::kShared, Noise::kDraft}) {
      const PickRule rule{.params = {.temperature = 0.7f, .top_k = 20, .seed = 0x123456789abcdef},
                          .noise = noise};
      std::uint32_t best = 0;
      double most = -std::numeric_limits<double>::infinity();
      const Reference reference(logits, rule);
      for (const ReferenceEntry& e : reference.entries()) {
        const PhiloxBlock block =
            philox4x32({e.token, pos, 0x67756d62u, static_cast<std::uint32_t>(noise)},
                       {0x89abcdef, 0x1234567});
        const double u = static_cast<double>(uniform_open(block[0]));
        const double score = std::log(e.probability) - std::log(-std::log(u));
        if (score > most) best = e.token, most = score;
      }
      EXPECT_EQ(sampler.pick(logits, rule, Pos(pos)).value(), best) << pos;
    }
  }
}

// Noise is one of 2^23 numbers, so two tokens can score alike. The third only makes sure that the
// sampler does not look at them by id: it has the best logit, and noise that loses.
TEST(Sampler, equal_scores_go_to_the_lowest_id) {
  std::map<std::uint32_t, std::uint32_t> seen;  // noise, token
  std::uint32_t low = 0, high = 0, loser = 0;
  for (std::uint32_t token = 0; token < 64 * 1024 && (low == 0 || loser == 0); ++token) {
    const std::uint32_t noise = philox4x32({token, 7, 0x67756d62u, 0}, {1, 0})[0] >> 9;
    const auto [at, first] = seen.emplace(noise, token);
    if (low == 0 && !first && noise > 0.9 * 0x1p23) low = at->second, high = token;
    if (low > 0 && token > high && noise < 0.1 * 0x1p23) loser = token;
  }
  ASSERT_GT(loser, high);
  std::vector<float> logits(loser + 1, -kInfinity);
  logits[low] = logits[high] = 1;
  logits[loser] = 1.5f;
  Sampler sampler;
  EXPECT_EQ(sampler.pick(logits, {.params = unfiltered(1)}, Pos(7)).value(), low);
  logits[low] = -kInfinity;
  EXPECT_EQ(sampler.pick(logits, {.params = unfiltered(1)}, Pos(7)).value(), high);
}

TEST(Bias, lifts_lowers_and_bans) {
  const std::vector<float> logits = {1, 2, 3, 4};
  const std::vector<TokenBias> lift = {{TokenId(1), 2.5f}};
  EXPECT_EQ(pick_of(logits, {.bias = lift}), TokenId(1));
  const std::vector<TokenBias> ban = {{TokenId(2), -kInfinity}, {TokenId(3), -kInfinity}};
  EXPECT_EQ(pick_of(logits, {.bias = ban}), TokenId(1));
  EXPECT_EQ(picked(unfiltered(1), logits).size(), 4u);
  Sampler sampler;
  for (std::uint32_t pos = 0; pos < 4000; ++pos) {
    EXPECT_LT(sampler.pick(logits, {.params = unfiltered(1), .bias = ban}, Pos(pos)).value(), 2u);
  }
}

TEST(Penalties, repeat_divides_positive_logits_and_multiplies_negative_ones) {
  const auto recent = tokens_of({0, 0, 0});
  const auto penalised = [&](float repeat) {
    return PickRule{.params = {.temperature = 0, .repeat_penalty = repeat}, .recent = recent};
  };
  EXPECT_EQ(pick_of({3.0f, 1.6f}, penalised(1.8f)), TokenId(0)) << "once, however often it was";
  EXPECT_EQ(pick_of({3.0f, 1.6f}, penalised(1.9f)), TokenId(1));
  EXPECT_EQ(pick_of({-1.0f, -1.7f}, penalised(1.6f)), TokenId(0));
  EXPECT_EQ(pick_of({-1.0f, -1.7f}, penalised(1.8f)), TokenId(1));
}

TEST(Penalties, frequency_counts_occurrences_and_presence_does_not) {
  const auto recent = tokens_of({0, 2, 0, 0});
  const auto params = [](float presence, float frequency) {
    return SamplingParams{
        .temperature = 0, .presence_penalty = presence, .frequency_penalty = frequency};
  };
  EXPECT_EQ(pick_of({5, 4}, {.params = params(0.9f, 0)}), TokenId(0)) << "nothing is recent";
  const std::vector<float> logits = {5, 4, -9};
  EXPECT_EQ(pick_of(logits, {.params = params(0.9f, 0), .recent = recent}), TokenId(0));
  EXPECT_EQ(pick_of(logits, {.params = params(1.1f, 0), .recent = recent}), TokenId(1));
  EXPECT_EQ(pick_of(logits, {.params = params(0, 0.3f), .recent = recent}), TokenId(0));
  EXPECT_EQ(pick_of(logits, {.params = params(0, 0.4f), .recent = recent}), TokenId(1));
  EXPECT_EQ(pick_of(logits, {.params = params(0.5f, 0.2f), .recent = recent}), TokenId(1));
  EXPECT_EQ(pick_of(logits, {.params = params(-3, 0), .recent = tokens_of({1})}), TokenId(1))
      << "a negative penalty rewards";
}

TEST(Penalties, see_the_last_tokens_only_and_the_drafts_before_the_row_first) {
  const std::vector<float> logits = {5, 4, 3, 2};
  PickRule rule{.params = {.temperature = 0, .presence_penalty = 10}};
  const auto recent = tokens_of({0, 1, 3});
  rule.recent = recent;
  const auto pick = [&](std::uint32_t last, std::initializer_list<std::uint32_t> drafts) {
    rule.params.penalty_last = last;
    return pick_of(logits, rule, tokens_of(drafts)).value();
  };
  EXPECT_EQ(pick(0, {}), 0u);
  EXPECT_EQ(pick(1, {}), 0u);
  EXPECT_EQ(pick(2, {}), 0u);
  EXPECT_EQ(pick(3, {}), 2u);
  EXPECT_EQ(pick(100, {}), 2u);
  EXPECT_EQ(pick(1, {0}), 1u);
  EXPECT_EQ(pick(2, {0}), 1u);
  EXPECT_EQ(pick(3, {0}), 2u);
  EXPECT_EQ(pick(2, {0, 1, 2}), 0u) << "the last two drafts";
  EXPECT_EQ(pick(3, {0, 1, 2}), 3u);
  EXPECT_EQ(pick(2, {}), 0u) << "nothing is left of earlier picks";
}

TEST(Penalties, come_after_the_bias_and_before_the_other_filters) {
  // 1 + 1 is divided by 4; divided first it would be 1.25 and win.
  const auto recent = tokens_of({0});
  const std::vector<TokenBias> bias = {{TokenId(0), 1.0f}};
  SamplingParams params{.temperature = 0, .repeat_penalty = 4};
  EXPECT_EQ(pick_of({1, 0.9f}, {.params = params, .recent = recent, .bias = bias}), TokenId(1));
  params = {.temperature = 1, .top_k = 1, .repeat_penalty = 4};
  EXPECT_EQ(pick_of({3, 0.9f}, {.params = params, .recent = recent}), TokenId(1));
}

TEST(Mask, only_allowed_tokens_are_picked) {
  std::vector<std::uint64_t> allowed(3);
  const std::set<std::uint32_t> open = {0, 5, 63, 64, 129};
  for (const std::uint32_t token : open) allowed[token / 64] |= std::uint64_t{1} << (token % 64);
  allowed[2] |= ~std::uint64_t{3};  // bits behind the vocabulary
  std::vector<float> logits(130, 1);
  Sampler sampler;
  std::set<std::uint32_t> tokens;
  for (std::uint32_t pos = 0; pos < 1000; ++pos) {
    const PickRule rule{.params = unfiltered(2), .allowed = allowed};
    tokens.insert(sampler.pick(logits, rule, Pos(pos)).value());
  }
  EXPECT_EQ(tokens, open);
  logits[5] = 2;
  logits[6] = 3;
  EXPECT_EQ(pick_of(logits, {.allowed = allowed}), TokenId(5));
}

TEST(Forced, is_picked_whatever_else_is_said) {
  const std::vector<float> logits = {9, kNan, -kInfinity, 3};
  const std::vector<std::uint64_t> allowed = {1};
  const std::vector<TokenBias> bias = {{TokenId(1), -kInfinity}};
  for (const std::uint32_t token : {1u, 2u, 3u}) {
    const PickRule rule{
        .params = unfiltered(3), .bias = bias, .allowed = allowed, .forced = TokenId(token)};
    EXPECT_EQ(pick_of(logits, rule).value(), token);
    Sampler sampler;
    Distribution distribution;
    sampler.distribution(logits, rule, {}, distribution);
    ASSERT_EQ(distribution.entries.size(), 1u);
    EXPECT_EQ(distribution.probability(TokenId(token)), 1.0f);
  }
}

TEST(Nothing, can_be_picked_so_the_most_likely_allowed_token_is) {
  const std::vector<TokenBias> ban = {
      {TokenId(0), -kInfinity}, {TokenId(1), -kInfinity}, {TokenId(2), -kInfinity}};
  const std::vector<std::uint64_t> not_first = {6}, none = {0};
  for (const SamplingParams& params : {unfiltered(4), SamplingParams{.temperature = 0}}) {
    EXPECT_EQ(pick_of({1, 3, 2}, {.params = params, .bias = ban}), TokenId(1));
    EXPECT_EQ(pick_of({4, 2, 3}, {.params = params, .bias = ban, .allowed = not_first}),
              TokenId(2));
    EXPECT_EQ(pick_of({4, -kInfinity, kNan}, {.params = params, .allowed = not_first}), TokenId(1));
    EXPECT_EQ(pick_of({kNan, kNan, kNan}, {.params = params}), TokenId(0));
    EXPECT_EQ(pick_of({-kInfinity, -kInfinity, -kInfinity}, {.params = params}), TokenId(0));
    EXPECT_EQ(pick_of({1, 3, 2}, {.params = params, .allowed = none}), TokenId(0));
  }
}

TEST(Infinity, takes_all_and_is_shared) {
  EXPECT_EQ(pick_of({1, kInfinity, 80}, {.params = unfiltered(5)}), TokenId(1));
  EXPECT_EQ(pick_of({1, kInfinity, 80}, {}), TokenId(1));
  const std::vector<float> logits = {1, kInfinity, -kInfinity, kInfinity, kNan};
  EXPECT_EQ(picked(unfiltered(5), logits), (std::set<std::uint32_t>{1, 3}));
  SamplingParams params{.temperature = 2, .typical_p = 0.9f, .min_p = 0.1f, .seed = 5};
  EXPECT_EQ(picked(params, logits), (std::set<std::uint32_t>{1, 3}));
}

TEST(Sampler, goes_from_vocabulary_to_vocabulary_and_nothing_stays_behind) {
  Sampler sampler;
  const auto small = random_logits(100, 4, 1), large = random_logits(3000, 4, 2);
  const auto recent = tokens_of({1, 2, 3, 3, 99});
  const PickRule rule{.params = {.top_k = 0, .seed = 6, .repeat_penalty = 1.3f}, .recent = recent};
  for (std::uint32_t pos = 0; pos < 50; ++pos) {
    Sampler one, other;
    EXPECT_EQ(sampler.pick(small, rule, Pos(pos)), one.pick(small, rule, Pos(pos)));
    EXPECT_EQ(sampler.pick(large, rule, Pos(pos)), other.pick(large, rule, Pos(pos)));
  }
}

}  // namespace
}  // namespace outrider
