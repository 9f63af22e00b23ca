// Counts what this whole program allocates.
#include <gtest/gtest.h>

#include "core/allocation_test_count.h"
#include "sample/sample_test_reference.h"
#include "sample/sampler.h"

namespace outrider {
namespace {

TEST(Allocation, is_over_once_a_vocabulary_was_seen) {
  constexpr std::uint32_t kVocabulary = 5000;
  std::vector<std::vector<float>> rows;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    rows.push_back(random_logits(kVocabulary, 4, seed));
  rows.emplace_back(kVocabulary);
  std::iota(rows.back().begin(), rows.back().end(), 0.0f);  // every logit the best so far
  rows.emplace_back(kVocabulary, 1.0f);
  rows.emplace_back(kVocabulary, -kInfinity);
  std::vector<TokenId> recent;
  for (std::uint32_t i = 0; i < 500; ++i) recent.emplace_back(i * i % kVocabulary);
  const std::vector<TokenBias> bias = {{TokenId(3), 2}, {TokenId(70), -kInfinity}};
  const std::vector<std::uint64_t> allowed((kVocabulary + 63) / 64, 0xffff00ffffffffff);
  Distribution drawn_from;
  drawn_from.entries.reserve(kVocabulary);

  Sampler sampler;
  static_cast<void>(sampler.pick(std::vector<float>(kVocabulary), {}, Pos(0)));
  const std::size_t before = allocations;
  for (const auto& logits : rows) {
    for (const std::uint32_t top_k : {0u, 1u, 64u, 2500u, 4999u, kVocabulary}) {
      PickRule rule{.params = {.top_k = top_k, .typical_p = 0.98f}};
      sampler.distribution(logits, rule, {}, drawn_from);
      const TokenId draft = sampler.pick(logits, rule, Pos(1));
      rule.proposal = Proposal{draft, &drawn_from};
      rule.params.penalty_last = 400;
      rule.params.repeat_penalty = 1.1f;
      rule.recent = recent;
      rule.bias = bias;
      rule.allowed = allowed;
      static_cast<void>(sampler.pick(logits, rule, Pos(2), recent));
    }
  }
  EXPECT_EQ(allocations, before);
}

TEST(Allocation, is_counted) {
  const std::size_t before = allocations;
  Sampler sampler;
  static_cast<void>(sampler.pick(std::vector<float>(50), {}, Pos(0)));
  EXPECT_GT(allocations, before);
}

}  // namespace
}  // namespace outrider
