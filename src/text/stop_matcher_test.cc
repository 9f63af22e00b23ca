#include "text/stop_matcher.h"

#include <gtest/gtest.h>

#include "core/random.h"

namespace outrider {
namespace {

TEST(StopMatcher, text_ends_before_the_first_stop_string) {
  StopMatcher matcher({"END", "\n\n"});
  EXPECT_EQ(matcher.push("one E"), "one ");
  EXPECT_EQ(matcher.push("N"), "");
  EXPECT_EQ(matcher.push("T E"), "ENT ");
  EXPECT_FALSE(matcher.stopped());
  EXPECT_EQ(matcher.push("ND two"), "");
  EXPECT_EQ(matcher.matched(), "END");
  EXPECT_EQ(matcher.push("three"), "");
  EXPECT_EQ(matcher.flush(), "");
}

TEST(StopMatcher, what_only_began_like_a_stop_string_comes_out_at_the_end) {
  StopMatcher matcher({"</s>"});
  EXPECT_EQ(matcher.push("a</"), "a");
  EXPECT_EQ(matcher.flush(), "</");
  EXPECT_FALSE(matcher.stopped());
  StopMatcher none({});
  EXPECT_EQ(none.push("abc"), "abc");
  StopMatcher empty({"", "c"});
  EXPECT_EQ(empty.push("abc"), "ab");
}

TEST(StopMatcher, the_string_complete_first_counts_and_of_two_the_longer) {
  StopMatcher first({"abcd", "bc"});
  EXPECT_EQ(first.push("xabcd"), "xa");
  EXPECT_EQ(first.matched(), "bc");
  StopMatcher longer({"bc", "abc"});
  EXPECT_EQ(longer.push("xabc"), "x");
  EXPECT_EQ(longer.matched(), "abc");
}

TEST(StopMatcher, pieces_make_no_difference) {
  const std::vector<std::string> stops = {"aab", "ba", "abb", "bbbb"};
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    std::string text;
    for (std::uint64_t i = 0; i < 12; ++i) text += "abc"[philox_at(seed, i)[0] % 3];
    StopMatcher at_once(stops);
    StopMatcher by_piece(stops);
    std::string whole = at_once.push(text);
    whole += at_once.flush();
    std::string pieces;
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t size = 1 + philox_at(seed, 100 + i)[0] % 3;
      pieces += by_piece.push(std::string_view(text).substr(i, size));
      i += size;
    }
    pieces += by_piece.flush();
    ASSERT_EQ(whole, pieces) << text;
    ASSERT_EQ(at_once.matched(), by_piece.matched()) << text;
  }
}

}  // namespace
}  // namespace outrider
