#include "app/prompt_text.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace outrider {
namespace {

namespace fs = std::filesystem;

class PromptText : public testing::Test {
 protected:
  PromptText()
      : target_(load_target(OUTRIDER_SOURCE_DIR "/tests/golden/cases/dense/target.gguf").value()),
        vocabulary_(vocabulary_from_gguf(target_.file).value()),
        tokenizer_(vocabulary_) {
    std::string pattern = fs::temp_directory_path() / "outrider-prompt-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~PromptText() override { fs::remove_all(folder_); }

  Result<std::vector<TokenId>> tokens(const PromptOptions& options) const {
    return prompt_tokens(options, tokenizer_, target_);
  }
  // What becomes of a file that holds a conversation.
  Result<std::vector<TokenId>> tokens_of(const std::string& json, bool thinking = false) const {
    std::ofstream(folder_ / "messages.json") << json;
    return tokens({.messages = folder_ / "messages.json", .thinking = thinking});
  }

  TargetModel target_;
  Vocabulary vocabulary_;
  Tokenizer tokenizer_;
  fs::path folder_;
};

TEST_F(PromptText, a_conversation_of_one_message_is_that_message) {
  for (const bool thinking : {false, true}) {
    const auto as_text =
        tokens({.text = "hello", .system = "Be kind.", .chat = true, .thinking = thinking});
    ASSERT_TRUE(as_text.has_value()) << as_text.error().message;
    const auto as_messages = tokens_of(
        R"({"messages": [{"role": "system", "content": "Be kind."},
                         {"role": "user", "content": "hello"}]})",
        thinking);
    ASSERT_TRUE(as_messages.has_value()) << as_messages.error().message;
    EXPECT_EQ(*as_messages, *as_text);
  }
}

TEST_F(PromptText, a_file_that_is_no_conversation_is_named_with_its_fault) {
  const std::string file = folder_ / "messages.json";
  EXPECT_EQ(tokens_of("{").error().message, file + " is not JSON: incomplete JSON");
  EXPECT_EQ(tokens_of("[]").error().message, file + ": the request must be an object");
  EXPECT_EQ(tokens_of(R"({"messages": [{"role": "user"}]})").error().message,
            file + ": messages[0].content is missing");
}

TEST_F(PromptText, two_sources_are_one_too_many_and_none_is_too_few) {
  EXPECT_FALSE(tokens({}).has_value());
  EXPECT_TRUE(tokens({.text = "hello"}).has_value());
  EXPECT_FALSE(tokens({.text = "hello", .messages = "-"}).has_value());
}

}  // namespace
}  // namespace outrider
