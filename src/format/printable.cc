#include "format/printable.h"

#include <fmt/format.h>

namespace outrider {

std::string printable(std::string_view text) {
  constexpr std::size_t kShownBytes = 80;
  std::string out;
  for (const char c : text.substr(0, kShownBytes)) {
    if (c >= 0x20 && c <= 0x7e) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  if (text.size() > kShownBytes) out += "...";
  return out;
}

std::string in_quotes(std::string_view text) {
  return fmt::format("'{}'", printable(text));
}

}  // namespace outrider
