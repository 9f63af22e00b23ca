// Each filter, and all of them in their order, against the reference in doubles.
#include <gtest/gtest.h>

#include "sample/sample_test_reference.h"
#include "sample/sampler.h"

namespace outrider {
namespace {

// The same tokens in the same order with the same probabilities; and picks are among them.
void expect_reference(const std::vector<float>& logits, const PickRule& rule,
                      std::span<const TokenId> before = {}) {
  const Reference want(logits, rule, before);
  Sampler sampler;
  Distribution distribution;
  sampler.distribution(logits, rule, before, distribution);
  ASSERT_EQ(distribution.entries.size(), want.entries().size());
  double sum = 0;
  for (std::size_t i = 0; i < want.entries().size(); ++i) {
    const Distribution::Entry& entry = distribution.entries[i];
    ASSERT_EQ(entry.token.value(), want.entries()[i].token) << i;
    ASSERT_NEAR(entry.probability, want.entries()[i].probability, 1e-6) << i;
    ASSERT_EQ(distribution.probability(entry.token), entry.probability);
    sum += static_cast<double>(entry.probability);
  }
  EXPECT_NEAR(sum, 1, 1e-5);
  for (std::uint32_t pos = 0; pos < 20; ++pos) {
    const TokenId token = sampler.pick(logits, rule, Pos(pos), before);
    EXPECT_GT(distribution.probability(token), 0.0f);
  }
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : seed_(seed) {}
  std::uint32_t operator()(std::uint32_t below) {  // 0 to below - 1
    return philox_at(seed_, at_++, 7)[0] % below;
  }
  float between(float least, float most) {
    return least + (most - least) * uniform_open(philox_at(seed_, at_++, 7)[0]);
  }

 private:
  std::uint64_t seed_, at_ = 0;
};

constexpr std::size_t kSizes[] = {2, 63, 64, 65, 300, 2500};

template <class Value>
void expect_reference_for(std::initializer_list<Value> values, Value SamplingParams::*field) {
  for (const std::size_t size : kSizes) {
    for (const float spread : {0.1f, 2.0f, 12.0f}) {
      for (const Value value : values) {
        SamplingParams params = unfiltered(size);
        params.*field = value;
        SCOPED_TRACE(testing::Message() << size << " tokens, spread " << spread << ", " << value);
        expect_reference(random_logits(size, spread, size), {.params = params});
      }
    }
  }
}

TEST(Filters, top_k) {
  expect_reference_for<std::uint32_t>({0, 1, 2, 40, 64, 300, 1000, 100'000},
                                      &SamplingParams::top_k);
}

TEST(Filters, typical) {
  expect_reference_for({0.0f, 0.05f, 0.5f, 0.9f, 0.999f, 1.0f}, &SamplingParams::typical_p);
}

TEST(Filters, top_p) {
  expect_reference_for({0.0f, 0.05f, 0.5f, 0.9f, 0.999f, 1.0f}, &SamplingParams::top_p);
}

TEST(Filters, min_p) {
  expect_reference_for({0.0f, 0.001f, 0.1f, 0.6f, 1.0f}, &SamplingParams::min_p);
}

TEST(Filters, temperature) {
  expect_reference_for({0.3f, 1.0f, 1.7f, 50.0f}, &SamplingParams::temperature);
}

TEST(Filters, penalties_bias_and_mask) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Dice draw(seed);
    const std::uint32_t size = 20 + draw(200);
    std::vector<TokenId> recent, before;
    for (std::uint32_t i = draw(60); i > 0; --i) recent.emplace_back(draw(30) % size);
    for (std::uint32_t i = draw(9); i > 0; --i) before.emplace_back(draw(30) % size);
    std::vector<TokenBias> bias;
    for (std::uint32_t token = 0; token < size; ++token) {
      if (draw(10) == 0) bias.push_back({TokenId(token), draw.between(-5, 5)});
    }
    std::vector<std::uint64_t> allowed;
    for (std::uint32_t i = 0; draw(4) != 0 && i * 64 < size; ++i)
      allowed.push_back(philox_at(seed, i, 8)[0] * 0x100000001ull | 1);
    if (allowed.size() * 64 < size) allowed.clear();
    PickRule rule{.params = unfiltered(seed), .recent = recent, .bias = bias, .allowed = allowed};
    rule.params.penalty_last = draw(80);
    rule.params.repeat_penalty = draw.between(0.5f, 1.5f);
    rule.params.presence_penalty = draw.between(-1, 2);
    rule.params.frequency_penalty = draw.between(-0.5f, 1.5f);
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    expect_reference(random_logits(size, 3, seed), rule, before);
  }
}

TEST(Filters, all_of_them_in_their_order) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Dice draw(seed);
    const std::uint32_t size = 5 + draw(800);
    const auto logits = random_logits(size, draw.between(1, 8), seed);
    std::vector<TokenId> recent;
    for (std::uint32_t i = draw(100); i > 0; --i) recent.emplace_back(draw(size));
    PickRule rule{.recent = recent};
    rule.params = {.temperature = draw.between(0.2f, 2),
                   .top_k = draw(3) == 0 ? 0 : 1 + draw(200),
                   .typical_p = draw(2) == 0 ? 1 : draw.between(0.3f, 1),
                   .top_p = draw(4) == 0 ? 1 : draw.between(0.3f, 1),
                   .min_p = draw(2) == 0 ? 0 : draw.between(0, 0.3f),
                   .seed = seed,
                   .repeat_penalty = draw(2) == 0 ? 1 : 1.2f,
                   .presence_penalty = draw(2) == 0 ? 0 : 0.7f};
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    expect_reference(logits, rule);
  }
}

}  // namespace
}  // namespace outrider
