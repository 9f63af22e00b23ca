// What an engine is asked, and what it tells the asker.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/id.h"
#include "core/result.h"
#include "engine/constraint.h"
#include "engine/speculation.h"
#include "kv/prefix_cache.h"
#include "sample/rule.h"
#include "sample/sampler.h"

namespace outrider {

using RequestId = Id<struct RequestIdTag, std::uint64_t>;

struct Request {
  std::vector<TokenId> prompt;  // at least one token, each inside the vocabulary
  // Prompt lengths after which other requests may go on differently, ascending: the ends of the
  // system prompt and of each turn. What a request shares with another up to one of them is not
  // computed again.
  std::vector<std::uint32_t> checkpoints{};
  PrefixRoot root{};
  bool cache_prompt = true;  // use what is cached, and leave one's own there

  SamplingParams sampling{};
  std::vector<TokenBias> bias{};    // by token, ascending
  std::uint32_t tokens_max = 0;     // to generate; 0: until the context is full
  std::vector<TokenId> ends{};      // tokens that end the text; the one that did is not part of it
  std::vector<std::string> stop{};  // strings that end the text before them
  ConstraintRules constraint{};
  // Alternatives to tell beside each token; absent: no log-probabilities at all.
  std::optional<std::uint32_t> logprobs{};
  DraftLimits drafts{};
};

enum class FinishReason {
  kStop,       // a token or string that ends the text
  kLength,     // tokens_max or the context's end
  kCancelled,  // by the asker
  kFailed,     // Finish::error says why
};

struct SpeculationCounts {
  std::uint64_t rounds = 0;   // that drafted something
  std::uint64_t drafted = 0;  // tokens sent to be verified
  std::uint64_t accepted = 0;
  std::vector<std::uint64_t> accepted_per_position = std::vector<std::uint64_t>(kDraftsMax);
  std::vector<std::uint64_t> drafted_per_position = std::vector<std::uint64_t>(kDraftsMax);
};

// Milliseconds. A step that several requests share counts for each of them.
struct RequestTiming {
  double queued_ms = 0;    // until it was first given a slot
  double prompt_ms = 0;    // from there until the first token was known
  double generate_ms = 0;  // from there to the last
  double draft_ms = 0;     // of which draft rounds it took part in
  double verify_ms = 0;    // of which target launches
};

struct Finish {
  FinishReason reason = FinishReason::kStop;
  std::optional<Error> error{};
  std::optional<TokenId> end{};       // the token that ended the text
  std::optional<std::string> stop{};  // the string that did
  std::uint32_t prompt_tokens = 0;
  std::uint32_t cached_tokens = 0;  // of them found in the cache
  std::uint32_t tokens = 0;         // generated, one that ended the text included
  SpeculationCounts speculative{};
  RequestTiming timing{};
};

struct GeneratedToken {
  TokenId token;
  float log_probability = 0;                     // natural; where the request asked for it
  std::span<const TokenLogProb> alternatives{};  // likewise, best first; borrowed during the call
};

// Hears of one request, on the engine's thread: must return soon and must not call the engine.
class Listener {
 public:
  virtual ~Listener() = default;
  // Tokens that are certain, in order. False: nobody listens any more, which cancels the request.
  virtual bool on_tokens(std::span<const GeneratedToken> tokens) = 0;
  // The last call.
  virtual void on_finish(const Finish& finish) = 0;
};

}  // namespace outrider
