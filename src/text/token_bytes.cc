#include "text/token_bytes.h"

#include <algorithm>
#include <utility>

#include "text/detokenizer.h"
#include "text/utf8.h"

namespace outrider {
namespace {

constexpr std::pair<std::string_view, Symbol> kControls[] = {{"<|\"|>", kQuoteSymbol},
                                                             {"<|tool_call>", kCallSymbol},
                                                             {"<tool_call|>", kCallEndSymbol},
                                                             {"<channel|>", kThoughtEndSymbol}};

// Eight bytes as a number that orders as they do: most comparisons look no further.
std::uint64_t front_of(std::string_view bytes) {
  std::uint64_t front = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    front = front << 8 | (i < bytes.size() ? static_cast<std::uint8_t>(bytes[i]) : 0u);
  }
  return front;
}

bool is_text(std::string_view bytes) {
  std::uint8_t place = 0;
  return std::all_of(bytes.begin(), bytes.end(),
                     [&](char byte) { return utf8_next(place, static_cast<std::uint8_t>(byte)); });
}

bool is_name(std::string_view bytes) {
  return is_text(bytes) && std::all_of(bytes.begin(), bytes.end(), [](char byte) {
           return is_name_byte(static_cast<std::uint8_t>(byte));
         });
}

}  // namespace

// Tokens that write nothing, and control tokens without a place in a syntax, are no part of it.
TokenBytes::TokenBytes(const Vocabulary& vocabulary)
    : symbols_(vocabulary.size(), kSymbolsEnd), places_(vocabulary.size()) {
  const auto set_control = [this](TokenId token, Symbol symbol) {
    symbols_[token.value()] = symbol;
    controls_[symbol - 256].push_back(token);
  };
  for (const auto& [text, symbol] : kControls) {
    if (const auto token = vocabulary.find(text)) set_control(*token, symbol);
  }
  for (const TokenId token : vocabulary.end_of_generation()) set_control(token, kTurnEndSymbol);
  const std::optional<TokenId> channel = vocabulary.find("<|channel>");
  for (std::uint32_t id = 0; id < vocabulary.size(); ++id) {
    const TokenId token(id);
    if (symbols_[id] != kSymbolsEnd || vocabulary.is_special(token) || token == channel) continue;
    const std::string bytes = decode_bytes(vocabulary, {&token, 1});
    places_[id] = {static_cast<std::uint32_t>(arena_.size()),
                   static_cast<std::uint32_t>(bytes.size())};
    arena_ += bytes;
    if (!bytes.empty()) sorted_.push_back(token);
  }
  sort();
  classify();
}

void TokenBytes::sort() {
  std::vector<std::pair<std::uint64_t, TokenId>> order;
  order.reserve(sorted_.size());
  for (const TokenId token : sorted_) order.emplace_back(front_of(bytes(token)), token);
  std::sort(order.begin(), order.end(), [this](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    const int compared = bytes(a.second).compare(bytes(b.second));
    return compared < 0 || (compared == 0 && a.second < b.second);
  });
  std::string_view before;
  alike_.reserve(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    sorted_[i] = order[i].second;
    const std::string_view now = bytes(sorted_[i]);
    const std::size_t most = std::min({before.size(), now.size(), std::size_t{kAlikeMost}});
    const auto end = now.begin() + static_cast<std::ptrdiff_t>(most);
    const auto differs = std::mismatch(now.begin(), end, before.begin()).first;
    alike_.push_back(static_cast<std::uint8_t>(differs - now.begin()));
    before = now;
  }
  std::uint32_t at = 0;
  for (std::uint32_t byte = 0; byte <= 256; ++byte) {
    while (at < sorted_.size() && static_cast<std::uint8_t>(bytes(sorted_[at])[0]) < byte) ++at;
    first_with_[byte] = at;
  }
}

void TokenBytes::classify() {
  in_string_.assign(mask_words(), 0);
  in_name_.assign(mask_words(), 0);
  for (const TokenId token : sorted_) {
    if (is_text(bytes(token))) add_token(in_string_, token);
    if (is_name(bytes(token))) add_token(in_name_, token);
  }
  for (const TokenId token : tokens_of(kQuoteSymbol)) add_token(in_string_, token);
}

bool TokenBytes::complete() const {
  return std::none_of(std::begin(controls_), std::end(controls_),
                      [](const auto& tokens) { return tokens.empty(); });
}

std::span<const TokenId> TokenBytes::tokens_of(Symbol symbol) const {
  return controls_[symbol - 256];
}

}  // namespace outrider
