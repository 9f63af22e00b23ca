#include "app/tokenize.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "app/synth_tokenizer.h"
#include "format/gguf.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace outrider {
namespace {

const std::string kModel = OUTRIDER_SOURCE_DIR "/tests/golden/cases/ple/target.gguf";

class Tokenize : public testing::Test {
 protected:
  GgufFile file_ = GgufFile::open(kModel).value();
  Vocabulary vocabulary_ = vocabulary_from_gguf(file_).value();
};

TEST_F(Tokenize, decoding_gives_back_every_byte) {
  for (const std::string& text :
       {std::string("Hello the world\n\n  and <|turn>\x00more", 34), std::string("\xff\xfe\xc3"),
        std::string("\xF0\x9F\xA6\x99 caf\xC3\xA9"), std::string()}) {
    const std::string ids = encode_text(vocabulary_, text, false);
    const auto back = decode_ids(vocabulary_, ids, false);
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(*back, text);
  }
}

TEST_F(Tokenize, ids_are_one_line_without_bos) {
  const std::string ids = encode_text(vocabulary_, "the world", false);
  EXPECT_EQ(ids.find('\n'), ids.size() - 1);
  EXPECT_FALSE(ids.starts_with("2 "));
  EXPECT_EQ(encode_text(vocabulary_, "", false), "\n");
}

TEST_F(Tokenize, special_tokens_are_recognised_on_request) {
  const std::string bos = encode_text(vocabulary_, "<bos>", true);
  EXPECT_EQ(bos, "2\n");
  EXPECT_NE(encode_text(vocabulary_, "<bos>", false), bos);
  EXPECT_EQ(*decode_ids(vocabulary_, "2", true), "<bos>");
  EXPECT_EQ(*decode_ids(vocabulary_, "2", false), "");
}

TEST_F(Tokenize, ids_that_are_none_are_one_sentence) {
  for (const char* text : {"512", "-1", "5x", "99999999999"}) {
    EXPECT_EQ(decode_ids(vocabulary_, text, false).error().message,
              fmt::format("\"{}\" is no token id, expected whole numbers below 512", text));
  }
}

// Made once for all tests.
const Vocabulary& made_up() {
  static const Vocabulary vocabulary = synth_vocabulary();
  return vocabulary;
}

TEST(SynthTokenizer, chat_structure_has_its_real_ids) {
  const Vocabulary& vocabulary = made_up();
  EXPECT_EQ(vocabulary.size(), 262144u);
  EXPECT_EQ(encode_text(vocabulary,
                        "<bos><|turn>user\nHello<turn|>\n<|turn>model\n<|channel>thought\n"
                        "<channel|>",
                        true),
            "2 105 2364 107 9259 106 107 105 4368 107 100 45518 107 101\n");
  EXPECT_EQ(encode_text(vocabulary, " Hello world\n\n  system\t", false),
            "26352 1902 108 138 9731 255968\n");
  EXPECT_EQ(encode_text(vocabulary, "\xF0\x9F\xA6\x99", false), "478 397 404 391\n");
}

TEST(SynthTokenizer, every_ordinary_token_can_be_typed) {
  const Vocabulary& vocabulary = made_up();
  const Tokenizer tokenizer(vocabulary);
  for (std::uint32_t id = 0; id < vocabulary.size(); id += id < 1000 ? 1 : 97) {
    if (vocabulary.type(TokenId(id)) != TokenType::kNormal) continue;
    if (id == 212) continue;  // </s> is made of single characters
    const auto bytes = decode_bytes(vocabulary, std::vector{TokenId(id)});
    EXPECT_EQ(tokenizer.encode(bytes), std::vector{TokenId(id)}) << vocabulary.text(TokenId(id));
  }
}

}  // namespace
}  // namespace outrider
