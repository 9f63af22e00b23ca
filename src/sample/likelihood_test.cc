#include <gtest/gtest.h>

#include "sample/sample_test_reference.h"
#include "sample/sampler.h"

namespace outrider {
namespace {

TEST(Probability, is_the_softmax_over_everything_and_ignores_what_cannot_be) {
  std::vector<float> logits = {std::log(0.2f), std::log(0.5f), -kInfinity, std::log(0.3f), kNan};
  EXPECT_NEAR(probability(logits, TokenId(1)), 0.5f, 1e-6f);
  EXPECT_NEAR(probability(logits, TokenId(3)), 0.3f, 1e-6f);
  EXPECT_EQ(probability(logits, TokenId(2)), 0.0f);
  EXPECT_EQ(probability(logits, TokenId(4)), 0.0f);
  for (float& logit : logits) logit += 1000;  // no overflow
  EXPECT_NEAR(probability(logits, TokenId(0)), 0.2f, 1e-4f);
}

TEST(Probability, of_infinities_and_of_nothing_at_all) {
  const std::vector<float> shared = {kInfinity, 3, kInfinity};
  EXPECT_EQ(probability(shared, TokenId(0)), 0.5f);
  EXPECT_EQ(probability(shared, TokenId(1)), 0.0f);
  const std::vector<float> nothing = {-kInfinity, kNan};
  EXPECT_EQ(probability(nothing, TokenId(0)), 0.0f);
  EXPECT_EQ(log_probability(nothing, TokenId(0)), -kInfinity);
}

TEST(LogProbability, agrees_with_doubles_in_any_vocabulary) {
  for (const std::size_t size : {1u, 2u, 63u, 64u, 65u, 1000u, 5000u}) {
    for (const float spread : {0.5f, 8.0f, 60.0f}) {
      const auto logits = random_logits(size, spread, size);
      double total = 0;
      for (const float logit : logits) total += std::exp(static_cast<double>(logit));
      for (std::size_t i = 0; i < size; i += 1 + size / 50) {
        const TokenId token(static_cast<std::uint32_t>(i));
        const double want = static_cast<double>(logits[i]) - std::log(total);
        EXPECT_NEAR(log_probability(logits, token), want, 2e-6 * (1 + std::abs(want)));
        EXPECT_NEAR(probability(logits, token), std::exp(want), 2e-6 * std::exp(want) + 1e-37);
      }
    }
  }
}

TEST(LogProbability, of_two_tokens_is_right_to_the_last_places) {
  for (float x = 0; x > -20; x -= 0.013f) {
    const std::vector<float> logits = {3, 3 + x};
    const double want = -std::log1p(std::exp(static_cast<double>(logits[1]) - 3));
    EXPECT_NEAR(log_probability(logits, TokenId(0)), want, 1.2e-7) << x;
  }
}

TEST(MostLikely, are_the_best_in_order_with_their_log_probabilities) {
  std::vector<TokenLogProb> out;
  for (const std::size_t size : {1u, 30u, 64u, 200u, 5000u}) {
    const auto logits = random_logits(size, 6, size);
    for (const std::uint32_t count : {0u, 1u, 5u, 20u, 300u}) {
      most_likely(logits, count, out);
      const auto want = Reference(logits, {.params = unfiltered(0)}).entries();
      ASSERT_EQ(out.size(), std::min<std::size_t>(count, size));
      for (std::size_t i = 0; i < out.size(); ++i) {
        EXPECT_EQ(out[i].token.value(), want[i].token);
        EXPECT_NEAR(out[i].log_probability, std::log(want[i].probability), 1e-5);
      }
    }
  }
}

TEST(MostLikely, ties_go_to_the_lowest_ids_and_what_cannot_be_is_left_out) {
  std::vector<TokenLogProb> out;
  std::vector<float> logits(1000, 1);
  most_likely(logits, 3, out);
  ASSERT_EQ(out.size(), 3u);
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(out[i].token, TokenId(i));
  logits.assign(1000, -kInfinity);
  logits[400] = 2;
  logits[900] = kNan;
  most_likely(logits, 3, out);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].token, TokenId(400));
  EXPECT_EQ(out[0].log_probability, 0.0f);
}

TEST(Likelihood, confidence_does_not_depend_on_what_was_drawn_for_rejection) {
  const std::vector<float> logits = {1, 3, 2};
  for (const std::uint32_t draft : {0u, 1u, 2u}) {
    EXPECT_EQ(draft_confidence(logits, TokenId(draft), Noise::kShared),
              probability(logits, TokenId(draft)));
    EXPECT_EQ(draft_confidence(logits, TokenId(draft), Noise::kDraft),
              probability(logits, TokenId(1)));
  }
}

}  // namespace
}  // namespace outrider
