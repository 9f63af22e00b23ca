#include "server/reply_reader.h"

#include <gtest/gtest.h>

#include "text/reply_test_vocabulary.h"

namespace outrider {
namespace {

using Kind = ReplyEvent::Kind;

struct Read {
  std::string shown;  // T(thought) C(content) F(call) W for a warning
  std::uint32_t reply_tokens;
  std::uint32_t thinking_tokens;
  std::optional<std::string> stop_string;
  std::size_t kept;
};

Read read(std::string_view reply, const ApiRequest& request, ReplyReader::Options options = {}) {
  ReplyReader reader(reply_vocabulary(), request, options);
  ReplyDelta delta;
  for (const TokenId id : reply_tokens(reply)) {
    if (!reader.push({.id = id, .bytes = {}, .log_probability = 0, .alternatives = {}}, delta)) {
      break;
    }
  }
  reader.finish(delta);
  Read result{{},
              reader.reply_tokens(),
              reader.thinking_tokens(),
              reader.stop_string(),
              delta.tokens.size()};
  Kind last = Kind::kWarning;
  for (const ReplyEvent& event : delta.events) {
    const bool goes_on = event.kind == last && last == Kind::kThinking;
    if (!goes_on)
      result.shown += std::string(1, "TCFW"[static_cast<std::size_t>(event.kind)]) + " ";
    if (event.kind != Kind::kWarning) result.shown += event.text;
    result.shown += "|";
    if (goes_on || event.kind == Kind::kThinking) result.shown.pop_back();
    last = event.kind;
  }
  return result;
}

TEST(ReplyReader, stop_strings_end_text_and_not_thoughts_or_calls) {
  ApiRequest request;
  request.stop = {"END"};
  const Read done = read("<|channel>thought\nEND<channel|>abcEND more", request);
  EXPECT_EQ(done.shown, "T ENDC abc|");
  EXPECT_EQ(done.stop_string, "END");
  const Read call = read("abEN<|tool_call>call:END{}<tool_call|>", request);
  EXPECT_EQ(call.shown, "C abEN|F END|");
  EXPECT_EQ(call.stop_string, std::nullopt);
  EXPECT_EQ(read("abEN", request).shown, "C abEN|");
}

TEST(ReplyReader, one_call_ends_the_reply_where_only_one_is_wanted) {
  constexpr std::string_view kCalls =
      "<|tool_call>call:f{}<tool_call|><|tool_call>call:g{}<tool_call|>";
  ApiRequest request;
  EXPECT_EQ(read(kCalls, request).shown, "F f|F g|");
  request.tool_choice.parallel = false;
  EXPECT_EQ(read(kCalls, request).shown, "F f|");
}

TEST(ReplyReader, tokens_are_counted_up_to_the_end_and_kept_where_asked_for) {
  ApiRequest request;
  request.stop = {"b"};
  Read counted = read("<|channel>thought\nwhy<channel|>abc", request);
  EXPECT_EQ(counted.reply_tokens, 15u);     // "c" is behind the end
  EXPECT_EQ(counted.thinking_tokens, 12u);  // from the head on, without the closing token
  EXPECT_EQ(counted.kept, 0u);
  request.return_tokens = true;
  EXPECT_EQ(read("abc", request).kept, 2u);
}

TEST(ReplyReader, a_completion_is_plain_text) {
  ApiRequest request;
  EXPECT_EQ(read("<|channel>a\xC3", request, {.is_chat = false}).shown, "C a\xEF\xBF\xBD|W |");
}

}  // namespace
}  // namespace outrider
