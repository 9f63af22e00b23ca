// Picks tokens from logits. Target and drafter draw with the same noise, so for a given seed a
// draft that the target would have picked is picked, and the text does not depend on drafting at
// all.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/id.h"

namespace outrider {

struct SamplingParams {
  float temperature = 1.0f;  // 0: the most likely token
  std::uint32_t top_k = 64;  // keep the k most likely; 0: all
  float top_p = 0.95f;       // keep the smallest set of at least this probability; 1: all
  float min_p = 0.0f;        // keep tokens at least this likely relative to the best; 0: all
  std::uint64_t seed = 0;
};

class Sampler {
 public:
  explicit Sampler(const SamplingParams& params) : params_(params) {}

  // The token for position `pos`: argmax over the filtered tokens of log-probability / temperature
  // + Gumbel noise, the noise a pure function of (seed, pos, token). Filters go top-k, top-p,
  // min-p, temperature last. Ties go to the lowest id. `logits` has at least one finite value.
  TokenId pick(std::span<const float> logits, Pos pos);

  const SamplingParams& params() const { return params_; }

 private:
  struct Candidate {
    std::uint32_t token;
    float logit;
  };
  void keep_top_k(std::span<const float> logits);
  void keep_likely();

  SamplingParams params_;
  std::vector<Candidate> candidates_;  // best first; kept to spare allocations
};

TokenId most_likely(std::span<const float> logits);

// Probability of `token` under softmax(logits), over the full distribution.
float probability(std::span<const float> logits, TokenId token);

}  // namespace outrider
