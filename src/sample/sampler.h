// Picks tokens from logits by a rule: the scalar truth that every backend has to agree with.
#pragma once
#include <cstddef>
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

  // The distribution that pick draws from, a proposal apart. With temperature 0, which is the most
  // likely token whatever the other filters would leave, all of it is on one token. `out` grows to
  // as many entries as there are.
  void distribution(std::span<const float> logits, const PickRule& rule,
                    std::span<const TokenId> before, Distribution& out);

 private:
  struct Candidate {
    TokenId token;
    float logit;
  };
  void filter(std::span<const float> logits, const PickRule& rule, std::span<const TokenId> before);
  std::span<const float> adjust(std::span<const float> logits, const PickRule& rule,
                                std::span<const TokenId> before);
  void keep_typical(float p);
  void keep_top_p(float p);
  void keep_min_p(float p);
  void best_to_front();
  float log_weight(const Candidate& candidate, float temperature) const;
  double total_weight(float temperature) const;
  float probability(const Candidate& candidate, float temperature, double total) const;
  TokenId verify(const Proposal& proposal, const SamplingParams& params, Pos pos);

  std::vector<float> adjusted_;  // logits after bias, penalties and mask, where a rule has any
  std::vector<float> by_token_;  // occurrences, or a draft's probabilities; 0 between uses
  std::vector<Candidate> candidates_;  // what passed the filters so far; the best stands first
};

// Probability of `token` under softmax(logits), over the full distribution.
float probability(std::span<const float> logits, TokenId token);

// What decides whether a draft is proposed: its probability over the drafter's full distribution.
// Where drafts are drawn for rejection it is the likeliest token's instead: to leave out what was
// drawn because it was drawn would bend the distribution of what is sampled in its place.
float draft_confidence(std::span<const float> logits, TokenId draft, Noise noise);

struct TokenLogProb {
  TokenId token;
  float log_probability;  // natural logarithm, of softmax(logits) unfiltered
};

// The likeliest token, ties by lowest id; token 0 where none can be picked.
TokenId most_likely(std::span<const float> logits);

// The `count` likeliest tokens, best first, ties by lowest id; fewer where fewer can be picked.
// `out` is overwritten.
void most_likely(std::span<const float> logits, std::uint32_t count,
                 std::vector<TokenLogProb>& out);
float log_probability(std::span<const float> logits, TokenId token);

}  // namespace outrider
