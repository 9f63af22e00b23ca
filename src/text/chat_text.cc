#include "text/chat_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "text/utf8.h"

namespace outrider {

void ChatWriter::control(std::string_view token) {
  segments_.push_back({std::string(token), true, std::nullopt});
}

void ChatWriter::media(std::string_view token, std::size_t media_index) {
  segments_.push_back({std::string(token), true, media_index});
}

void ChatWriter::plain(std::string_view text) {
  if (text.empty()) return;
  if (segments_.empty() || segments_.back().is_template) segments_.emplace_back();
  segments_.back().text += text;
}

void ChatWriter::quoted(std::string_view text) {
  control("<|\"|>");
  plain(text);
  control("<|\"|>");
}

namespace {

// Bytes of the whitespace at the front of `text`, as str.isspace() sees it; 0 if there is none.
std::size_t space_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t bytes = utf8_front(text).bytes;
  if (bytes == 1) {
    const std::uint8_t c = byte(0);
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) ? 1 : 0;
  }
  if (bytes == 2) return byte(0) == 0xC2 && (byte(1) == 0x85 || byte(1) == 0xA0) ? 2 : 0;
  if (bytes != 3) return 0;
  const unsigned code = (byte(0) & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
  const bool is_space = code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
                        code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
  return is_space ? 3 : 0;
}

}  // namespace

std::string_view trim_unicode(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = space_bytes(text);
    if (bytes == 0) break;
    text.remove_prefix(bytes);
  }
  while (!text.empty()) {
    // The last character begins at the last byte that continues no other.
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<std::uint8_t>(text[start]) & 0xC0) == 0x80) --start;
    if (space_bytes(text.substr(start)) != text.size() - start) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer;
  const auto print = [&](std::chars_format format) {
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format);
    require(end.ec == std::errc(), "64 characters hold any double that is asked for");
    return std::string_view(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  };
  const std::string_view scientific = print(std::chars_format::scientific);
  const std::string_view digits = scientific.substr(scientific.find('e') + 1);
  int exponent = 0;
  std::from_chars(digits.data() + 1, digits.data() + digits.size(), exponent);
  if (digits.front() == '-') exponent = -exponent;
  if (exponent < -4 || exponent >= 16) return std::string(scientific);
  std::string fixed(print(std::chars_format::fixed));
  if (fixed.find('.') == std::string::npos) fixed += ".0";
  return fixed;
}

}  // namespace outrider
