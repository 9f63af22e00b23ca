#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "text/chat.h"

namespace outrider {
namespace {

namespace json = boost::json;

std::string complaint(const json::value& request) {
  const Result<Conversation> loaded = conversation_from_json(request);
  if (loaded) return "accepted";
  EXPECT_EQ(loaded.error().code, ErrorCode::kBadRequest);
  return loaded.error().message;
}

std::string complaint_of_messages(const std::string& messages) {
  return complaint(json::parse(R"({"messages":[)" + messages + "]}"));
}

std::string complaint_of_call(const std::string& call) {
  return complaint_of_messages(R"({"role":"user","content":"Q"},
      {"role":"assistant","tool_calls":[)" +
                               call + "]}");
}

TEST(ChatLoad, EveryFieldOfAMessageIsRead) {
  const Result<Conversation> loaded = conversation_from_json(json::parse(R"({"messages":[
      {"role":"developer","content":"D"},
      {"role":"user","content":[{"type":"text","text":"Q"},{"type":"image_url","image_url":7}]},
      {"role":"assistant","content":null,"reasoning_content":"R","tool_calls":[
        {"id":"c","function":{"name":"f","arguments":"{\"x\":[1]}"}}]},
      {"role":"tool","tool_call_id":"c","name":"f","content":{"a":1}}],
      "tools":[{"type":"function","function":{"name":"f"}}],"model":"any"})"));
  ASSERT_TRUE(loaded.has_value());
  const std::vector<ChatMessage>& messages = loaded->messages;
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[0].role, ChatRole::kDeveloper);
  const auto& parts = std::get<std::vector<ChatPart>>(messages[1].content);
  EXPECT_EQ(parts[0].text, "Q");
  EXPECT_EQ(parts[1].kind, ChatPart::Kind::kImage);
  EXPECT_EQ(parts[1].source.at("image_url"), 7);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(messages[2].content));
  EXPECT_EQ(messages[2].reasoning, "R");
  EXPECT_EQ(messages[2].tool_calls[0].id, "c");
  EXPECT_EQ(messages[2].tool_calls[0].arguments, json::parse(R"({"x":[1]})"));
  EXPECT_EQ(messages[3].tool_call_id, "c");
  EXPECT_EQ(messages[3].name, "f");
  EXPECT_EQ(std::get<json::value>(messages[3].content), json::parse(R"({"a":1})"));
  EXPECT_EQ(loaded->tools.size(), 1u);
}

TEST(ChatLoad, AMistakeIsNamedByItsPlace) {
  EXPECT_EQ(complaint(json::parse("[]")), "the request must be an object");
  EXPECT_EQ(complaint(json::parse("{}")), "messages must hold at least one message");
  EXPECT_EQ(complaint(json::parse(R"({"messages":3})")), "messages must be an array");
  EXPECT_EQ(complaint_of_messages("7"), "messages[0] must be an object");
  EXPECT_EQ(complaint_of_messages("{}"), "messages[0].role is missing");
  EXPECT_EQ(complaint_of_messages(R"({"role":"robot"})"),
            "messages[0].role must be system, developer, user, assistant or tool");
  EXPECT_EQ(complaint_of_messages(R"({"role":"user"})"), "messages[0].content is missing");
  EXPECT_EQ(complaint_of_messages(R"({"role":"user","content":{}})"),
            "messages[0].content must be a string or an array of parts");
  EXPECT_EQ(complaint_of_messages(R"({"role":"user","content":[{"type":"text"}]})"),
            "messages[0].content[0].text is missing");
  EXPECT_EQ(complaint_of_messages(R"({"role":"user","content":[{"type":"hologram"}]})"),
            "messages[0].content[0].type must be text, image_url, input_audio or video_url");
  EXPECT_EQ(complaint_of_messages(R"({"role":"system","content":[{"type":"image"}]})"),
            "messages[0].content[0] must be text in a system message");
  EXPECT_EQ(complaint_of_messages(R"({"role":"assistant","reasoning":1})"),
            "messages[0].reasoning must be a string");
}

TEST(ChatLoad, MistakesInCallsAreNamed) {
  EXPECT_EQ(complaint_of_call("1"), "messages[1].tool_calls[0] must be an object");
  EXPECT_EQ(complaint_of_call("{}"), "messages[1].tool_calls[0].function is missing");
  EXPECT_EQ(complaint_of_call(R"({"function":{}})"),
            "messages[1].tool_calls[0].function.name is missing");
  EXPECT_EQ(complaint_of_call(R"({"id":5,"function":{"name":"f"}})"),
            "messages[1].tool_calls[0].id must be a string");
  EXPECT_EQ(complaint_of_call(R"({"function":{"name":"f","arguments":[]}})"),
            "messages[1].tool_calls[0].function.arguments must be an object or a string of JSON");
  EXPECT_EQ(complaint_of_call(R"({"function":{"name":"f","arguments":"[1]"}})"),
            "messages[1].tool_calls[0].function.arguments must hold a JSON object");
  EXPECT_EQ(complaint_of_call(R"({"function":{"name":"f","arguments":"{x"}})").substr(0, 58),
            "messages[1].tool_calls[0].function.arguments is not JSON: ");
  EXPECT_EQ(complaint_of_messages(R"({"role":"user","content":"Q","tool_calls":[
      {"function":{"name":"f"}}]})"),
            "messages[0] has tool calls or responses but is not an assistant message");
}

TEST(ChatLoad, AResultMustAnswerACall) {
  EXPECT_EQ(complaint_of_messages(R"({"role":"tool","content":"r"})"),
            "messages[0] is a tool result that follows no tool call");
  const std::string call = R"({"role":"assistant","tool_calls":[
      {"id":"a","function":{"name":"f"}}]},)";
  EXPECT_EQ(complaint_of_messages(call + R"({"role":"tool","tool_call_id":"b","content":"r"})"),
            "messages[1].tool_call_id is the id of no call it could answer");
  EXPECT_EQ(complaint_of_messages(call + R"({"role":"tool","tool_call_id":"a","content":"r"})"),
            "accepted");
}

TEST(ChatLoad, MistakesInToolsAreNamed) {
  const auto of_tool = [](const std::string& tool) {
    return complaint(
        json::parse(R"({"messages":[{"role":"user","content":"Q"}],"tools":[)" + tool + "]}"));
  };
  EXPECT_EQ(of_tool("1"), "tools[0] must be an object");
  EXPECT_EQ(of_tool("{}"), "tools[0].function is missing");
  EXPECT_EQ(of_tool(R"({"function":{"name":""}})"), "tools[0].function.name is missing");
  EXPECT_EQ(of_tool(R"({"function":{"name":"f","description":[]}})"),
            "tools[0].function.description must be a string");
  EXPECT_EQ(of_tool(R"({"function":{"name":"f","parameters":"{}"}})"),
            "tools[0].function.parameters must be an object");
}

TEST(ChatLoad, NestingIsBounded) {
  const auto nested = [](std::size_t levels) {
    json::value value = 1;
    for (std::size_t i = 0; i < levels; ++i) value = json::object{{"x", std::move(value)}};
    json::value request = json::parse(R"({"messages":[{"role":"user","content":"Q"}],
      "tools":[{"function":{"name":"f"}}]})");
    request.at("tools").at(0).at("function").as_object()["parameters"] = std::move(value);
    return request;
  };
  EXPECT_EQ(complaint(nested(kChatDepthMax - 3)), "accepted");
  EXPECT_EQ(complaint(nested(kChatDepthMax - 2)), "tools must not be nested deeper than 64 levels");
}

}  // namespace
}  // namespace outrider
