// A vocabulary with the control tokens of Gemma 4's replies, and ways to cut a reply into tokens.
#pragma once
#include <array>
#include <string_view>
#include <vector>

#include "text/chat.h"
#include "text/tokenizer_test_vocabulary.h"

namespace outrider {

inline const Vocabulary& reply_vocabulary() {
  static const Vocabulary vocabulary = [] {
    VocabularyParts parts = small_parts();
    for (const char* text :
         {"<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<|think|>", "<|tool>",
          "<tool|>", "<tool_response|>", "<|image|>", "<|audio|>", "<|video|>"}) {
      add_token(parts, text, TokenType::kControl);
    }
    for (const char* text :
         {"thought", "thought\n", "call", "call:", "model\n", "{}", ":{", "\n."}) {
      add_token(parts, text);
    }
    return Vocabulary::make(std::move(parts), "reply").value();
  }();
  return vocabulary;
}

// Plain text byte by byte: the finest cut there is, through the middle of characters.
inline void append_bytes(std::string_view text, std::vector<TokenId>& ids) {
  for (const char c : text) {
    ids.push_back(reply_vocabulary().byte_token(static_cast<std::uint8_t>(c)));
  }
}

// `text` with its control tokens (those of the chat format, wherever they are spelled) as tokens.
inline std::vector<TokenId> reply_tokens(std::string_view text) {
  constexpr std::array<std::string_view, 10> kControls = {
      "<|channel>", "<channel|>",       "<|tool_call>", "<tool_call|>", "<|\"|>",
      "<turn|>",    "<|tool_response>", "<|turn>",      "<eos>",        "<tool_response|>"};
  std::vector<TokenId> ids;
  while (!text.empty()) {
    std::size_t taken = 0;
    for (const std::string_view control : kControls) {
      if (!text.starts_with(control)) continue;
      ids.push_back(*reply_vocabulary().find(control));
      taken = control.size();
      break;
    }
    if (taken == 0) {
      append_bytes(text.substr(0, 1), ids);
      taken = 1;
    }
    text.remove_prefix(taken);
  }
  return ids;
}

}  // namespace outrider
