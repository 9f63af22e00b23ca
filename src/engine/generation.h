// One request from prompt to last token, for callers that have nothing else to do meanwhile.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/result.h"
#include "engine/engine.h"
#include "engine/runtime.h"

namespace outrider {

struct Generation {
  std::vector<TokenId> tokens;  // of the text: without the token that ended it
  Finish finish;
};

// `publish` sees each token as soon as it is certain, in order. Errors: a request that cannot be
// done, or a backend that failed.
Result<Generation> generate(Engine& engine, Request request,
                            const std::function<void(TokenId)>& publish);
// The same with an engine of one slot for this request alone.
Result<Generation> generate(Runtime& runtime, const Vocabulary* vocabulary, Request request,
                            const std::function<void(TokenId)>& publish);

// Runs `prompt` through the target in chunks of at most `chunk_rows` and returns what follows its
// last token, as `pick` chooses it from the logits of the position that is given.
using PickToken = std::function<TokenId(std::span<const float> logits, Pos next)>;
Result<Judgement> prefill(Runtime& runtime, Sequence& sequence, std::span<const TokenId> prompt,
                          std::uint32_t chunk_rows, const PickToken& pick);

}  // namespace outrider
