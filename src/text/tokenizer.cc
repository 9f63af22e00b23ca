#include "text/tokenizer.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <queue>
#include <span>
#include <string>
#include <utility>

#include "core/contract.h"
#include "text/utf8.h"

namespace outrider {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kNoPair = std::numeric_limits<std::uint64_t>::max();

std::uint64_t pair_of(std::uint32_t left, std::uint32_t right) {
  return std::uint64_t{left} << 32 | right;
}

// A stretch of the text that became a piece, or may still. Dead once it has no bytes.
struct Symbol {
  std::uint32_t begin;  // where it starts in the stretch being merged
  std::uint32_t bytes;
  std::uint32_t previous;
  std::uint32_t next;
  std::uint32_t piece;
};

// Two neighbours that could merge when this was written. They still can if the left one is alive
// and together they have as many bytes: symbols only ever grow, so no other pair starting there
// has.
struct Candidate {
  std::uint32_t rank;
  std::uint32_t left;
  std::uint32_t bytes;
  std::uint32_t piece;

  // For a heap whose top is the best: the lowest rank, then the leftmost.
  bool operator<(const Candidate& other) const {
    return pair_of(rank, left) > pair_of(other.rank, other.left);
  }
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
    for (std::uint32_t i = 0; i + 1 < symbols_.size(); ++i) consider(i);
    std::make_heap(candidates_.begin(), candidates_.end());
    heaped_ = true;
    while (!candidates_.empty()) {
      std::pop_heap(candidates_.begin(), candidates_.end());
      const Candidate best = candidates_.back();
      candidates_.pop_back();
      apply(best);
    }
    heaped_ = false;
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
                          .piece = tokenizer_.find_piece(run.substr(begin, bytes))});
      begin += bytes;
    }
  }

  // Remembers the pair that starts at symbol `left`, if there is one and it merges.
  void consider(std::uint32_t left) {
    const Symbol& first = symbols_[left];
    if (first.next == kNone) return;
    const Symbol& second = symbols_[first.next];
    ++pairs_seen_;
    const MergeTable::Merge* found = tokenizer_.merges_.find(first.piece, second.piece);
    if (found == nullptr) return;
    candidates_.push_back({found->rank, left, first.bytes + second.bytes, found->piece});
    if (heaped_) std::push_heap(candidates_.begin(), candidates_.end());
  }

  void apply(const Candidate& best) {
    Symbol& left = symbols_[best.left];
    if (left.bytes == 0 || left.next == kNone) return;
    Symbol& right = symbols_[left.next];
    if (left.bytes + right.bytes != best.bytes) return;
    left.bytes = best.bytes;
    left.piece = best.piece;
    left.next = right.next;
    right.bytes = 0;
    if (left.next != kNone) symbols_[left.next].previous = best.left;
    if (left.previous != kNone) consider(left.previous);
    consider(best.left);
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
  std::vector<Candidate> candidates_;
  bool heaped_ = false;  // whether candidates_ is in heap order
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
  std::string merged;
  const auto merges = vocabulary_->merges();
  for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
    const auto sides = split_merge(merges[rank]);
    require(sides.has_value(), "a vocabulary's merges have two sides");
    merged.assign(sides->left).append(sides->right);
    const std::uint32_t left = find_or_add_piece(sides->left);
    const std::uint32_t right = find_or_add_piece(sides->right);
    merges_.insert(left, right, {rank, find_or_add_piece(merged)});
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
