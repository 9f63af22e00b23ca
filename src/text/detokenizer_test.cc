#include "text/detokenizer.h"

#include <gtest/gtest.h>

#include "core/random.h"
#include "text/tokenizer.h"
#include "text/tokenizer_test_vocabulary.h"
#include "text/utf8.h"

namespace outrider {
namespace {

const Vocabulary& small() {
  static const Vocabulary vocabulary = Vocabulary::make(small_parts(), "small").value();
  return vocabulary;
}

std::vector<TokenId> bytes(std::string_view text) {
  std::vector<TokenId> ids;
  for (const char c : text) ids.push_back(small().byte_token(static_cast<std::uint8_t>(c)));
  return ids;
}

std::string stream(const std::vector<TokenId>& ids) {
  Detokenizer detokenizer(small());
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.flush();
}

bool well_formed(std::string_view text) {
  while (!text.empty()) {
    const Utf8Front front = utf8_front(text);
    if (front.kind != Utf8Front::Kind::kCharacter) return false;
    text.remove_prefix(front.bytes);
  }
  return true;
}

TEST(Utf8, tells_characters_from_mistakes) {
  using Kind = Utf8Front::Kind;
  struct Expected {
    const char* text;
    Kind kind;
    std::size_t bytes;
  };
  const Expected cases[] = {{"ab", Kind::kCharacter, 1},
                            {"\xC3\xA9", Kind::kCharacter, 2},
                            {"\xE2\x96\x81x", Kind::kCharacter, 3},
                            {"\xF0\x9F\xA6\x99", Kind::kCharacter, 4},
                            {"\xF4\x8F\xBF\xBF", Kind::kCharacter, 4},
                            {"\x80", Kind::kInvalid, 1},
                            {"\xC0\x80", Kind::kInvalid, 1},          // overlong
                            {"\xE0\x9F\xBF", Kind::kInvalid, 1},      // overlong
                            {"\xF0\x8F\xBF\xBF", Kind::kInvalid, 1},  // overlong
                            {"\xED\xA0\x80", Kind::kInvalid, 1},      // a surrogate
                            {"\xF4\x90\x80\x80", Kind::kInvalid, 1},  // past U+10FFFF
                            {"\xF5\x80\x80\x80", Kind::kInvalid, 1},
                            {"\xF0\x9F\xA6x", Kind::kInvalid, 3},
                            {"\xE2\x96", Kind::kCut, 2},
                            {"\xF0", Kind::kCut, 1}};
  for (const Expected& expected : cases) {
    const Utf8Front front = utf8_front(expected.text);
    EXPECT_EQ(front.kind, expected.kind) << expected.text;
    EXPECT_EQ(front.bytes, expected.bytes) << expected.text;
  }
}

TEST(Detokenizer, a_character_waits_for_its_last_byte) {
  Detokenizer detokenizer(small());
  const auto llama = bytes("\xF0\x9F\xA6\x99");
  EXPECT_EQ(detokenizer.push(llama[0]), "");
  EXPECT_EQ(detokenizer.push(llama[1]), "");
  EXPECT_EQ(detokenizer.push(llama[2]), "");
  EXPECT_EQ(detokenizer.push(llama[3]), "\xF0\x9F\xA6\x99");
  EXPECT_EQ(detokenizer.flush(), "");
}

TEST(Detokenizer, a_broken_character_becomes_one_replacement) {
  EXPECT_EQ(stream(bytes("\xF0\x9F\xA6")), "\xEF\xBF\xBD");
  EXPECT_EQ(stream(bytes("\xF0\x9F"
                         "a")),
            "\xEF\xBF\xBD"
            "a");
  EXPECT_EQ(stream(bytes("\xFF\xFE")), "\xEF\xBF\xBD\xEF\xBF\xBD");
  Detokenizer detokenizer(small());
  (void)detokenizer.push(bytes("\xF0")[0]);
  EXPECT_EQ(detokenizer.flush(), "\xEF\xBF\xBD");
  EXPECT_EQ(detokenizer.flush(), "");
  EXPECT_EQ(detokenizer.push(*small().find("ab")), "ab");
}

TEST(Detokenizer, what_streams_out_is_always_well_formed) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Detokenizer detokenizer(small());
    for (std::uint64_t i = 0; i < 60; ++i) {
      const std::uint32_t draw = philox_at(seed, i)[0];
      // Mostly bytes that begin or continue characters.
      const TokenId id = draw % 4 == 0
                             ? TokenId(draw / 4 % small().size())
                             : small().byte_token(static_cast<std::uint8_t>(0x80 + draw / 4 % 128));
      ASSERT_TRUE(well_formed(detokenizer.push(id))) << "seed " << seed;
    }
    ASSERT_TRUE(well_formed(detokenizer.flush())) << "seed " << seed;
  }
}

TEST(Detokenizer, special_tokens_are_dropped_or_shown) {
  const std::vector<TokenId> ids = {*small().find("<bos>"), *small().find("ab"),
                                    *small().find("<|\"|>"), *small().find("<unk>"),
                                    *small().find("<turn|>")};
  EXPECT_EQ(decode_bytes(small(), ids), "ab<|\"|>");
  EXPECT_EQ(decode_bytes(small(), ids, {.render_special = true}), "<bos>ab<|\"|><unk><turn|>");
}

TEST(Detokenizer, space_marks_become_spaces) {
  const std::vector<TokenId> ids = {*small().find("\xE2\x96\x81\xE2\x96\x81\xE2\x96\x81"),
                                    *small().find("\xE2\x96\x81"
                                                  "a")};
  EXPECT_EQ(stream(ids), "    a");
}

TEST(Detokenizer, ids_outside_the_vocabulary_are_ignored) {
  Detokenizer detokenizer(small());
  EXPECT_EQ(detokenizer.push(TokenId(small().size())), "");
  EXPECT_EQ(detokenizer.push(TokenId(0xffffffffu)), "");
  EXPECT_EQ(detokenizer.push(*small().find("ab")), "ab");
  EXPECT_EQ(decode_bytes(small(), std::vector<TokenId>{TokenId(1u << 31)}), "");
}

}  // namespace
}  // namespace outrider
