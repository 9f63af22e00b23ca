// Turns token ids back into text, one at a time while a model produces them.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "core/id.h"
#include "text/vocabulary.h"

namespace outrider {

struct DetokenizerOptions {
  bool render_special = false;  // whether control tokens appear as their text or not at all
};

// Bytes of several tokens may form one character, so they wait until it is complete. What comes out
// is always well-formed UTF-8: bytes that cannot become a character come out as U+FFFD.
class Detokenizer {
 public:
  // `vocabulary` must outlive the detokenizer.
  explicit Detokenizer(const Vocabulary& vocabulary, DetokenizerOptions options = {})
      : vocabulary_(&vocabulary), options_(options) {}

  // The characters that are complete now; may be empty. Ids may come from a client: those outside
  // the vocabulary are ignored.
  std::string push(TokenId id);
  // At the end: U+FFFD if a character was left incomplete, else nothing. Ready for the next text
  // then.
  std::string flush();
  // How many U+FFFD stand for bytes that were no character, in all that came out so far.
  std::size_t replaced() const { return replaced_; }

 private:
  const Vocabulary* vocabulary_;
  DetokenizerOptions options_;
  std::string pending_;  // the beginning of a character
  std::size_t replaced_ = 0;
};

// The exact bytes that `ids` stand for, well-formed or not. Undoes Tokenizer::encode, except that a
// kSpaceMark in the text comes back as the space it was encoded as. Ids outside the vocabulary are
// ignored.
std::string decode_bytes(const Vocabulary& vocabulary, std::span<const TokenId> ids,
                         DetokenizerOptions options = {});

}  // namespace outrider
