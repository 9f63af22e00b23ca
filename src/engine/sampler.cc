#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/contract.h"
#include "core/random.h"

namespace outrider {
namespace {

// -log(-log(u)), u uniform in (0, 1): adding it to log-probabilities and taking the argmax samples
// from them (Gumbel 1954; Maddison et al., "A* sampling", 2014).
float gumbel(std::uint64_t seed, Pos pos, std::uint32_t token) {
  const PhiloxBlock block =
      philox4x32({token, pos.value(), 0x67756d62u, 0},
                 {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return -std::log(-std::log(uniform_open(block[0])));
}

// A damaged model may compute what is not a number, which no order puts in its place: never picked.
float ordered(float logit) {
  return std::isnan(logit) ? -std::numeric_limits<float>::infinity() : logit;
}

}  // namespace

TokenId most_likely(std::span<const float> logits) {
  require(!logits.empty(), "a pick has logits to pick from");
  // max_element returns the first of equals: the lowest id.
  const auto best = std::max_element(logits.begin(), logits.end(),
                                     [](float a, float b) { return ordered(a) < ordered(b); });
  return TokenId(static_cast<std::uint32_t>(best - logits.begin()));
}

float probability(std::span<const float> logits, TokenId token) {
  const float most = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const float logit : logits) total += std::exp(logit - most);
  return static_cast<float>(std::exp(logits[token.value()] - most) / total);
}

void Sampler::keep_top_k(std::span<const float> logits) {
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
  };
  candidates_.clear();
  const std::size_t keep = params_.top_k == 0 ? logits.size() : params_.top_k;
  if (keep >= logits.size()) {
    for (std::uint32_t i = 0; i < logits.size(); ++i)
      candidates_.push_back({i, ordered(logits[i])});
  } else {  // a heap of the best so far, worst on top
    for (std::uint32_t i = 0; i < logits.size(); ++i) {
      const Candidate candidate{i, ordered(logits[i])};
      if (candidates_.size() == keep) {
        if (!better(candidate, candidates_.front())) continue;
        std::pop_heap(candidates_.begin(), candidates_.end(), better);
        candidates_.pop_back();
      }
      candidates_.push_back(candidate);
      std::push_heap(candidates_.begin(), candidates_.end(), better);
    }
  }
  std::sort(candidates_.begin(), candidates_.end(), better);
}

// Cuts the sorted candidates where top-p and min-p say.
void Sampler::keep_likely() {
  const float most = candidates_.front().logit;
  if (params_.top_p < 1.0f) {
    double total = 0;
    for (const Candidate& c : candidates_) total += std::exp(c.logit - most);
    double sum = 0;
    std::size_t kept = 0;
    while (kept < candidates_.size() && sum < static_cast<double>(params_.top_p) * total) {
      sum += std::exp(candidates_[kept++].logit - most);
    }
    candidates_.resize(std::max<std::size_t>(kept, 1));
  }
  if (params_.min_p > 0.0f) {
    const float floor = most + std::log(params_.min_p);
    while (candidates_.size() > 1 && candidates_.back().logit < floor) candidates_.pop_back();
  }
}

TokenId Sampler::pick(std::span<const float> logits, Pos pos) {
  if (params_.temperature <= 0.0f) return most_likely(logits);
  keep_top_k(logits);
  keep_likely();
  const Candidate* best = &candidates_.front();
  float best_score = -std::numeric_limits<float>::infinity();
  // Relative to the best, which no temperature however small can lift to infinity.
  const float most = candidates_.front().logit;
  for (const Candidate& c : candidates_) {
    const float score = (c.logit - most) / params_.temperature + gumbel(params_.seed, pos, c.token);
    if (score > best_score || (score == best_score && c.token < best->token)) {
      best = &c;
      best_score = score;
    }
  }
  return TokenId(best->token);
}

}  // namespace outrider
