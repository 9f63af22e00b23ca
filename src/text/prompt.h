// From a rendered conversation to the tokens a model is given.
#pragma once
#include <span>
#include <vector>

#include "core/id.h"
#include "core/result.h"
#include "text/chat.h"
#include "text/tokenizer.h"

namespace outrider {

// Control tokens by their id, all other text as plain text that cannot spell one. Fails
// (kBadModelFile) if the vocabulary lacks a control token of the format.
Result<std::vector<TokenId>> encode_chat(const Tokenizer& tokenizer,
                                         std::span<const ChatSegment> segments);

}  // namespace outrider
