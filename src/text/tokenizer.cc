#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "core/contract.h"
#include "text/utf8.h"

namespace outrider {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kNoPair = std::numeric_limits<std::uint64_t>::max();
constexpr MergeTable::Merge kNoMerge = {kNone, kNone};

std::uint64_t pair_of(std::uint32_t left, std::uint32_t right) {
  return std::uint64_t{left} << 32 | right;
}

// A stretch of the text that became a piece, or may still.
struct Symbol {
  std::uint32_t begin;  // where it starts in the run being merged
  std::uint32_t bytes;
  std::uint32_t previous;
  std::uint32_t next;
  std::uint32_t piece;
  // What merging it with the next symbol would make. kNone and kNone where they do not merge.
  MergeTable::Merge with_next;
};

struct Fragment {
  std::string_view text;
  std::uint32_t token;  // kNone for plain text
};

void append_with_space_marks(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (c == ' ') {
      out += kSpaceMark;
    } else {
      out += c;
    }
  }
}

// Splits every plain fragment at each occurrence of `text`, leftmost first.
std::vector<Fragment> split_at(const std::vector<Fragment>& fragments, std::string_view text,
                               TokenId token) {
  std::vector<Fragment> split;
  for (const Fragment& fragment : fragments) {
    std::string_view rest = fragment.text;
    std::size_t at = fragment.token == kNone ? rest.find(text) : std::string_view::npos;
    for (; at != std::string_view::npos; at = rest.find(text)) {
      if (at > 0) split.push_back({rest.substr(0, at), kNone});
      split.push_back({rest.substr(at, text.size()), token.value()});
      rest.remove_prefix(at + text.size());
    }
    if (!rest.empty()) split.push_back({rest, fragment.token});
  }
  return split;
}

}  // namespace

MergeTable::MergeTable(std::size_t merges)
    : slots_(std::bit_ceil(std::max<std::size_t>(merges, 1) * 2), Slot{kNoPair, {}}) {}

std::size_t MergeTable::slot_of(std::uint64_t pair) const {
  const std::size_t mask = slots_.size() - 1;
  // The upper half of a product depends on every bit of the pair (Knuth, vol. 3, 6.4).
  std::size_t slot = (pair * 0x9E3779B97F4A7C15u >> 32) & mask;
  while (slots_[slot].pair != kNoPair && slots_[slot].pair != pair) slot = (slot + 1) & mask;
  return slot;
}

void MergeTable::insert(std::uint32_t left, std::uint32_t right, Merge merge) {
  Slot& slot = slots_[slot_of(pair_of(left, right))];
  if (slot.pair == kNoPair) slot = {pair_of(left, right), merge};
}

const MergeTable::Merge* MergeTable::find(std::uint32_t left, std::uint32_t right) const {
  if (left == kNone || right == kNone) return nullptr;
  const Slot& slot = slots_[slot_of(pair_of(left, right))];
  return slot.pair == kNoPair ? nullptr : &slot.merge;
}

// The work on one text.
class Tokenizer::Encoder {
 public:
  Encoder(const Tokenizer& tokenizer, std::uint64_t& pairs_seen)
      : tokenizer_(tokenizer), pairs_seen_(pairs_seen) {}

  std::vector<TokenId> take() { return std::move(ids_); }

  void add_token(TokenId id) { ids_.push_back(id); }

  // Plain text, with kSpaceMark for spaces: runs of newlines and what stands between them.
  void add_plain(std::string_view text) {
    while (!text.empty()) {
      const bool newlines = text.front() == '\n';
      const std::size_t end = newlines ? text.find_first_not_of('\n') : text.find('\n');
      const std::string_view run = text.substr(0, end);
      const std::uint32_t whole = newlines ? tokenizer_.find_piece(run) : kNone;
      if (whole < tokenizer_.vocabulary_->size()) {
        ids_.emplace_back(whole);
      } else {
        merge(run);
      }
      text.remove_prefix(run.size());
    }
  }

 private:
  void merge(std::string_view run) {
    split_into_characters(run);
    for (std::uint32_t i = 0; i < symbols_.size(); ++i) {
      if (look_ahead(i)) candidates_.push_back(pair_of(symbols_[i].with_next.rank, i));
    }
    std::make_heap(candidates_.begin(), candidates_.end(), std::greater<>());
    while (!candidates_.empty()) {
      const std::uint64_t best = candidates_.front();
      std::pop_heap(candidates_.begin(), candidates_.end(), std::greater<>());
      candidates_.pop_back();
      // A candidate is out of date once its symbol merges otherwise or was absorbed.
      const auto left = static_cast<std::uint32_t>(best);
      if (symbols_[left].with_next.rank == best >> 32) apply(left);
    }
    for (std::uint32_t i = 0; i != kNone; i = symbols_[i].next) emit(run, symbols_[i]);
  }

  void split_into_characters(std::string_view run) {
    symbols_.clear();
    for (std::size_t begin = 0; begin < run.size();) {
      const Utf8Front front = utf8_front(run.substr(begin));
      // Bytes that are no character go one by one, each to its byte token.
      const std::size_t bytes = front.kind == Utf8Front::Kind::kCharacter ? front.bytes : 1;
      const auto index = static_cast<std::uint32_t>(symbols_.size());
      symbols_.push_back({.begin = static_cast<std::uint32_t>(begin),
                          .bytes = static_cast<std::uint32_t>(bytes),
                          .previous = index == 0 ? kNone : index - 1,
                          .next = begin + bytes == run.size() ? kNone : index + 1,
                          .piece = tokenizer_.find_piece(run.substr(begin, bytes)),
                          .with_next = kNoMerge});
      begin += bytes;
    }
  }

  // Looks up what the symbol and its next one merge into; false if they do not.
  bool look_ahead(std::uint32_t left) {
    Symbol& symbol = symbols_[left];
    symbol.with_next = kNoMerge;
    if (symbol.next == kNone) return false;
    ++pairs_seen_;
    const MergeTable::Merge* found =
        tokenizer_.merges_.find(symbol.piece, symbols_[symbol.next].piece);
    if (found == nullptr) return false;
    symbol.with_next = *found;
    return true;
  }

  void add_candidate(std::uint32_t left) {
    if (!look_ahead(left)) return;
    candidates_.push_back(pair_of(symbols_[left].with_next.rank, left));
    std::push_heap(candidates_.begin(), candidates_.end(), std::greater<>());
  }

  // Merges the symbol with its next one.
  void apply(std::uint32_t index) {
    Symbol& left = symbols_[index];
    Symbol& right = symbols_[left.next];
    left.bytes += right.bytes;
    left.piece = left.with_next.piece;
    left.next = right.next;
    right.with_next = kNoMerge;
    if (left.next != kNone) symbols_[left.next].previous = index;
    if (left.previous != kNone) add_candidate(left.previous);
    add_candidate(index);
  }

  void emit(std::string_view run, const Symbol& symbol) {
    if (symbol.piece < tokenizer_.vocabulary_->size()) {
      ids_.emplace_back(symbol.piece);
      return;
    }
    for (const char c : run.substr(symbol.begin, symbol.bytes)) {
      ids_.push_back(tokenizer_.vocabulary_->byte_token(static_cast<std::uint8_t>(c)));
    }
  }

  const Tokenizer& tokenizer_;
  std::uint64_t& pairs_seen_;
  std::vector<TokenId> ids_;
  std::vector<Symbol> symbols_;
  // A heap of (rank, symbol) as one number each, so that its top is the lowest rank and, of equal
  // ranks, the leftmost symbol.
  std::vector<std::uint64_t> candidates_;
};

Tokenizer::Tokenizer(const Vocabulary& vocabulary)
    : vocabulary_(&vocabulary), merges_(vocabulary.merges().size()) {
  index_special();
  index_merges();
}

void Tokenizer::index_special() {
  for (std::uint32_t i = 0; i < vocabulary_->size(); ++i) {
    const TokenId id(i);
    const bool matched =
        vocabulary_->is_special(id) || vocabulary_->type(id) == TokenType::kUserDefined;
    if (matched && !vocabulary_->text(id).empty()) special_.push_back(id);
  }
  std::stable_sort(special_.begin(), special_.end(), [&](TokenId a, TokenId b) {
    return vocabulary_->text(a).size() > vocabulary_->text(b).size();
  });
}

void Tokenizer::index_merges() {
  // In blocks, because looking up half a million merges is nothing but waiting for memory.
  constexpr std::size_t kBlock = 64;
  std::array<std::string, kBlock> merged;
  std::vector<std::string_view> texts;  // of each merge: left, right, both
  const auto merges = vocabulary_->merges();
  for (std::size_t begin = 0; begin < merges.size(); begin += kBlock) {
    const std::size_t count = std::min(kBlock, merges.size() - begin);
    texts.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const auto sides = split_merge(merges[begin + i]);
      require(sides.has_value(), "a vocabulary's merges have two sides");
      merged[i].assign(sides->left).append(sides->right);
      texts.insert(texts.end(), {sides->left, sides->right, merged[i]});
    }
    vocabulary_->prefetch(texts);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t left = find_or_add_piece(texts[i * 3]);
      const std::uint32_t right = find_or_add_piece(texts[i * 3 + 1]);
      const auto rank = static_cast<std::uint32_t>(begin + i);
      merges_.insert(left, right, {rank, find_or_add_piece(texts[i * 3 + 2])});
    }
  }
}

// Control tokens, unknown and bytes are no pieces: whatever the merges say, plain text never
// becomes one of them by merging.
std::uint32_t Tokenizer::find_piece(std::string_view text) const {
  const auto id = vocabulary_->find(text);
  if (id && !vocabulary_->is_special(*id) && vocabulary_->type(*id) != TokenType::kByte) {
    return id->value();
  }
  if (other_pieces_.empty()) return kNone;
  const auto found = other_pieces_.find(std::string(text));
  return found == other_pieces_.end() ? kNone : found->second;
}

std::uint32_t Tokenizer::find_or_add_piece(std::string_view text) {
  const std::uint32_t known = find_piece(text);
  if (known != kNone) return known;
  const auto piece = static_cast<std::uint32_t>(vocabulary_->size() + other_pieces_.size());
  other_pieces_.emplace(text, piece);
  return piece;
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  require(text.size() < std::size_t{1} << 30, "a text to encode is shorter than 1 GiB");
  std::vector<Fragment> fragments;
  if (!text.empty()) fragments.push_back({text, kNone});
  for (const TokenId id : special_) {
    if (vocabulary_->is_special(id) && !options.parse_special) continue;
    const std::string_view special = vocabulary_->text(id);
    if (text.find(special) == std::string_view::npos) continue;
    fragments = split_at(fragments, special, id);
  }
  std::uint64_t pairs_seen = 0;
  Encoder encoder(*this, pairs_seen);
  std::string marked;
  for (const Fragment& fragment : fragments) {
    if (fragment.token != kNone) {
      encoder.add_token(TokenId(fragment.token));
      continue;
    }
    marked.clear();
    append_with_space_marks(fragment.text, marked);
    encoder.add_plain(marked);
  }
  if (options.pairs_seen != nullptr) *options.pairs_seen += pairs_seen;
  return encoder.take();
}

}  // namespace outrider
