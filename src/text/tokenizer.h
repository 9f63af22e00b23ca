// Turns text into token ids: byte-pair merging as Gemma 4 defines it.
//
// Text is cut at special tokens, spaces become kSpaceMark, and every stretch between newlines is
// merged on its own, best rank first. What no piece covers becomes byte tokens, so any bytes can be
// encoded, UTF-8 or not.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/id.h"
#include "text/vocabulary.h"

namespace outrider {

struct EncodeOptions {
  // Whether control tokens are recognised by their text. Only for prompts that we rendered: in a
  // user's text they are ordinary characters. User-defined tokens are recognised always.
  bool parse_special = false;
  // When set, grows by the number of pairs of neighbours that were looked at: at most 3 a byte.
  std::uint64_t* pairs_seen = nullptr;
};

// What two neighbouring pieces merge into. Pieces are numbered as tokens are; those past the
// vocabulary exist in merges only and end as bytes.
class MergeTable {
 public:
  struct Merge {
    std::uint32_t rank;
    std::uint32_t piece;
  };

  // Room for `merges` merges.
  explicit MergeTable(std::size_t merges);
  // The first merge of a pair wins.
  void insert(std::uint32_t left, std::uint32_t right, Merge merge);
  const Merge* find(std::uint32_t left, std::uint32_t right) const;  // null when there is none

 private:
  struct Slot {
    std::uint64_t pair;
    Merge merge;
  };
  std::size_t slot_of(std::uint64_t pair) const;
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
};

class Tokenizer {
 public:
  // `vocabulary` must outlive the tokenizer.
  explicit Tokenizer(const Vocabulary& vocabulary);

  // Without <bos>. `text` is shorter than 1 GiB. From any thread.
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;

  TokenId bos() const { return vocabulary_->bos(); }
  const Vocabulary& vocabulary() const { return *vocabulary_; }

 private:
  class Encoder;

  void index_special();
  void index_merges();
  std::uint32_t find_piece(std::string_view text) const;
  std::uint32_t find_or_add_piece(std::string_view text);

  const Vocabulary* vocabulary_;
  std::vector<TokenId> special_;  // control, unknown and user-defined tokens, longest text first
  MergeTable merges_;
  // Pieces that occur in merges but are no tokens that plain text may become; numbered from
  // vocabulary_->size(). Empty for a sound vocabulary.
  std::unordered_map<std::string, std::uint32_t> other_pieces_;
};

}  // namespace outrider
