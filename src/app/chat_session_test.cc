#include "app/chat_session.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "app/line_reader.h"

namespace outrider {
namespace {

using Wish = ChatSession::Wish;

std::string text_of(const ChatMessage& message) {
  return std::get<std::string>(message.content);
}

TEST(ChatSession, messages_are_answered_and_kept) {
  ChatSession session("Be brief.", false);
  EXPECT_EQ(session.take("Hello").wish, Wish::kReply);
  session.add_reply("a greeting", "Hi.");
  EXPECT_EQ(session.take("/ is a slash").wish, Wish::kNothing);
  EXPECT_EQ(session.take("  \n").wish, Wish::kNothing);
  const auto& messages = session.conversation().messages;
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0].role, ChatRole::kSystem);
  EXPECT_EQ(text_of(messages[0]), "Be brief.");
  EXPECT_EQ(text_of(messages[1]), "Hello");
  EXPECT_EQ(messages[2].role, ChatRole::kAssistant);
  EXPECT_EQ(messages[2].reasoning, "a greeting");
}

TEST(ChatSession, the_last_exchange_can_be_repeated_or_taken_back) {
  ChatSession session("", false);
  EXPECT_EQ(session.take("/retry").wish, Wish::kNothing);
  EXPECT_EQ(session.take("/undo").wish, Wish::kNothing);
  session.take("one");
  session.add_reply("", "1");
  session.take("two");
  session.add_reply("", "2");
  EXPECT_EQ(session.take("/retry").wish, Wish::kReply);
  EXPECT_EQ(text_of(session.conversation().messages.back()), "two");
  session.add_reply("", "II");
  session.take("/undo");
  ASSERT_EQ(session.conversation().messages.size(), 2u);
  EXPECT_EQ(text_of(session.conversation().messages.back()), "1");
  session.take("three");
  session.take_back();
  EXPECT_EQ(session.conversation().messages.size(), 2u);
}

TEST(ChatSession, a_new_conversation_keeps_the_system_prompt_until_it_is_changed) {
  ChatSession session("Old.", false);
  session.take("hello");
  session.take("/clear");
  ASSERT_EQ(session.conversation().messages.size(), 1u);
  session.take("/system New rules.  ");
  EXPECT_EQ(text_of(session.conversation().messages.at(0)), "New rules.");
  session.take("/system");
  EXPECT_TRUE(session.conversation().messages.empty());
}

TEST(ChatSession, thinking_is_switched) {
  ChatSession session("", false);
  session.take("/think on");
  EXPECT_TRUE(session.thinking());
  EXPECT_NE(session.take("/think perhaps").told.find("on or off"), std::string::npos);
  EXPECT_TRUE(session.thinking());
  session.take("/think off");
  EXPECT_FALSE(session.thinking());
}

TEST(ChatSession, what_is_saved_can_be_loaded) {
  const std::string path = testing::TempDir() + "chat_session.json";
  ChatSession session("System.", false);
  session.take("question");
  session.add_reply("thought", "answer");
  EXPECT_NE(session.take("/save " + path).told.find("Written"), std::string::npos);
  ChatSession other("", false);
  EXPECT_EQ(other.take("/load " + path).wish, Wish::kNothing);
  ASSERT_EQ(other.conversation().messages.size(), 3u);
  EXPECT_EQ(text_of(other.conversation().messages[2]), "answer");
  EXPECT_EQ(other.conversation().messages[2].reasoning, "thought");
  other.take("/clear");
  EXPECT_EQ(text_of(other.conversation().messages.at(0)), "System.");
  std::remove(path.c_str());
}

TEST(ChatSession, files_that_are_no_conversation_change_nothing) {
  const std::string path = testing::TempDir() + "chat_session_bad.json";
  ChatSession session("", false);
  session.take("kept");
  const std::string deep(100000, '[');
  for (const std::string& text :
       {std::string("no json"), std::string(R"({"messages": 3})"), deep,
        std::string(R"({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]})")}) {
    std::ofstream(path) << text;
    EXPECT_FALSE(session.take("/load " + path).told.empty());
    EXPECT_EQ(session.conversation().messages.size(), 1u) << text.substr(0, 40);
  }
  std::remove(path.c_str());
  EXPECT_NE(session.take("/load " + path).told.find("cannot read"), std::string::npos);
  EXPECT_NE(session.take("/save /nowhere/at/all").told.find("Cannot write"), std::string::npos);
}

TEST(ChatSession, an_unknown_command_is_no_message) {
  ChatSession session("", false);
  EXPECT_NE(session.take("/frobnicate").told.find("/help"), std::string::npos);
  EXPECT_TRUE(session.conversation().messages.empty());
  EXPECT_NE(session.take("/help").told.find("/save"), std::string::npos);
  EXPECT_EQ(session.take("/quit").wish, Wish::kQuit);
}

class Lines final : public LineReader {
 public:
  explicit Lines(std::vector<TypedLine> lines) : lines_(std::move(lines)) {}
  TypedLine read(const std::string&) override {
    return at_ < lines_.size() ? lines_[at_++] : TypedLine{TypedLine::Kind::kEnd};
  }
  void remember(const std::string& text) override { remembered.push_back(text); }
  std::vector<std::string> remembered;

 private:
  std::vector<TypedLine> lines_;
  std::size_t at_ = 0;
};

TypedLine typed(std::string text) {
  return {TypedLine::Kind::kText, std::move(text)};
}

TEST(ReadMessage, lines_are_joined) {
  Lines lines({typed("one \\"), typed("two"), typed("\"\"\""), typed("a"), typed(""), typed("b\\"),
               typed("\"\"\""), typed("\"\"\"short\"\"\""), typed("\"\"\"no end")});
  EXPECT_EQ(read_message(lines, "> ").text, "one \ntwo");
  EXPECT_EQ(read_message(lines, "> ").text, "a\n\nb\\");
  EXPECT_EQ(read_message(lines, "> ").text, "short");
  EXPECT_EQ(read_message(lines, "> ").text, "no end");
  EXPECT_EQ(read_message(lines, "> ").kind, TypedLine::Kind::kEnd);
  EXPECT_EQ(lines.remembered.size(), 4u);
}

TEST(ReadMessage, an_interrupt_forgets_all_lines) {
  Lines lines({typed("one\\"),
               {TypedLine::Kind::kInterrupted},
               typed("\"\"\"two"),
               {TypedLine::Kind::kInterrupted},
               typed("three")});
  EXPECT_EQ(read_message(lines, "> ").kind, TypedLine::Kind::kInterrupted);
  EXPECT_EQ(read_message(lines, "> ").kind, TypedLine::Kind::kInterrupted);
  EXPECT_EQ(read_message(lines, "> ").text, "three");
  EXPECT_EQ(lines.remembered, std::vector<std::string>{"three"});
}

}  // namespace
}  // namespace outrider
