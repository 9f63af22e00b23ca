// The tokens of a vocabulary as what they write: bytes in the order of the alphabet, so that all
// tokens that begin alike are passed over at once, and the control tokens of a syntax.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/id.h"
#include "text/syntax.h"
#include "text/vocabulary.h"

namespace outrider {

// A bit per token.
using TokenMask = std::vector<std::uint64_t>;

inline void add_token(TokenMask& mask, TokenId token) {
  mask[token.value() / 64] |= std::uint64_t{1} << (token.value() % 64);
}

// Keeps nothing of the vocabulary it is made from.
class TokenBytes {
 public:
  explicit TokenBytes(const Vocabulary& vocabulary);

  // Of each kind of control token at least one: what a syntax demands can be written.
  bool complete() const;
  std::uint32_t size() const { return static_cast<std::uint32_t>(symbols_.size()); }
  std::size_t mask_words() const { return (symbols_.size() + 63) / 64; }

  // What the token is in a syntax: a control symbol; kSymbolsEnd: its bytes, if it has any.
  Symbol symbol(TokenId token) const { return symbols_[token.value()]; }
  std::string_view bytes(TokenId token) const { return bytes_at(places_[token.value()]); }
  std::span<const TokenId> tokens_of(Symbol symbol) const;

  // Tokens that are bytes, in the order of their bytes.
  std::span<const TokenId> sorted() const { return sorted_; }
  // [sorted] How many bytes each has in common with the one before it, or kAlikeMost.
  std::span<const std::uint8_t> alike() const { return alike_; }
  static constexpr std::uint8_t kAlikeMost = 63;
  // Where tokens that begin with this byte begin in sorted(); 256: the end.
  std::uint32_t first_with(std::uint32_t byte) const { return first_with_[byte]; }

  // Tokens that may come between two characters of a string, its end included.
  const TokenMask& in_string() const { return in_string_; }
  // Tokens of nothing but what names have.
  const TokenMask& in_name() const { return in_name_; }

 private:
  struct Place {
    std::uint32_t begin = 0, size = 0;
  };
  std::string_view bytes_at(Place place) const {
    return std::string_view(arena_).substr(place.begin, place.size);
  }
  void sort();
  void classify();

  std::vector<Symbol> symbols_;  // [tokens]
  std::vector<Place> places_;    // [tokens]
  std::string arena_;
  std::vector<TokenId> sorted_;
  std::vector<std::uint8_t> alike_;
  std::uint32_t first_with_[257] = {};
  std::vector<TokenId> controls_[kSymbolsEnd - 256];
  TokenMask in_string_, in_name_;
};

}  // namespace outrider
