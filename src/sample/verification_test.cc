// Whatever the rule of verification, a hundred thousand picks follow the target's distribution.
#include <gtest/gtest.h>

#include <array>

#include "sample/sample_test_reference.h"
#include "sample/sampler.h"

namespace outrider {
namespace {

constexpr std::uint32_t kDraws = 100'000;
const std::vector<float> kTarget = {0.0f, 1.0f, -1.5f, 2.0f, 0.5f, 2.5f, -0.5f, 1.7f};
const std::vector<float> kDrafter = {0.4f, -1.0f, 1.5f, 2.6f, 0.5f, 1.1f, -2.5f, -3.0f};

std::vector<SamplingParams> settings() {
  std::vector<SamplingParams> all;
  for (const std::uint64_t seed : {0ull, 1ull, 0xffffffffffffffffull})
    all.push_back(unfiltered(seed));
  for (const float temperature : {0.6f, 2.0f}) {
    all.push_back(unfiltered(2));
    all.back().temperature = temperature;
  }
  all.push_back({.temperature = 1, .top_k = 3, .top_p = 1, .seed = 3});
  all.push_back({.temperature = 1.3f, .top_k = 0, .top_p = 0.8f, .seed = 4});
  all.push_back({.temperature = 0.8f, .top_k = 6, .typical_p = 0.9f, .min_p = 0.05f, .seed = 5});
  return all;
}

std::string name_of(const SamplingParams& params) {
  return testing::PrintToString(params.seed) + ": temperature " +
         testing::PrintToString(params.temperature) + ", top-k " +
         testing::PrintToString(params.top_k) + ", top-p " + testing::PrintToString(params.top_p);
}

TEST(Coupled, picks_follow_the_distribution) {
  for (const SamplingParams& params : settings()) {
    const PickRule rule{.params = params};
    Sampler sampler;
    std::vector<double> counts(kTarget.size());
    for (std::uint32_t pos = 0; pos < kDraws; ++pos)
      ++counts[sampler.pick(kTarget, rule, Pos(pos)).value()];
    expect_follows(counts, Reference(kTarget, rule).probabilities(kTarget.size()), name_of(params));
  }
}

TEST(Coupled, distribution_is_what_picks_follow) {
  const auto logits = random_logits(40, 2, 5);
  const PickRule rule{.params = {.temperature = 1.2f, .top_k = 25, .seed = 6}};
  Sampler sampler;
  Distribution distribution;
  sampler.distribution(logits, rule, {}, distribution);
  std::vector<double> counts(logits.size()), probabilities(logits.size());
  double sum = 0;
  for (const Distribution::Entry& e : distribution.entries)
    sum += probabilities[e.token.value()] = static_cast<double>(e.probability);
  for (double& p : probabilities) p /= sum;
  for (std::uint32_t pos = 0; pos < kDraws; ++pos)
    ++counts[sampler.pick(logits, rule, Pos(pos)).value()];
  expect_follows(counts, probabilities, "distribution");
}

// A draft for every position from `drafter`'s rule, and the target's verdict on it.
struct Verdicts {
  std::vector<double> picks = std::vector<double>(kTarget.size());
  std::vector<double> drafts = std::vector<double>(kTarget.size());
  std::vector<double> accepted = std::vector<double>(kTarget.size());
};

Verdicts verify(const SamplingParams& target, const SamplingParams& drafter) {
  Verdicts verdicts;
  Sampler sampler;
  Distribution drawn_from;
  const PickRule draft_rule{.params = drafter, .noise = Noise::kDraft};
  sampler.distribution(kDrafter, draft_rule, {}, drawn_from);
  for (std::uint32_t pos = 0; pos < kDraws; ++pos) {
    const TokenId draft = sampler.pick(kDrafter, draft_rule, Pos(pos));
    const PickRule rule{.params = target, .proposal = Proposal{draft, &drawn_from}};
    const TokenId token = sampler.pick(kTarget, rule, Pos(pos));
    ++verdicts.drafts[draft.value()];
    ++verdicts.picks[token.value()];
    verdicts.accepted[draft.value()] += token == draft ? 1 : 0;
  }
  return verdicts;
}

TEST(Rejection, picks_follow_the_target_and_every_draft_stands_as_often_as_it_may) {
  for (const SamplingParams& params : settings()) {
    const Verdicts verdicts = verify(params, params);
    const auto p = Reference(kTarget, {.params = params}).probabilities(kTarget.size());
    const auto q = Reference(kDrafter, {.params = params}).probabilities(kTarget.size());
    expect_follows(verdicts.drafts, q, "drafts, " + name_of(params));
    expect_follows(verdicts.picks, p, "picks, " + name_of(params));
    for (std::size_t i = 0; i < q.size(); ++i) {
      if (q[i] == 0) continue;
      const double chance = std::min(1.0, p[i] / q[i]), drafts = verdicts.drafts[i];
      const double deviation = std::sqrt(chance * (1 - chance) * drafts);
      // A draft may come back as what replaces it only where it falls short of p: never.
      EXPECT_NEAR(verdicts.accepted[i], chance * drafts, 5 * deviation + 1e-3 * drafts)
          << i << ", " << name_of(params);
    }
  }
}

TEST(Rejection, picks_follow_the_target_when_the_drafter_draws_from_something_else) {
  for (const SamplingParams& params : {settings().front(), settings().back()}) {
    const auto p = Reference(kTarget, {.params = params}).probabilities(kTarget.size());
    for (SamplingParams drafter :
         {SamplingParams{.temperature = 0}, SamplingParams{.top_k = 2}, unfiltered(0)}) {
      drafter.seed = params.seed;
      expect_follows(verify(params, drafter).picks, p, name_of(params));
    }
  }
}

TEST(Rejection, a_draft_from_the_very_distribution_always_stands) {
  const PickRule draft_rule{.params = {.seed = 7}, .noise = Noise::kDraft};
  Sampler sampler;
  Distribution drawn_from;
  for (std::uint32_t pos = 0; pos < 2000; ++pos) {
    const auto logits = random_logits(300, 4, pos);
    sampler.distribution(logits, draft_rule, {}, drawn_from);
    const TokenId draft = sampler.pick(logits, draft_rule, Pos(pos));
    const PickRule rule{.params = {.seed = 7}, .proposal = Proposal{draft, &drawn_from}};
    EXPECT_EQ(sampler.pick(logits, rule, Pos(pos)), draft);
  }
}

TEST(Rejection, at_temperature_0_is_the_most_likely_token_whatever_the_draft) {
  Sampler sampler;
  Distribution drawn_from;
  sampler.distribution(kDrafter, {.params = unfiltered(8)}, {}, drawn_from);
  for (std::uint32_t draft = 0; draft < kTarget.size(); ++draft) {
    const PickRule rule{.proposal = Proposal{TokenId(draft), &drawn_from}};
    EXPECT_EQ(sampler.pick(kTarget, rule, Pos(draft)), TokenId(5));
  }
}

TEST(Rejection, forced_and_masked_rows_do_not_let_a_draft_through) {
  Sampler sampler;
  Distribution drawn_from;
  sampler.distribution(kDrafter, {.params = unfiltered(9)}, {}, drawn_from);
  const std::vector<std::uint64_t> allowed = {0b10010};
  for (std::uint32_t pos = 0; pos < 500; ++pos) {
    PickRule rule{.params = unfiltered(9), .proposal = Proposal{TokenId(3), &drawn_from}};
    rule.allowed = allowed;
    const std::uint32_t token = sampler.pick(kTarget, rule, Pos(pos)).value();
    EXPECT_TRUE(token == 1 || token == 4) << token;
    rule.forced = TokenId(6);
    EXPECT_EQ(sampler.pick(kTarget, rule, Pos(pos)), TokenId(6));
  }
}

TEST(Rejection, leaves_nothing_behind_for_later_picks) {
  Sampler sampler;
  Distribution drawn_from, other;
  sampler.distribution(kDrafter, {.params = unfiltered(10)}, {}, drawn_from);
  sampler.distribution(kDrafter, {.params = {.top_k = 2}}, {}, other);
  const std::vector<TokenId> recent = {TokenId(2), TokenId(3)};
  PickRule penalised{.params = {.seed = 10, .repeat_penalty = 2, .frequency_penalty = 1}};
  penalised.recent = recent;
  for (std::uint32_t pos = 0; pos < 500; ++pos) {
    PickRule rule{.params = unfiltered(10), .proposal = Proposal{TokenId(2), &drawn_from}};
    static_cast<void>(sampler.pick(kTarget, rule, Pos(pos)));
    Sampler fresh;
    EXPECT_EQ(sampler.pick(kTarget, penalised, Pos(pos)), fresh.pick(kTarget, penalised, Pos(pos)));
    static_cast<void>(sampler.pick(kTarget, rule, Pos(pos)));
    rule.proposal = Proposal{other.entries[1].token, &other};
    EXPECT_EQ(sampler.pick(kTarget, rule, Pos(pos)), fresh.pick(kTarget, rule, Pos(pos)));
  }
}

// Three tokens of a text in which each depends on the one before, two of them drafted at a time:
// the frequencies of whole texts show what no single position does, such as noise that is used
// twice.
class Text {
 public:
  explicit Text(std::uint64_t seed) : seed_(seed) {}

  std::uint32_t drawn(Sampler& sampler) const {
    std::array<TokenId, 4> text = {TokenId(0), TokenId(0), TokenId(0), TokenId(0)};
    std::size_t length = 1;  // known so far
    while (length < text.size()) {
      std::array<TokenId, 2> drafts = {TokenId(0), TokenId(0)};
      std::array<Distribution, 2> drawn_from;
      for (std::size_t i = 0; i < drafts.size(); ++i) {
        const auto& logits = drafter(i == 0 ? text[length - 1] : drafts[i - 1]);
        const PickRule rule{.params = unfiltered(seed_), .noise = Noise::kDraft};
        sampler.distribution(logits, rule, {}, drawn_from[i]);
        drafts[i] = sampler.pick(logits, rule, at(length + i));
      }
      for (std::size_t i = 0; i <= drafts.size() && length < text.size(); ++i) {
        PickRule rule{.params = unfiltered(seed_)};
        if (i < drafts.size()) rule.proposal = Proposal{drafts[i], &drawn_from[i]};
        text[length] = sampler.pick(target(text[length - 1]), rule, at(length));
        ++length;
        if (i < drafts.size() && text[length - 1] != drafts[i]) break;
      }
    }
    return (text[1].value() * 3 + text[2].value()) * 3 + text[3].value();
  }

  static std::vector<double> probabilities() {
    std::vector<double> all(27);
    for (std::uint32_t text = 0; text < 27; ++text) {
      all[text] = p(0, text / 9) * p(text / 9, text / 3 % 3) * p(text / 3 % 3, text % 3);
    }
    return all;
  }

 private:
  static Pos at(std::size_t pos) { return Pos(static_cast<std::uint32_t>(pos)); }
  static const std::vector<float>& target(TokenId before) {
    static const std::vector<float> logits[] = {{1, 0, 0.5f}, {-1, 0.7f, 1}, {0, 1.5f, 1}};
    return logits[before.value()];
  }
  static const std::vector<float>& drafter(TokenId before) {
    static const std::vector<float> logits[] = {{0, 0.5f, 1}, {0, 0, 1.5f}, {1, 0.2f, 0}};
    return logits[before.value()];
  }
  static double p(std::uint32_t before, std::uint32_t token) {
    return Reference(target(TokenId(before)), {.params = unfiltered(0)}).probabilities(3)[token];
  }

  std::uint64_t seed_;
};

TEST(Rejection, whole_texts_follow_the_target) {
  Sampler sampler;
  std::vector<double> counts(27);
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) ++counts[Text(seed).drawn(sampler)];
  expect_follows(counts, Text::probabilities(), "texts of three tokens");
}

}  // namespace
}  // namespace outrider
