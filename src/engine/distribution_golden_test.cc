// What is sampled through the engine follows the target's own distribution, whatever the drafter
// proposes and however it is verified.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/engine_test_harness.h"

namespace outrider {
namespace {

constexpr std::uint32_t kVocab = 12;
constexpr std::uint32_t kRequests = 20, kTokens = 5000;

struct Setting {
  const char* name;
  Verification verification;
  DraftLimits drafts;
};

// Pearson's chi-square over (token before, token) of everything that was sampled, and its degrees
// of freedom, against what the target's filtered logits behind each token say.
struct ChiSquare {
  double statistic = 0;
  double freedom = 0;
  std::uint64_t samples = 0;
  double share_accepted = 0;
};

ChiSquare sampled(const Setting& setting) {
  const Script script{.vocab = kVocab, .drafter_noise = 0.7f, .forgetful = true};
  RuntimeOptions options = options_for(4, kTokens + 8);
  Harness h(options, script, {.verification = setting.verification, .cache_prefixes = false});
  const SamplingParams params{.temperature = 1.3f, .top_k = 8, .top_p = 0.95f};
  for (std::uint32_t i = 0; i < kRequests; ++i) {
    Request r{.prompt = {TokenId(i % kVocab)}, .sampling = params, .tokens_max = kTokens};
    r.sampling.seed = 1000 + i;
    r.drafts = setting.drafts;
    h.ask(std::move(r));
  }
  h.finish();

  double counts[kVocab][kVocab] = {};
  ChiSquare result;
  for (std::uint32_t i = 0; i < kRequests; ++i) {
    std::uint32_t before = i % kVocab;
    for (const TokenId token : h.heard[i]->tokens) {
      counts[before][token.value()] += 1;
      before = token.value();
      ++result.samples;
    }
  }
  Sampler sampler;
  for (std::uint32_t before = 0; before < kVocab; ++before) {
    double row = 0;
    for (const double count : counts[before]) row += count;
    if (row < 100) continue;  // a token that is hardly ever sampled tells nothing
    Distribution expected;
    const PickRule rule{.params = params};
    sampler.distribution(h.over.backend->logits_behind(TokenId(before)), rule, {}, expected);
    for (std::uint32_t token = 0; token < kVocab; ++token) {
      const double want = row * static_cast<double>(expected.probability(TokenId(token)));
      const double off = counts[before][token] - want;
      if (want == 0) {
        EXPECT_EQ(counts[before][token], 0) << "a token that is filtered out";
      } else {
        result.statistic += off * off / want;
        result.freedom += 1;
      }
    }
    result.freedom -= 1;
  }
  const SpeculationCounts& s = h.engine->counters().speculative;
  result.share_accepted =
      static_cast<double>(s.accepted) / static_cast<double>(std::max<std::uint64_t>(1, s.drafted));
  return result;
}

class Distributions : public testing::TestWithParam<Setting> {};

TEST_P(Distributions, sampled_tokens_follow_the_targets_own) {
  const ChiSquare found = sampled(GetParam());
  EXPECT_EQ(found.samples, std::uint64_t{kRequests} * kTokens);
  ASSERT_GT(found.freedom, 30);
  // Wilson and Hilferty: the cube root of chi-square / freedom is nearly normal. Beyond four and a
  // half standard deviations lies one run in 300 000; the seeds are fixed.
  const double spread = 2 / (9 * found.freedom);
  const double z = (std::cbrt(found.statistic / found.freedom) - (1 - spread)) / std::sqrt(spread);
  EXPECT_LT(z, 4.5) << found.statistic << " with " << found.freedom << " degrees of freedom";
  if (GetParam().drafts.n_min > 0) {
    EXPECT_GT(found.share_accepted, 0.1) << "drafts that stand";
    EXPECT_LT(found.share_accepted, 0.9) << "and drafts that fall";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Engine, Distributions,
    testing::Values(
        Setting{"coupled_plain", Verification::kCoupled, {.n_max = 0}},
        Setting{"coupled_three", Verification::kCoupled, {.n_min = 3, .n_max = 3}},
        Setting{"coupled_p_min", Verification::kCoupled, {.n_min = 3, .n_max = 3, .p_min = 0.2f}},
        Setting{"coupled_auto", Verification::kCoupled, {}},
        Setting{"rejection_plain", Verification::kRejection, {.n_max = 0}},
        Setting{"rejection_three", Verification::kRejection, {.n_min = 3, .n_max = 3}},
        Setting{"rejection_seven", Verification::kRejection, {.n_min = 7, .n_max = 7}},
        Setting{"rejection_auto", Verification::kRejection, {}},
        Setting{
            "rejection_p_min", Verification::kRejection, {.n_min = 3, .n_max = 3, .p_min = 0.2f}},
        Setting{"exact_plain", Verification::kExact, {.n_max = 0}},
        Setting{"exact_three", Verification::kExact, {.n_min = 3, .n_max = 3}},
        Setting{"exact_auto", Verification::kExact, {}}),
    [](const auto& setting) { return std::string(setting.param.name); });

}  // namespace
}  // namespace outrider
