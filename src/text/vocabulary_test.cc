#include "text/vocabulary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>

#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "text/tokenizer_test_vocabulary.h"

namespace outrider {
namespace {

const std::string kCases = std::string(OUTRIDER_SOURCE_DIR) + "/tests/golden/cases/";

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Result<Vocabulary> from_json(const std::string& test_case) {
  const std::string folder = kCases + test_case + "/target/";
  return vocabulary_from_tokenizer_json(read_file(folder + "tokenizer.json"),
                                        read_file(folder + "tokenizer_config.json"), test_case);
}

void expect_equal(const Vocabulary& a, const Vocabulary& b) {
  EXPECT_TRUE(std::ranges::equal(a.texts(), b.texts()));
  EXPECT_TRUE(std::ranges::equal(a.merges(), b.merges()));
  for (std::uint32_t id = 0; id < std::min(a.size(), b.size()); ++id) {
    EXPECT_EQ(a.type(TokenId(id)), b.type(TokenId(id))) << a.text(TokenId(id));
  }
  EXPECT_EQ(a.bos(), b.bos());
  EXPECT_EQ(a.eos(), b.eos());
  EXPECT_EQ(a.unknown(), b.unknown());
  EXPECT_EQ(a.padding(), b.padding());
  EXPECT_TRUE(std::ranges::equal(a.end_of_generation(), b.end_of_generation()));
  EXPECT_TRUE(std::ranges::equal(a.suppressed(), b.suppressed()));
}

TEST(Vocabulary, a_converted_file_and_its_tokenizer_json_agree) {
  for (const std::string test_case : {"dense", "ple", "moe"}) {
    const auto file = GgufFile::open(kCases + test_case + "/target.gguf");
    ASSERT_TRUE(file) << file.error().message;
    const auto converted = vocabulary_from_gguf(*file);
    ASSERT_TRUE(converted) << converted.error().message;
    const auto original = from_json(test_case);
    ASSERT_TRUE(original) << original.error().message;
    EXPECT_EQ(original->size(), 512u);
    expect_equal(*converted, *original);
  }
}

TEST(Vocabulary, a_written_tokenizer_reads_back_as_it_was) {
  VocabularyParts parts = small_parts();
  parts.eos = TokenId(5);
  parts.padding = TokenId(0);
  parts.suppressed = {TokenId(7), TokenId(3)};
  const auto written = Vocabulary::make(std::move(parts), "small");
  ASSERT_TRUE(written);
  const std::string path = testing::TempDir() + "/written_vocabulary.gguf";
  auto writer = GgufWriter::create(path);
  ASSERT_TRUE(writer);
  set_tokenizer(*writer, *written);
  ASSERT_TRUE(writer->finish());
  const auto file = GgufFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  const auto read = vocabulary_from_gguf(*file);
  ASSERT_TRUE(read) << read.error().message;
  expect_equal(*written, *read);
  EXPECT_EQ(file->value("tokenizer.ggml.token_type")->array()->integer(6), 4);
  EXPECT_EQ(file->value("tokenizer.ggml.scores")->array()->number(200), -1000.0);
  EXPECT_EQ(file->value("tokenizer.ggml.add_bos_token")->boolean(), true);
}

TEST(Vocabulary, structure_is_found_by_text_not_by_number) {
  const auto dense = from_json("dense");
  ASSERT_TRUE(dense);
  EXPECT_EQ(dense->bos(), TokenId(2));
  EXPECT_EQ(dense->eos(), TokenId(16));
  const std::vector<TokenId> ends(dense->end_of_generation().begin(),
                                  dense->end_of_generation().end());
  EXPECT_EQ(ends, (std::vector<TokenId>{TokenId(1), TokenId(9), TokenId(16)}));
  EXPECT_FALSE(dense->ends_generation(TokenId(106)));
  EXPECT_EQ(dense->type(TokenId(15)), TokenType::kControl);
  EXPECT_EQ(dense->type(TokenId(13)), TokenType::kUserDefined);
  EXPECT_EQ(dense->byte_token(0xAB), dense->find("<0xAB>"));
  EXPECT_EQ(dense->byte_of(*dense->find("<0xAB>")), 0xAB);
  EXPECT_EQ(dense->byte_of(TokenId(2)), std::nullopt);
}

TEST(Vocabulary, structure_is_control_whatever_the_file_says) {
  VocabularyParts parts = small_parts();
  parts.types[1] = TokenType::kNormal;       // <eos>
  parts.types[4] = TokenType::kUserDefined;  // <|turn>
  const auto vocabulary = Vocabulary::make(std::move(parts), "small");
  ASSERT_TRUE(vocabulary);
  for (const std::uint32_t id : {1u, 4u, 6u}) {
    EXPECT_EQ(vocabulary->type(TokenId(id)), TokenType::kControl) << id;
  }
  EXPECT_EQ(gguf_token_types(*vocabulary)[6], 4);
  const TokenId tag = *vocabulary->find("</s>");
  EXPECT_EQ(vocabulary->type(tag), TokenType::kNormal);
  EXPECT_FALSE(vocabulary->ends_generation(tag));
}

TEST(Vocabulary, of_equal_texts_the_first_counts) {
  VocabularyParts parts = small_parts();
  const auto before = static_cast<std::uint32_t>(parts.texts.size());
  add_token(parts, "abc");
  const auto vocabulary = Vocabulary::make(std::move(parts), "small");
  ASSERT_TRUE(vocabulary);
  EXPECT_EQ(vocabulary->text(TokenId(before)), "abc");
  EXPECT_LT(vocabulary->find("abc")->value(), before);
}

TEST(Vocabulary, texts_stay_when_it_is_moved) {
  auto original = from_json("dense");
  ASSERT_TRUE(original);
  const Vocabulary moved = *std::move(original);
  EXPECT_EQ(moved.find("<bos>"), TokenId(2));
  EXPECT_EQ(moved.merges()[1], "th e");
}

TEST(Vocabulary, what_cannot_be_used_is_refused_with_a_reason) {
  struct Broken {
    const char* reason;
    std::function<void(VocabularyParts&)> breakage;
  };
  const Broken cases[] = {
      {"has no tokens", [](auto& p) { p.texts.clear(); }},
      {"tokens but", [](auto& p) { p.types.pop_back(); }},
      {"merge 3 is \"abc\"", [](auto& p) { p.merges[3] = "abc"; }},
      {"merge 0 is \"a \"", [](auto& p) { p.merges[0] = "a "; }},
      {"merge 1 is \" b\"", [](auto& p) { p.merges[1] = " b"; }},
      {"no byte token <0x01>", [](auto& p) { p.types[10] = TokenType::kNormal; }},
      {"a byte token with text \"<0x0g>\"", [](auto& p) { p.texts[10] = "<0x0g>"; }},
      {"no bos token", [](auto& p) { p.texts[2] = "bos"; }},
      {"no eos token", [](auto& p) { p.texts[1] = "eos"; }},
      {"names token 9999", [](auto& p) { p.padding = TokenId(9999); }},
      {"names token 9998", [](auto& p) { p.suppressed = {TokenId(9998)}; }}};
  for (const Broken& broken : cases) {
    VocabularyParts parts = small_parts();
    broken.breakage(parts);
    const auto refused = Vocabulary::make(std::move(parts), "FILE");
    ASSERT_FALSE(refused) << broken.reason;
    EXPECT_NE(refused.error().message.find(broken.reason), std::string::npos)
        << refused.error().message;
    EXPECT_EQ(refused.error().message.rfind("FILE: ", 0), 0u);
  }
}

TEST(Vocabulary, merges_split_at_the_first_space_after_the_first_byte) {
  EXPECT_EQ(split_merge("a b")->left, "a");
  EXPECT_EQ(split_merge("\n \n\n")->right, "\n\n");
  EXPECT_EQ(split_merge("  b")->left, " ");
  EXPECT_EQ(split_merge("a b c")->right, "b c");
  EXPECT_FALSE(split_merge(""));
  EXPECT_FALSE(split_merge(" a"));
}

TEST(Vocabulary, a_file_without_a_gemma_tokenizer_is_refused) {
  const std::string path = testing::TempDir() + "/no_vocabulary.gguf";
  const auto message = [&](const std::function<void(GgufWriter&)>& fill) {
    auto writer = GgufWriter::create(path);
    if (!writer) return std::string("cannot write");
    fill(*writer);
    if (!writer->finish()) return std::string("cannot finish");
    const auto file = GgufFile::open(path);
    if (!file) return file.error().message;
    const auto vocabulary = vocabulary_from_gguf(*file);
    return vocabulary ? std::string("accepted") : vocabulary.error().message;
  };
  const auto expect_in = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  const auto small = Vocabulary::make(small_parts(), "small");
  ASSERT_TRUE(small);
  expect_in(message([](GgufWriter& w) { w.set_u32("a", 1); }), "holds no tokenizer");
  expect_in(message([](GgufWriter& w) { w.set_string("tokenizer.ggml.model", "llama"); }),
            "is \"llama\", expected \"gemma4\"");
  expect_in(message([](GgufWriter& w) { w.set_string("tokenizer.ggml.model", "gemma4"); }),
            "tokenizer.ggml.tokens is missing, expected an array of strings");
  const auto changed = [&](const std::function<void(GgufWriter&)>& change) {
    return message([&](GgufWriter& w) {
      set_tokenizer(w, *small);
      change(w);
    });
  };
  EXPECT_EQ(changed([](GgufWriter&) {}), "accepted");
  expect_in(changed([](GgufWriter& w) { w.set_string("tokenizer.ggml.bos_token_id", "2"); }),
            "expected a token id");
  expect_in(changed([](GgufWriter& w) { w.set_i32("tokenizer.ggml.eos_token_id", -1); }),
            "expected a token id");
  expect_in(changed([](GgufWriter& w) {
              w.set_i32s("tokenizer.ggml.token_type", std::vector<std::int32_t>{3, 7});
            }),
            "token 1 is 7, expected 1 to 6");
  expect_in(changed([](GgufWriter& w) { w.set_u32("tokenizer.ggml.merges", 1); }),
            "expected an array of strings");
}

std::string json_with(const std::string& model, const std::string& added = "[]") {
  return R"({"model":)" + model + R"(,"added_tokens":)" + added + "}";
}

TEST(VocabularyFromJson, what_cannot_be_used_is_refused_with_a_reason) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "is no JSON"},
      {"[1,", "is no JSON"},
      {std::string(500, '['), "is no JSON"},
      {"[]", "is missing, expected BPE"},
      {json_with(R"({"type":"Unigram"})"), "is Unigram, expected BPE"},
      {json_with(R"({"type":"BPE","vocab":{}})"), "no vocab or no merges"},
      {json_with(R"({"type":"BPE","vocab":{},"merges":[]})"), "has no tokens"},
      {json_with(R"({"type":"BPE","vocab":{"a":-1},"merges":[]})"), "has no id"},
      {json_with(R"({"type":"BPE","vocab":{"a":2000000000},"merges":[]})"), "ids reach"},
      {json_with(R"({"type":"BPE","vocab":{"a":0,"b":0},"merges":[]})"), "two tokens have id 0"},
      {json_with(R"({"type":"BPE","vocab":{"a":1},"merges":[]})", R"([{"id":1,"content":"a"}])"),
       "no token has id 0"},
      {json_with(R"({"type":"BPE","vocab":{"a":0},"merges":[]})", R"([{"id":0,"content":"b"}])"),
       "token 0 is both"},
      {json_with(R"({"type":"BPE","vocab":{"a":0},"merges":[["a"]]})"), "merge 0 is not two"},
      {json_with(R"({"type":"BPE","vocab":{"a":0},"merges":["a a"]})"), "no byte token"}};
  for (const auto& [text, reason] : cases) {
    const auto refused = vocabulary_from_tokenizer_json(text, "", "FILE");
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.error().message.find(reason), std::string::npos) << refused.error().message;
  }
}

TEST(VocabularyFromJson, the_configuration_names_bos_and_eos) {
  const std::string tokenizer = read_file(kCases + "dense/target/tokenizer.json");
  const auto read = [&](const char* config) {
    return vocabulary_from_tokenizer_json(tokenizer, config, "FILE");
  };
  EXPECT_EQ(read("")->eos(), TokenId(1));
  EXPECT_EQ(read(R"({"eos_token":"<turn|>"})")->eos(), TokenId(16));
  EXPECT_EQ(read(R"({"eos_token":{"content":"<turn|>"}})")->eos(), TokenId(16));
  EXPECT_EQ(read(R"({"pad_token":"<eos>"})")->padding(), TokenId(1));
  EXPECT_NE(read(R"({"bos_token":"<start>"})").error().message.find("\"<start>\", which is no"),
            std::string::npos);
  EXPECT_NE(read("{").error().message.find("configuration is no JSON"), std::string::npos);
}

}  // namespace
}  // namespace outrider
