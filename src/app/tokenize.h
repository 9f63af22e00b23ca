// Text to a line of token ids and back.
#pragma once
#include <string>
#include <string_view>

#include "core/result.h"
#include "text/vocabulary.h"

namespace outrider {

// "2364 107\n", without <bos>. `special`: special tokens are recognised by their text.
std::string encode_text(const Vocabulary& vocabulary, std::string_view text, bool special);

// The exact bytes that the ids in `text` stand for; ids are separated by white space. `special`:
// special tokens appear as their text. Fails (kBadRequest) for what is no id of the vocabulary.
Result<std::string> decode_ids(const Vocabulary& vocabulary, std::string_view text, bool special);

}  // namespace outrider
