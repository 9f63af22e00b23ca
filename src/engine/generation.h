// One conversation from prompt to last token, drafting ahead where there is a drafter.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/result.h"
#include "engine/runtime.h"
#include "sample/sampler.h"

namespace outrider {

struct GenerationRequest {
  std::vector<TokenId> prompt;  // at least one token, each inside the vocabulary
  std::uint32_t tokens_max;     // to generate; 0: until the context is full
  SamplingParams sampling;
  std::vector<TokenId> stop;    // tokens that end the text; the one that did is not part of it
  std::uint32_t draft_max = 3;  // drafts per round; 0: none
  float draft_p_min = 0;        // a draft less likely than this to the drafter ends its round
};

enum class FinishReason { kStop, kLength };

struct GenerationResult {
  std::vector<TokenId> tokens;
  FinishReason finish = FinishReason::kLength;
  struct Timing {
    double prompt_ms = 0;    // until the first token was known
    double generate_ms = 0;  // from there to the last
    double draft_ms = 0;     // of which drafting
    double verify_ms = 0;    // of which target launches
  } timing;
  struct Speculation {
    std::uint64_t rounds = 0;
    std::uint64_t drafted = 0;
    std::uint64_t accepted = 0;
    std::vector<std::uint64_t> accepted_per_position;  // [draft_max]
  } speculative;
};

// `publish` sees each token as soon as it is certain, in order. Errors: a prompt that does not fit
// the context, or a backend that failed.
Result<GenerationResult> generate(Runtime& runtime, const GenerationRequest& request,
                                  const std::function<void(TokenId)>& publish);

// Runs `prompt` through the target in chunks of at most `chunk_rows` and returns what follows its
// last token, as `pick` chooses it from the logits of the position that is given.
using PickToken = std::function<TokenId(std::span<const float> logits, Pos next)>;
Result<Judgement> prefill(Runtime& runtime, Sequence& sequence, std::span<const TokenId> prompt,
                          std::uint32_t chunk_rows, const PickToken& pick);

}  // namespace outrider
