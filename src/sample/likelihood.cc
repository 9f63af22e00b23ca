// What the logits themselves say of tokens, before any filter.
#include <algorithm>
#include <cmath>

#include "core/contract.h"
#include "sample/best.h"
#include "sample/sampler.h"

namespace outrider {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

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
  Softmax result;
  for (const float logit : logits) result.most = std::max(result.most, ordered(logit));
  if (result.most == -kInfinity) return result;
  for (const float logit : logits) {
    result.total += static_cast<double>(std::exp(ordered(logit) - result.most));
  }
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

float log_probability(std::span<const float> logits, TokenId token) {
  const float logit = logit_of(logits, token);
  return static_cast<float>(softmax(logits).log_probability(logit));
}

TokenId most_likely(std::span<const float> logits) {
  require(!logits.empty(), "there are logits to pick from");
  // max_element returns the first of equals: the lowest id.
  const auto best = std::max_element(logits.begin(), logits.end(),
                                     [](float a, float b) { return ordered(a) < ordered(b); });
  return TokenId(static_cast<std::uint32_t>(best - logits.begin()));
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
