#include "text/syntax_masks.h"

#include <algorithm>
#include <utility>

#include "core/contract.h"

namespace outrider {

SyntaxMasks::SyntaxMasks(TokenSyntax rules, std::size_t kept)
    : rules_(std::move(rules)), masks_(kept), places_(TokenBytes::kAlikeMost + std::size_t{1}) {
  require(rules_.tokens != nullptr && rules_.tokens->complete(),
          "the tokens of a syntax can write it");
  for (Mask& mask : masks_) mask.bits.reserve(rules_.tokens->mask_words());
}

void SyntaxMasks::advance(SyntaxPlace& place, TokenId token) const {
  if (place.nowhere()) return;
  const TokenBytes& tokens = *rules_.tokens;
  const Symbol symbol = tokens.symbol(token);
  bool may = true;
  if (symbol != kSymbolsEnd) {
    may = place.advance(rules_.syntax, symbol);
  } else {
    const std::string_view bytes = tokens.bytes(token);
    may = !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [&](char byte) {
      return place.advance(rules_.syntax, static_cast<std::uint8_t>(byte));
    });
  }
  if (!may) place = {};
}

std::span<const std::uint64_t> SyntaxMasks::allowed(const SyntaxPlace& place) {
  if (place.nowhere()) return {};
  if (place.in_string(rules_.syntax)) return rules_.tokens->in_string();
  const std::uint64_t hash = place.hash();
  ++time_;
  Mask* oldest = &masks_.front();
  for (Mask& mask : masks_) {
    if (mask.hash == hash && mask.place == place) {
      mask.used = time_;
      return mask.bits;
    }
    if (mask.used < oldest->used) oldest = &mask;
  }
  oldest->place = place;
  oldest->hash = hash;
  oldest->used = time_;
  fill(place, oldest->bits);
  return oldest->bits;
}

void SyntaxMasks::fill(const SyntaxPlace& place, TokenMask& bits) {
  const TokenBytes& tokens = *rules_.tokens;
  // A token that ends a name does nothing else: there are too many that do both to try them all.
  const bool in_name = place.in_free_name(rules_.syntax);
  bits.assign(tokens.mask_words(), 0);
  if (in_name) std::copy(tokens.in_name().begin(), tokens.in_name().end(), bits.begin());
  for (Symbol symbol = 256; symbol < kSymbolsEnd; ++symbol) {
    SyntaxPlace behind = place;
    if (!behind.advance(rules_.syntax, symbol)) continue;
    for (const TokenId token : tokens.tokens_of(symbol)) add_token(bits, token);
  }
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    if (in_name && is_name_byte(static_cast<std::uint8_t>(byte))) continue;
    SyntaxPlace behind = place;
    if (!behind.advance(rules_.syntax, static_cast<Symbol>(byte))) continue;
    add_tokens_with(byte, place, bits);
  }
}

// Goes through the tokens that begin with `byte`, each from where it differs from the one before.
void SyntaxMasks::add_tokens_with(std::uint32_t byte, const SyntaxPlace& place, TokenMask& bits) {
  const TokenBytes& tokens = *rules_.tokens;
  places_[0] = place;
  std::size_t good = 0;  // bytes of the token at hand behind which places_ is right
  const std::uint32_t end = tokens.first_with(byte + 1);
  for (std::uint32_t i = tokens.first_with(byte); i < end;) {
    const TokenId token = tokens.sorted()[i];
    const std::string_view bytes = tokens.bytes(token);
    good = std::min<std::size_t>(good, tokens.alike()[i]);
    SyntaxPlace now = places_[good];
    std::size_t at = good;
    while (at < bytes.size() && now.advance(rules_.syntax, static_cast<std::uint8_t>(bytes[at]))) {
      if (++at < places_.size()) places_[at] = now;
    }
    ++i;
    good = std::min(at, places_.size() - 1);
    if (at == bytes.size()) {
      add_token(bits, token);
      continue;
    }
    // Others that have the byte that may not come in the same place.
    while (i < end && tokens.alike()[i] > at) ++i;
  }
}

}  // namespace outrider
