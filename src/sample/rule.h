// How a token is picked from logits, as plain data: what a request asked for, and what one row adds
// to it. A device can carry it out without asking the host, so a whole round of drafts with its
// picks is one submission.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/id.h"

namespace outrider {

// What a request asks for. Filters go in llama.cpp's order: penalties and bias, top-k, typical,
// top-p, min-p, temperature last.
struct SamplingParams {
  float temperature = 1.0f;  // 0: the most likely token
  std::uint32_t top_k = 64;  // keep the k most likely; 0: all
  float typical_p = 1.0f;    // keep the tokens nearest the expected surprise; 1: all
  float top_p = 0.95f;       // keep the smallest set of at least this probability; 1: all
  float min_p = 0.0f;        // keep tokens at least this likely relative to the best; 0: all
  std::uint64_t seed = 0;

  // Over the last `penalty_last` tokens, prompt included. A token that occurred has its logit
  // divided (multiplied where negative) by `repeat`, then lowered by `presence`, and by `frequency`
  // for each occurrence.
  std::uint32_t penalty_last = 64;
  float repeat_penalty = 1.0f;
  float presence_penalty = 0.0f;
  float frequency_penalty = 0.0f;
  bool penalises() const {
    return penalty_last > 0 &&
           (repeat_penalty != 1.0f || presence_penalty != 0.0f || frequency_penalty != 0.0f);
  }
};

struct TokenBias {
  TokenId token;
  float bias;  // added to the logit; minus infinity bans the token
};

// Which numbers a pick draws. Two picks of one seed and position with the same noise and the same
// distribution are the same token.
enum class Noise : std::uint32_t {
  kShared,  // target and drafter draw alike: verification by coupling
  kDraft,   // the drafter draws for itself: verification by rejection
};

// A filtered distribution: the tokens that can be picked, best first, with probabilities that sum
// to 1.
struct Distribution {
  struct Entry {
    TokenId token;
    float probability;
  };
  std::vector<Entry> entries;
  float probability(TokenId token) const {  // 0 for a token that was filtered out
    for (const Entry& entry : entries) {
      if (entry.token == token) return entry.probability;
    }
    return 0.0f;
  }
};

// A draft and the distribution it was drawn from, for verification by rejection.
struct Proposal {
  TokenId token;
  const Distribution* drawn_from;
};

// How one row's token is picked. Everything borrowed is borrowed until the launch has run.
struct PickRule {
  SamplingParams params{.temperature = 0.0f};
  Noise noise = Noise::kShared;
  // The sequence's last tokens up to this row's own, oldest first; at least penalty_last of them
  // where there are so many, none where nothing is penalised. Drafts of the same launch that come
  // before the row are added by whoever picks.
  std::span<const TokenId> recent{};
  std::span<const TokenBias> bias{};  // by token, ascending
  // A bit per token, set where the token may be picked; empty: all may.
  std::span<const std::uint64_t> allowed{};
  std::optional<TokenId> forced{};  // nothing else is picked, whatever the logits
  // Verification by rejection: the draft that stands in the next row. It is picked with probability
  // min(1, p / q); otherwise the pick is drawn from what of p exceeds q.
  std::optional<Proposal> proposal{};
};

}  // namespace outrider
