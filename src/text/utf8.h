// Steps through bytes that claim to be UTF-8, one character or one mistake at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace outrider {

struct Utf8Front {
  enum class Kind {
    kCharacter,  // a well-formed character
    kInvalid,    // bytes that no continuation can make a character
    kCut,        // a well-formed beginning whose end is missing; it reaches to the end of the input
  };
  Kind kind;
  std::size_t bytes;  // at least 1
};

// What stands at the front of `text`, which must not be empty. Overlong forms, surrogates and
// values past U+10FFFF are invalid. An invalid part is as long as the Unicode Standard's "maximal
// subpart" (section 3.9), so that one U+FFFD for each part is what browsers show too.
inline Utf8Front utf8_front(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {Utf8Front::Kind::kCharacter, 1};
  if (lead < 0xC2 || lead > 0xF4) return {Utf8Front::Kind::kInvalid, 1};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // Only the second byte has a range of its own; it is what rules out the malformed values.
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {Utf8Front::Kind::kCut, i};
    if (byte(i) < low || byte(i) > high) return {Utf8Front::Kind::kInvalid, i};
    low = 0x80;
    high = 0xBF;
  }
  return {Utf8Front::Kind::kCharacter, length};
}

// Goes through characters byte by byte. `place` is 0 between two of them; inside one it tells what
// may come: so many bytes more, or after one of four leads a second byte of fewer values. False
// where `byte` cannot come.
inline bool utf8_next(std::uint8_t& place, std::uint8_t byte) {
  constexpr std::uint8_t kAfterE0 = 4, kAfterED = 5, kAfterF0 = 6, kAfterF4 = 7;
  if (place == 0) {
    if (byte < 0x80) return true;
    if (byte < 0xC2 || byte > 0xF4) return false;
    place = byte == 0xE0   ? kAfterE0
            : byte == 0xED ? kAfterED
            : byte == 0xF0 ? kAfterF0
            : byte == 0xF4 ? kAfterF4
            : byte < 0xE0  ? std::uint8_t{1}
            : byte < 0xF0  ? std::uint8_t{2}
                           : std::uint8_t{3};
    return true;
  }
  const std::uint8_t low = place == kAfterE0 ? 0xA0 : place == kAfterF0 ? 0x90 : 0x80;
  const std::uint8_t high = place == kAfterED ? 0x9F : place == kAfterF4 ? 0x8F : 0xBF;
  if (byte < low || byte > high) return false;
  const std::uint8_t left = place == kAfterE0 || place == kAfterED   ? 2
                            : place == kAfterF0 || place == kAfterF4 ? 3
                                                                     : place;
  place = static_cast<std::uint8_t>(left - 1);
  return true;
}

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

// Moves the characters at the front of `rest` to `out`, U+FFFD in place of each invalid part. What
// stays in `rest` is the beginning of a character or nothing. Returns how many parts were replaced.
inline std::size_t take_characters(std::string_view& rest, std::string& out) {
  std::size_t replaced = 0;
  while (!rest.empty()) {
    const Utf8Front front = utf8_front(rest);
    if (front.kind == Utf8Front::Kind::kCut) break;
    const bool whole = front.kind == Utf8Front::Kind::kCharacter;
    out.append(whole ? rest.substr(0, front.bytes) : kReplacementCharacter);
    if (!whole) ++replaced;
    rest.remove_prefix(front.bytes);
  }
  return replaced;
}

}  // namespace outrider
