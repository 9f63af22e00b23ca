#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/contract.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_test_vocabulary.h"
#include "text/utf8.h"

namespace outrider {
namespace {

std::string with_spaces(std::string_view text) {
  std::string spaced;
  for (std::size_t at = text.find(kSpaceMark); at != std::string_view::npos;
       at = text.find(kSpaceMark)) {
    spaced.append(text.substr(0, at)).push_back(' ');
    text.remove_prefix(at + kSpaceMark.size());
  }
  return spaced.append(text);
}

void check_utf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Front front = utf8_front(text);
    require(front.kind == Utf8Front::Kind::kCharacter, "streamed text is well-formed");
    text.remove_prefix(front.bytes);
  }
}

void stream(const Vocabulary& vocabulary, const std::vector<TokenId>& ids) {
  Detokenizer detokenizer(vocabulary, {.render_special = true});
  for (const TokenId id : ids) check_utf8(detokenizer.push(id));
  check_utf8(detokenizer.flush());
}

// Whatever the bytes, encoding and decoding gives them back.
void round_trip(std::string_view text) {
  static const Vocabulary vocabulary = Vocabulary::make(small_parts(), "small").value();
  static const Tokenizer tokenizer(vocabulary);
  for (const bool parse_special : {false, true}) {
    const auto ids = tokenizer.encode(text, {.parse_special = parse_special});
    const std::string back = decode_bytes(vocabulary, ids, {.render_special = true});
    require(back == with_spaces(text), "decoding undoes encoding");
    stream(vocabulary, ids);
  }
}

// Whatever the file, it is read or refused, and what was read encodes.
void read_json(std::string_view text) {
  const std::size_t split = text.find('\0');
  const std::string_view config =
      split == std::string_view::npos ? std::string_view() : text.substr(split + 1);
  const auto vocabulary = vocabulary_from_tokenizer_json(text.substr(0, split), config, "fuzz");
  if (!vocabulary) return;
  const Tokenizer tokenizer(*vocabulary);
  stream(*vocabulary, tokenizer.encode("ab <bos>\n\n\xE2\x96", {.parse_special = true}));
}

}  // namespace
}  // namespace outrider

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    outrider::round_trip(text);
  } else {
    outrider::read_json(text);
  }
  return 0;
}
