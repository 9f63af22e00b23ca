// What the logits themselves say of tokens, before any filter.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/contract.h"
#include "sample/best.h"
#include "sample/sampler.h"

namespace outrider {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

constexpr float kUnderflow = -87;  // exp of less is no normal float

// exp(x) for x in [kUnderflow, 0], within two units in the last place: 2^n times a Taylor series
// around 0. Plain arithmetic, so that the compiler takes several at a time.
float exp_of_negative(float x) {
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: what is added to it is rounded to integers
  const float n = (x * 1.44269504f + kRounder) - kRounder;
  // log(2) in two parts, the first of few bits, so that n times it is exact (Cody and Waite 1980).
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float series = 1.0f / 5040;
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 1.0f / 2;
  series = series * r + 1;
  series = series * r + 1;
  return series * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

// condition ? a : b without a branch, which would keep the compiler from taking several at a time.
float choose(bool condition, float a, float b) {
  const std::uint32_t mask = 0u - static_cast<std::uint32_t>(condition);
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(a) & mask) |
                              (std::bit_cast<std::uint32_t>(b) & ~mask));
}

// Adds exp(logits[i] - most) to totals that take turns.
constexpr std::size_t kTotals = kLogitBlock / 4;

void add_weights(std::span<const float, kLogitBlock> logits, float most,
                 std::array<double, kTotals>& totals) {
  std::array<float, kLogitBlock> weights;
  for (std::size_t i = 0; i < kLogitBlock; ++i) {
    const float less = logits[i] - most;
    const bool counts = less > kUnderflow;  // what is not a number does not
    const float x = choose(counts, less, kUnderflow);
    weights[i] = choose(counts, exp_of_negative(choose(x < 0, x, 0)), 0);
  }
  const float* w = weights.data();
  for (std::size_t i = 0; i < kTotals; ++i) {
    totals[i] +=
        static_cast<double>((w[i] + w[i + kTotals]) + (w[i + 2 * kTotals] + w[i + 3 * kTotals]));
  }
}

// softmax(logits)[i] = exp(logits[i] - most) / total. `most` is minus infinity where nothing can be
// picked.
struct Softmax {
  float most = -kInfinity;
  double total = 0;

  double log_probability(float logit) const {
    if (!(ordered(logit) > -kInfinity)) return -static_cast<double>(kInfinity);
    const double surplus = static_cast<double>(ordered(logit)) - static_cast<double>(most);
    return surplus - std::log(total);
  }
};

Softmax softmax(std::span<const float> logits) {
  Softmax result{.most = ordered(logits[most_likely(logits).value()])};
  if (result.most == -kInfinity) return result;
  std::array<double, kTotals> totals{};
  std::array<float, kLogitBlock> rest;
  rest.fill(-kInfinity);
  for (; logits.size() >= kLogitBlock; logits = logits.subspan(kLogitBlock)) {
    add_weights(logits.first<kLogitBlock>(), result.most, totals);
  }
  std::copy(logits.begin(), logits.end(), rest.begin());
  add_weights(rest, result.most, totals);
  result.total = std::accumulate(totals.begin(), totals.end(), 0.0);
  return result;
}

float logit_of(std::span<const float> logits, TokenId token) {
  require(token.value() < logits.size(), "a token of the vocabulary");
  return logits[token.value()];
}

}  // namespace

float probability(std::span<const float> logits, TokenId token) {
  const float logit = logit_of(logits, token);
  return static_cast<float>(std::exp(softmax(logits).log_probability(logit)));
}

float draft_confidence(std::span<const float> logits, TokenId draft, Noise noise) {
  return probability(logits, noise == Noise::kDraft ? most_likely(logits) : draft);
}

float log_probability(std::span<const float> logits, TokenId token) {
  const float logit = logit_of(logits, token);
  return static_cast<float>(softmax(logits).log_probability(logit));
}

TokenId most_likely(std::span<const float> logits) {
  require(!logits.empty(), "there are logits to pick from");
  std::size_t best = 0;
  float most = -kInfinity;
  for (std::size_t begin = 0; begin < logits.size(); begin += kLogitBlock) {
    const std::size_t end = std::min(begin + kLogitBlock, logits.size());
    if (!any_above(logits.subspan(begin, end - begin), most)) continue;
    for (std::size_t i = begin; i < end; ++i) {
      if (!(logits[i] > most)) continue;
      best = i;
      most = logits[i];
    }
  }
  return TokenId(static_cast<std::uint32_t>(best));
}

void most_likely(std::span<const float> logits, std::uint32_t count,
                 std::vector<TokenLogProb>& out) {
  keep_best(logits, std::min<std::size_t>(count, logits.size()), out);
  std::sort(out.begin(), out.end(), kBetter);
  const Softmax whole = softmax(logits);
  for (TokenLogProb& entry : out) {
    entry.log_probability = static_cast<float>(whole.log_probability(entry.log_probability));
  }
}

}  // namespace outrider
