#include "text/detokenizer.h"

#include "text/utf8.h"

namespace outrider {
namespace {

void append_with_spaces(std::string_view text, std::string& out) {
  for (std::size_t at = text.find(kSpaceMark); at != std::string_view::npos;
       at = text.find(kSpaceMark)) {
    out.append(text.substr(0, at)).push_back(' ');
    text.remove_prefix(at + kSpaceMark.size());
  }
  out.append(text);
}

void append_bytes(const Vocabulary& vocabulary, TokenId id, DetokenizerOptions options,
                  std::string& out) {
  if (!vocabulary.contains(id)) return;
  switch (vocabulary.type(id)) {
    case TokenType::kByte:
      out.push_back(static_cast<char>(*vocabulary.byte_of(id)));
      return;
    case TokenType::kControl:
    case TokenType::kUnknown:
      if (options.render_special) out.append(vocabulary.text(id));
      return;
    case TokenType::kUserDefined:
      out.append(vocabulary.text(id));
      return;
    case TokenType::kNormal:
    case TokenType::kUnused:
      append_with_spaces(vocabulary.text(id), out);
      return;
  }
}

}  // namespace

std::string Detokenizer::push(TokenId id) {
  append_bytes(*vocabulary_, id, options_, pending_);
  std::string ready;
  std::string_view rest = pending_;
  replaced_ += take_characters(rest, ready);
  pending_.erase(0, pending_.size() - rest.size());
  return ready;
}

std::string Detokenizer::flush() {
  if (pending_.empty()) return {};
  pending_.clear();
  ++replaced_;
  return std::string(kReplacementCharacter);
}

std::string decode_bytes(const Vocabulary& vocabulary, std::span<const TokenId> ids,
                         DetokenizerOptions options) {
  std::string bytes;
  for (const TokenId id : ids) append_bytes(vocabulary, id, options, bytes);
  return bytes;
}

}  // namespace outrider
