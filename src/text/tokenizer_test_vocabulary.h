// A vocabulary small enough to reason about, for tests and fuzzing.
#pragma once
#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "text/vocabulary.h"

namespace outrider {

inline void add_token(VocabularyParts& parts, std::string_view text,
                      TokenType type = TokenType::kNormal) {
  parts.texts.push_back(parts.storage.keep(text));
  parts.types.push_back(type);
}

// Ids: 0 <pad>, 1 <eos>, 2 <bos>, 3 <unk>, 4 <|turn>, 5 <turn|>, 6 <|tool_response>, 7 <|"|>,
// 8 <|"|>! (user-defined, to overlap with 7), 9 to 264 the bytes, then letters and pieces.
inline VocabularyParts small_parts() {
  VocabularyParts parts;
  for (const char* text : {"<pad>", "<eos>", "<bos>", "<unk>", "<|turn>", "<turn|>"}) {
    add_token(parts, text, TokenType::kControl);
  }
  for (const char* text : {"<|tool_response>", "<|\"|>", "<|\"|>!"}) {
    add_token(parts, text, TokenType::kUserDefined);
  }
  for (int byte = 0; byte < 256; ++byte) {
    add_token(parts, fmt::format("<0x{:02X}>", byte), TokenType::kByte);
  }
  for (const char* text :
       {"a",        "b",  "c",   "d",  "e",  "<",  ">",    "|",    "\n",     "\xE2\x96\x81",
        "\xC3\xA9", "ab", "abc", "bc", "cd", "aa", "aaaa", "\n\n", "\n\n\n", "</s>"}) {
    add_token(parts, text);
  }
  for (const char* text : {"\xE2\x96\x81"
                           "a",
                           "\xE2\x96\x81\xE2\x96\x81", "\xE2\x96\x81\xE2\x96\x81\xE2\x96\x81",
                           "\xC3\xA9"
                           "a"}) {
    add_token(parts, text);
  }
  // "\n\n\n" is a token that no merge makes; "d e" makes "de", which is no token; "de a" does make
  // one again.
  for (const char* merge : {"a b", "c d", "ab c", "b c", "a a", "aa aa", "\n \n", "\xE2\x96\x81 a",
                            "\xE2\x96\x81 \xE2\x96\x81", "\xE2\x96\x81\xE2\x96\x81 \xE2\x96\x81",
                            "\xC3\xA9 a", "d e", "de a"}) {
    parts.merges.push_back(parts.storage.keep(merge));
  }
  add_token(parts, "dea");
  return parts;
}

}  // namespace outrider
