#include "engine/stop_text.h"

#include <gtest/gtest.h>

#include <random>

namespace outrider {
namespace {

struct Ended {
  std::string text;
  std::optional<std::string> stop;
};

Ended cut(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopText text(stops);
  std::string shown;
  for (const std::string& piece : pieces) shown += text.push(piece);
  shown += text.flush();
  return {shown, text.found()};
}

TEST(StopText, without_stops_everything_passes_at_once) {
  StopText text({});
  EXPECT_EQ(text.push("ab"), "ab");
  EXPECT_FALSE(text.has_stops());
  EXPECT_FALSE(StopText({""}).has_stops());
}

TEST(StopText, a_stop_ends_the_text_before_it_wherever_the_pieces_break) {
  for (const auto& pieces : std::vector<std::vector<std::string>>{
           {"one STOP two"}, {"one S", "TOP two"}, {"one ", "S", "T", "O", "P", " two"}}) {
    const Ended ended = cut({"STOP"}, pieces);
    EXPECT_EQ(ended.text, "one ");
    EXPECT_EQ(ended.stop, "STOP");
  }
}

TEST(StopText, what_only_looked_like_a_stop_is_given_back) {
  StopText text({"\n\nUser:"});
  EXPECT_EQ(text.push("a\n\nUs"), "a");
  EXPECT_EQ(text.push("eful"), "\n\nUseful");
  EXPECT_EQ(text.push("\n"), "");
  EXPECT_EQ(text.flush(), "\n");
}

TEST(StopText, the_stop_that_is_complete_first_wins) {
  EXPECT_EQ(cut({"bcde", "cd"}, {"abcdef"}).text, "ab");
  EXPECT_EQ(cut({"cd", "bcd"}, {"abcdef"}).text, "a");
  EXPECT_EQ(cut({"aab"}, {"aaab"}).text, "a");
}

TEST(StopText, nothing_comes_after_a_stop) {
  StopText text({"x"});
  EXPECT_EQ(text.push("1x2"), "1");
  EXPECT_EQ(text.push("3"), "");
  EXPECT_EQ(text.flush(), "");
}

TEST(StopText, any_split_gives_the_text_of_the_whole) {
  std::mt19937 bits(1);
  for (int time = 0; time < 2000; ++time) {
    std::string whole;
    for (int i = 0; i < 24; ++i) whole += "abc"[bits() % 3];
    std::vector<std::string> stops;
    for (std::size_t i = 0; i < 1 + bits() % 3; ++i) {
      std::string stop;
      for (std::size_t c = 0; c < 2 + bits() % 3; ++c) stop += "abc"[bits() % 3];
      stops.push_back(stop);
    }
    std::vector<std::string> pieces, characters;
    for (const char c : whole) characters.emplace_back(1, c);
    for (std::size_t at = 0; at < whole.size();) {
      const std::size_t length = 1 + bits() % 5;
      pieces.push_back(whole.substr(at, length));
      at += length;
    }
    const Ended want = cut(stops, characters);
    EXPECT_EQ(cut(stops, pieces).text, want.text) << whole;
    EXPECT_EQ(cut(stops, {whole}).text, want.text) << whole;
    EXPECT_EQ(cut(stops, pieces).stop.has_value(), want.stop.has_value());
  }
}

}  // namespace
}  // namespace outrider
