#include "text/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>

namespace outrider {
namespace {

constexpr std::uint32_t kFree = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kChunkBytes = std::size_t{1} << 16;

// Gemma 4's structure, by text, because small test vocabularies number it differently.
constexpr std::array<std::string_view, 18> kControlTexts = {
    "<pad>",    "<eos>",     "<bos>",     "<unk>",    "<mask>",   "<|tool>",          "<tool|>",
    "<|turn>",  "<turn|>",   "<|think|>", "<|image>", "<|audio>", "<|tool_response>", "<image|>",
    "<audio|>", "<|image|>", "<|audio|>", "<|video|>"};

constexpr std::array<std::string_view, 3> kEndTexts = {"<eos>", "<turn|>", "<|tool_response>"};

Error bad(const std::string& name, const std::string& what) {
  return {ErrorCode::kBadModelFile, fmt::format("{}: {}", name, what)};
}

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<std::uint8_t> parse_byte_text(std::string_view text) {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return std::nullopt;
  const auto high = hex_digit(text[3]);
  const auto low = hex_digit(text[4]);
  if (!high || !low) return std::nullopt;
  return static_cast<std::uint8_t>(*high * 16 + *low);
}

Result<void> check_counts(const VocabularyParts& parts, const std::string& name) {
  if (parts.texts.empty()) return bad(name, "the tokenizer has no tokens");
  if (parts.texts.size() > std::size_t{1} << 30) {
    return bad(name, fmt::format("{} tokens are more than any vocabulary has", parts.texts.size()));
  }
  if (parts.texts.size() != parts.types.size()) {
    return bad(name, fmt::format("the tokenizer has {} tokens but {} token types",
                                 parts.texts.size(), parts.types.size()));
  }
  return {};
}

Result<void> check_merges(const VocabularyParts& parts, const std::string& name) {
  for (std::size_t rank = 0; rank < parts.merges.size(); ++rank) {
    if (split_merge(parts.merges[rank])) continue;
    return bad(name, fmt::format("merge {} is \"{}\", expected two pieces with a space between",
                                 rank, parts.merges[rank]));
  }
  return {};
}

}  // namespace

std::string_view TextArena::keep(std::string_view first, std::string_view second,
                                 std::string_view third) {
  const std::size_t bytes = first.size() + second.size() + third.size();
  if (chunks_.empty() || capacity_ - used_ < bytes) {
    capacity_ = std::max(bytes, kChunkBytes);
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(capacity_));
    used_ = 0;
  }
  char* const begin = chunks_.back().get() + used_;
  char* end = begin;
  for (const std::string_view part : {first, second, third}) {
    end = std::copy(part.begin(), part.end(), end);
  }
  used_ += bytes;
  return {begin, bytes};
}

std::optional<MergeSides> split_merge(std::string_view merge) {
  const std::size_t space = merge.find(' ', 1);
  if (space == std::string_view::npos || space + 1 == merge.size()) return std::nullopt;
  return MergeSides{merge.substr(0, space), merge.substr(space + 1)};
}

Result<Vocabulary> Vocabulary::make(VocabularyParts parts, const std::string& name) {
  if (const auto checked = check_counts(parts, name); !checked) return checked.error();
  if (const auto checked = check_merges(parts, name); !checked) return checked.error();
  Vocabulary vocabulary(std::move(parts));
  vocabulary.index_texts();
  vocabulary.mark_structure_as_control();
  if (const auto found = vocabulary.find_bytes(name); !found) return found.error();
  if (const auto found = vocabulary.find_special(name); !found) return found.error();
  return vocabulary;
}

void Vocabulary::index_texts() {
  slots_.assign(std::bit_ceil(parts_.texts.size() * 2), kFree);
  for (std::uint32_t id = 0; id < size(); ++id) {
    std::uint32_t& slot = slots_[slot_of(parts_.texts[id])];
    if (slot == kFree) slot = id;
  }
}

std::size_t Vocabulary::first_slot_of(std::string_view text) const {
  return std::hash<std::string_view>()(text) & (slots_.size() - 1);
}

// Where `text` is, or where it would go.
std::size_t Vocabulary::slot_of(std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = first_slot_of(text);
  while (slots_[slot] != kFree && parts_.texts[slots_[slot]] != text) slot = (slot + 1) & mask;
  return slot;
}

void Vocabulary::mark_structure_as_control() {
  for (const std::string_view text : kControlTexts) {
    const auto id = find(text);
    if (id && type(*id) != TokenType::kUnknown) parts_.types[id->value()] = TokenType::kControl;
  }
}

Result<void> Vocabulary::find_bytes(const std::string& name) {
  byte_tokens_.fill(kFree);
  for (std::uint32_t id = 0; id < size(); ++id) {
    if (parts_.types[id] != TokenType::kByte) continue;
    const auto byte = parse_byte_text(parts_.texts[id]);
    if (!byte) {
      return bad(name, fmt::format("token {} is a byte token with text \"{}\", expected <0xXX>", id,
                                   parts_.texts[id]));
    }
    if (byte_tokens_[*byte] == kFree) byte_tokens_[*byte] = id;
  }
  for (std::size_t byte = 0; byte < byte_tokens_.size(); ++byte) {
    if (byte_tokens_[byte] != kFree) continue;
    return bad(name, fmt::format("the tokenizer has no byte token <0x{:02X}>", byte));
  }
  return {};
}

Result<void> Vocabulary::find_special(const std::string& name) {
  if (!parts_.bos) parts_.bos = find("<bos>");
  if (!parts_.eos) parts_.eos = find("<eos>");
  if (!parts_.bos) return bad(name, "the tokenizer names no bos token and has no <bos>");
  if (!parts_.eos) return bad(name, "the tokenizer names no eos token and has no <eos>");
  std::vector<TokenId> named = parts_.suppressed;
  for (const auto& id : {parts_.bos, parts_.eos, parts_.unknown, parts_.padding, parts_.mask}) {
    if (id) named.push_back(*id);
  }
  for (const TokenId id : named) {
    if (contains(id)) continue;
    return bad(name, fmt::format("the tokenizer names token {}, but it has only {} tokens",
                                 id.value(), size()));
  }
  end_of_generation_ = {*parts_.eos};
  for (const std::string_view text : kEndTexts) {
    if (const auto id = find(text); id && !ends_generation(*id)) end_of_generation_.push_back(*id);
  }
  std::sort(end_of_generation_.begin(), end_of_generation_.end());
  return {};
}

std::string_view Vocabulary::text(TokenId id) const {
  require(contains(id), "a token is inside its vocabulary");
  return parts_.texts[id.value()];
}

TokenType Vocabulary::type(TokenId id) const {
  require(contains(id), "a token is inside its vocabulary");
  return parts_.types[id.value()];
}

bool Vocabulary::is_special(TokenId id) const {
  return type(id) == TokenType::kControl || type(id) == TokenType::kUnknown;
}

std::optional<TokenId> Vocabulary::find(std::string_view text) const {
  const std::uint32_t id = slots_[slot_of(text)];
  if (id == kFree) return std::nullopt;
  return TokenId(id);
}

void Vocabulary::prefetch(std::span<const std::string_view> texts) const {
  // A look-up reads a slot, then the view it names, then the text: three waits one after the other.
  for (const std::string_view text : texts) __builtin_prefetch(&slots_[first_slot_of(text)]);
  for (const std::string_view text : texts) {
    const std::uint32_t id = slots_[first_slot_of(text)];
    if (id != kFree) __builtin_prefetch(&parts_.texts[id]);
  }
  for (const std::string_view text : texts) {
    const std::uint32_t id = slots_[first_slot_of(text)];
    if (id != kFree) __builtin_prefetch(parts_.texts[id].data());
  }
}

bool Vocabulary::ends_generation(TokenId id) const {
  return std::find(end_of_generation_.begin(), end_of_generation_.end(), id) !=
         end_of_generation_.end();
}

std::optional<std::uint8_t> Vocabulary::byte_of(TokenId id) const {
  if (type(id) != TokenType::kByte) return std::nullopt;
  return parse_byte_text(text(id));
}

std::vector<std::int32_t> gguf_token_types(const Vocabulary& vocabulary) {
  std::vector<std::int32_t> types;
  types.reserve(vocabulary.size());
  for (const TokenType type : vocabulary.types()) types.push_back(static_cast<std::int32_t>(type));
  if (const auto id = vocabulary.find("<|tool_response>")) {
    types[id->value()] = static_cast<std::int32_t>(TokenType::kUserDefined);
  }
  return types;
}

}  // namespace outrider
