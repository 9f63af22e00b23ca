// Compares with what Google's template rendered: tests/chat/record.mjs made the recordings.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <string>

#include "text/chat.h"

namespace outrider {
namespace {

namespace json = boost::json;

struct Recording {
  const char* file;
  ChatFamily family;
  ChatRevision revision;
  std::size_t conversations_min;
};

class ChatRecorded : public testing::TestWithParam<Recording> {};

TEST_P(ChatRecorded, EveryConversationRendersAsTheTemplateDoes) {
  const Recording& recording = GetParam();
  std::ifstream file(OUTRIDER_SOURCE_DIR "/tests/chat/" + std::string(recording.file) + ".jsonl");
  ASSERT_TRUE(file.is_open());
  std::size_t conversations = 0;
  for (std::string line; std::getline(file, line); ++conversations) {
    const json::value entry = json::parse(line);
    const Result<Conversation> loaded = conversation_from_json(entry.at("request"));
    ASSERT_TRUE(loaded.has_value())
        << "line " << conversations + 1 << ": " << loaded.error().message;
    const json::value& given = entry.at("options");
    const ChatOptions options{.family = recording.family,
                              .revision = recording.revision,
                              .enable_thinking = given.at("enable_thinking").as_bool(),
                              .preserve_thinking = given.at("preserve_thinking").as_bool(),
                              .add_generation_prompt = given.at("add_generation_prompt").as_bool(),
                              .reopen_closed_turn = false};
    EXPECT_EQ(render_to_string(*loaded, options), entry.at("rendered").as_string())
        << "line " << conversations + 1;
  }
  EXPECT_GE(conversations, recording.conversations_min);
}

INSTANTIATE_TEST_SUITE_P(
    Templates, ChatRecorded,
    testing::Values(Recording{"may_large", ChatFamily::kLarge, ChatRevision::kMay, 120},
                    Recording{"may_small", ChatFamily::kSmall, ChatRevision::kMay, 40},
                    Recording{"july_large", ChatFamily::kLarge, ChatRevision::kJuly, 120},
                    Recording{"july_small", ChatFamily::kSmall, ChatRevision::kJuly, 40}),
    [](const auto& each) { return std::string(each.param.file); });

}  // namespace
}  // namespace outrider
