// From a rendered conversation to the tokens a model is given.
#pragma once
#include <span>
#include <vector>

#include "core/id.h"
#include "core/result.h"
#include "text/chat.h"
#include "text/tokenizer.h"

namespace outrider {

struct ChatPrompt {
  std::vector<TokenId> tokens;
  // Lengths at which the system prompt and each turn end, ascending; the last is where the reply's
  // own turn begins, unless the conversation ends inside it.
  std::vector<std::uint32_t> turn_ends;
  bool starts_in_thinking = false;  // ends with the head of a thought, which the reply goes on with
};

// Control tokens by their id, all other text as plain text that cannot spell one. Fails
// (kBadModelFile) if the vocabulary lacks a control token of the format.
Result<ChatPrompt> encode_chat(const Tokenizer& tokenizer, std::span<const ChatSegment> segments);

}  // namespace outrider
