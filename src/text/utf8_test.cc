#include "text/utf8.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace outrider {
namespace {

// All texts of up to four bytes, of those at the borders of what may come where.
TEST(Utf8, byte_by_byte_is_accepted_what_is_characters_or_the_beginning_of_one) {
  constexpr std::array<std::uint8_t, 21> kBytes = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                                   0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0,
                                                   0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5};
  std::size_t accepted = 0;
  for (std::size_t number = 0; number < 21 * 21 * 21 * 21; ++number) {
    std::string text;
    for (std::size_t i = 0, rest = number; i < 4; ++i, rest /= 21) {
      text.push_back(static_cast<char>(kBytes[rest % 21]));
    }
    std::uint8_t place = 0;
    bool may = true;
    for (const char byte : text) may = may && utf8_next(place, static_cast<std::uint8_t>(byte));
    std::string whole;
    std::string_view rest = text;
    const bool is_text = take_characters(rest, whole) == 0;
    ASSERT_EQ(may, is_text) << number;
    if (may) {
      ASSERT_EQ(place == 0, rest.empty()) << number;
    }
    accepted += may ? 1 : 0;
  }
  EXPECT_GT(accepted, 1000u);
}

}  // namespace
}  // namespace outrider
