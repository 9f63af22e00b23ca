// Picks tokens from logits by a rule: the scalar truth that every backend has to agree with.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/id.h"
#include "sample/rule.h"

namespace outrider {

// Holds scratch only, so one sampler serves any number of sequences, one pick at a time. Once it
// has seen a vocabulary it allocates nothing.
class Sampler {
 public:
  // The token for position `pos` (that of the token picked): argmax over the filtered tokens of
  // log-probability / temperature + Gumbel noise, the noise a pure function of (seed, pos, token,
  // rule.noise). Ties go to the lowest id. `before` holds the drafts of this launch between the
  // rule's recent tokens and the row. A logit that is not a number counts as minus infinity; where
  // nothing at all can be picked, the most likely allowed token is, and token 0 as a last resort.
  TokenId pick(std::span<const float> logits, const PickRule& rule, Pos pos,
               std::span<const TokenId> before = {});

  // The distribution that pick draws from. With temperature 0 all of it is on one token.
  void distribution(std::span<const float> logits, const PickRule& rule,
                    std::span<const TokenId> before, Distribution& out);

 private:
  struct Candidate {
    std::uint32_t token;
    float logit;
  };
  std::vector<float> adjusted_;  // logits after penalties, bias and masks, where a rule has any
  std::vector<Candidate> candidates_;  // best first
};

// Probability of `token` under softmax(logits), over the full distribution.
float probability(std::span<const float> logits, TokenId token);

struct TokenLogProb {
  TokenId token;
  float log_probability;  // natural logarithm, of softmax(logits) unfiltered
};

// The `count` likeliest tokens, best first, ties by lowest id; `out` is overwritten.
void most_likely(std::span<const float> logits, std::uint32_t count,
                 std::vector<TokenLogProb>& out);
float log_probability(std::span<const float> logits, TokenId token);

}  // namespace outrider
