// The vocabulary of a model: what each token id stands for and how pieces merge into longer ones.
//
// Texts are borrowed. A vocabulary read from a GGUF file points into the mapped file, which saves
// 20 MB of copies of Gemma 4's 262144 tokens and 514906 merges; one read from tokenizer.json owns
// them.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/id.h"
#include "core/result.h"

namespace outrider {

class GgufFile;
class GgufWriter;

// The numbers of tokenizer.ggml.token_type.
enum class TokenType : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // structure of a prompt: found in text only where the caller asks for it
  kUserDefined = 4,  // found in any text before merging
  kUnused = 5,
  kByte = 6,  // <0xXX>: one raw byte
};

// Stands for a space inside texts of normal tokens and merges: U+2581.
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";
// What tokenizer.ggml.scores holds for every token: ranks of merges decide, not scores.
inline constexpr float kTokenScore = -1000.0f;

// Owns texts; those it returned stay where they are when the arena is moved.
class TextArena {
 public:
  // A copy of the parts, one after the other.
  std::string_view keep(std::string_view first, std::string_view second = {},
                        std::string_view third = {});

 private:
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t used_ = 0;      // of the last chunk
  std::size_t capacity_ = 0;  // of the last chunk
};

// What a file says, before any of it was checked.
struct VocabularyParts {
  std::vector<std::string_view> texts;   // [tokens]
  std::vector<TokenType> types;          // [tokens]
  std::vector<std::string_view> merges;  // [merges] "LEFT RIGHT", best first
  std::optional<TokenId> bos;            // when absent: the token <bos>
  std::optional<TokenId> eos;            // when absent: the token <eos>
  std::optional<TokenId> unknown;
  std::optional<TokenId> padding;
  std::optional<TokenId> mask;
  std::vector<TokenId> suppressed;
  TextArena storage;  // of those texts that are not borrowed from elsewhere
};

class Vocabulary {
 public:
  // Checks and indexes `parts`. Fails (kBadModelFile, naming `name`) if counts or ids disagree, a
  // merge has no two sides, bos or eos cannot be found, or one of the 256 byte tokens is missing:
  // without them there is text that cannot be encoded. Of tokens with equal text the first counts.
  //
  // Types follow the file with one exception: the structural texts of Gemma 4 (<eos>, <|turn>,
  // <|tool_response>, ...) are control tokens whatever the file says, because published files mark
  // some of them as ordinary text, which a user could then type. </s> is an HTML tag here and stays
  // ordinary.
  static Result<Vocabulary> make(VocabularyParts parts, const std::string& name);

  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  std::uint32_t size() const { return static_cast<std::uint32_t>(parts_.texts.size()); }
  bool contains(TokenId id) const { return id.value() < size(); }
  // As in the file, so with kSpaceMark for spaces. `id` must be contained; so for type().
  std::string_view text(TokenId id) const;
  TokenType type(TokenId id) const;
  // Control or unknown: never part of ordinary text.
  bool is_special(TokenId id) const;
  // The token with exactly this text.
  std::optional<TokenId> find(std::string_view text) const;
  // A hint that these texts are about to be looked up: their waits for memory overlap.
  void prefetch(std::span<const std::string_view> texts) const;

  std::span<const std::string_view> texts() const { return parts_.texts; }    // [tokens]
  std::span<const TokenType> types() const { return parts_.types; }           // [tokens]
  std::span<const std::string_view> merges() const { return parts_.merges; }  // [merges]

  TokenId bos() const { return *parts_.bos; }
  TokenId eos() const { return *parts_.eos; }
  std::optional<TokenId> unknown() const { return parts_.unknown; }
  std::optional<TokenId> padding() const { return parts_.padding; }
  std::optional<TokenId> mask() const { return parts_.mask; }
  // Always true for Gemma 4: older files say false and are wrong, the model needs its <bos>.
  bool add_bos() const { return true; }

  // Tokens that end a turn, ascending: eos, and those of <eos>, <turn|> and <|tool_response> that
  // exist.
  std::span<const TokenId> end_of_generation() const { return end_of_generation_; }
  bool ends_generation(TokenId id) const;
  // Tokens that must never be sampled.
  std::span<const TokenId> suppressed() const { return parts_.suppressed; }

  TokenId byte_token(std::uint8_t byte) const { return TokenId(byte_tokens_[byte]); }
  // The byte that a token of type kByte stands for; nothing for other tokens.
  std::optional<std::uint8_t> byte_of(TokenId id) const;

 private:
  explicit Vocabulary(VocabularyParts parts) : parts_(std::move(parts)) {}
  std::size_t first_slot_of(std::string_view text) const;
  std::size_t slot_of(std::string_view text) const;
  void index_texts();
  void mark_structure_as_control();
  Result<void> find_bytes(const std::string& name);
  Result<void> find_special(const std::string& name);

  VocabularyParts parts_;
  std::vector<std::uint32_t> slots_;  // open addressing, a power of two, at most half full
  std::array<std::uint32_t, 256> byte_tokens_{};
  std::vector<TokenId> end_of_generation_;
};

// The two sides of "LEFT RIGHT": split at the first space after the first byte, since LEFT may not
// be empty. Nothing if there is no such space or nothing behind it.
struct MergeSides {
  std::string_view left;
  std::string_view right;
};
std::optional<MergeSides> split_merge(std::string_view merge);

// From tokenizer.ggml.*; `file` must outlive the vocabulary. Fails (kBadModelFile) as make() does,
// and if the file has no tokenizer or one of another model.
Result<Vocabulary> vocabulary_from_gguf(const GgufFile& file);

// Sets every tokenizer.ggml.* key that vocabulary_from_gguf() reads or other programs expect.
void set_tokenizer(GgufWriter& writer, const Vocabulary& vocabulary);

// From the texts of a Hugging Face tokenizer.json and of the tokenizer_config.json beside it; an
// empty `config_json` stands for a missing one. `name` is for errors. Types: byte tokens by their
// text, added special tokens control, added tokens outside the model's own vocabulary and those
// that parsers of Gemma 4's output must see user-defined, all others normal.
Result<Vocabulary> vocabulary_from_tokenizer_json(std::string_view tokenizer_json,
                                                  std::string_view config_json,
                                                  const std::string& name);

// [tokens] What tokenizer.ggml.token_type should say when `vocabulary` is written to a file: its
// types, with <|tool_response> user-defined as in published files. (Reading makes it control
// again.)
std::vector<std::int32_t> gguf_token_types(const Vocabulary& vocabulary);

}  // namespace outrider
