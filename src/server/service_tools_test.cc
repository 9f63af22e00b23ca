// Tool calls that a request forces, over the trained sample pair: whatever it is asked, the reply
// is calls that can be read and keep to what the tool declares.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <utility>

#include "server/service.h"
#include "server/service_test_server.h"

namespace outrider {
namespace {

namespace json = boost::json;

constexpr std::string_view kWeather = R"({"type":"object","properties":{
    "city":{"type":"string"},"unit":{"enum":["C","F"]},"days":{"type":"integer"},
    "hours":{"type":"array","items":{"type":"number"}},"detail":{"type":"boolean"},
    "place":{"anyOf":[{"$ref":"#/$defs/place"},{"type":"null"}]}},
    "required":["unit","days","place"],
    "$defs":{"place":{"type":"object","properties":{"lat":{"type":"number"}},
    "required":["lat"]}}})";
constexpr std::string_view kNothing = R"({"type":"object","properties":{}})";

struct Call {
  std::string name;
  json::value arguments;
};

void expect_conforms(const Call& call) {
  ASSERT_TRUE(call.arguments.is_object());
  const json::object& found = call.arguments.get_object();
  if (call.name == "go") {
    EXPECT_TRUE(found.empty());
    return;
  }
  ASSERT_EQ(call.name, "get_weather");
  const auto is = [](const json::value& value, std::string_view name) {
    if (name == "city") return value.is_string();
    if (name == "unit") return value == "C" || value == "F";
    if (name == "days") return value.is_int64() || value.is_uint64();
    if (name == "detail") return value.is_bool();
    if (name == "place") {
      return value.is_null() || (value.get_object().size() == 1 && value.at("lat").is_number());
    }
    if (name != "hours") return false;
    const json::array& hours = value.get_array();
    return std::all_of(hours.begin(), hours.end(), [](const auto& h) { return h.is_number(); });
  };
  for (const json::key_value_pair& pair : found) {
    EXPECT_TRUE(is(pair.value(), std::string_view(pair.key()))) << json::serialize(call.arguments);
  }
  for (const char* name : {"unit", "days", "place"}) EXPECT_TRUE(found.contains(name)) << name;
}

// How one API asks for a call, and where its reply has the calls.
struct Api {
  const char* path;
  std::string (*body)(std::string_view question, bool named, std::string_view sampling);
  std::vector<Call> (*calls)(const json::value& reply);
};

std::string chat_body(std::string_view question, bool named, std::string_view sampling) {
  return fmt::format(
      R"({{"messages":[{{"role":"user","content":"{}"}}],"max_tokens":900,"tools":[
      {{"type":"function","function":{{"name":"get_weather","parameters":{}}}}},
      {{"type":"function","function":{{"name":"go","parameters":{}}}}}],"tool_choice":{}{}}})",
      question, kWeather, kNothing,
      named ? R"({"type":"function","function":{"name":"get_weather"}})" : R"("required")",
      sampling);
}

std::vector<Call> chat_calls(const json::value& reply) {
  const json::object& message = reply.at_pointer("/choices/0/message").as_object();
  EXPECT_EQ(reply.at_pointer("/choices/0/finish_reason"), "tool_calls");
  EXPECT_TRUE(message.at("content").is_null());
  std::vector<Call> calls;
  for (const json::value& call : message.at("tool_calls").as_array()) {
    const json::value& function = call.at("function");
    calls.push_back({json::value_to<std::string>(function.at("name")),
                     json::parse(function.at("arguments").as_string())});
  }
  return calls;
}

std::string response_body(std::string_view question, bool named, std::string_view sampling) {
  return fmt::format(
      R"({{"input":"{}","max_output_tokens":900,"tools":[
      {{"type":"function","name":"get_weather","parameters":{}}},
      {{"type":"function","name":"go","parameters":{}}}],"tool_choice":{}{}}})",
      question, kWeather, kNothing,
      named ? R"({"type":"function","name":"get_weather"})" : R"("required")", sampling);
}

std::vector<Call> response_calls(const json::value& reply) {
  EXPECT_EQ(reply.at("status"), "completed");
  std::vector<Call> calls;
  for (const json::value& item : reply.at("output").as_array()) {
    EXPECT_EQ(item.at("type"), "function_call");
    calls.push_back({json::value_to<std::string>(item.at("name")),
                     json::parse(item.at("arguments").as_string())});
  }
  return calls;
}

std::string message_body(std::string_view question, bool named, std::string_view sampling) {
  return fmt::format(
      R"({{"messages":[{{"role":"user","content":"{}"}}],"max_tokens":900,"tools":[
      {{"name":"get_weather","input_schema":{}}},{{"name":"go","input_schema":{}}}],
      "tool_choice":{}{}}})",
      question, kWeather, kNothing,
      named ? R"({"type":"tool","name":"get_weather"})" : R"({"type":"any"})", sampling);
}

std::vector<Call> message_calls(const json::value& reply) {
  EXPECT_EQ(reply.at("stop_reason"), "tool_use");
  std::vector<Call> calls;
  for (const json::value& block : reply.at("content").as_array()) {
    EXPECT_EQ(block.at("type"), "tool_use");
    calls.push_back({json::value_to<std::string>(block.at("name")), block.at("input")});
  }
  return calls;
}

constexpr std::array kApis = {Api{"/v1/chat/completions", chat_body, chat_calls},
                              Api{"/v1/responses", response_body, response_calls},
                              Api{"/v1/messages", message_body, message_calls}};

// A string or list ends when the model ends it, and one that is asked about something else may
// never do so: here what ends them is made likely.
std::string ending_soon() {
  const auto token = [](const char* text) { return nano().vocabulary.find(text)->value(); };
  return fmt::format(R"(,"logit_bias":{{"{}":90,"{}":40,"{}":40,"{}":40}})", token("<|\"|>"),
                     token("]"), token("}"), token("<turn|>"));
}

TEST(ServiceTools, forced_calls_can_be_read_and_keep_to_their_schemas) {
  std::size_t calls = 0;
  for (const Api& api : kApis) {
    for (const bool named : {true, false}) {
      for (const auto& [question, sampling] :
           {std::pair("Hello! Who are you?", R"(,"temperature":0)"),
            std::pair("What is the weather in Paris?", R"(,"temperature":1,"seed":3)")}) {
        const std::string body = api.body(question, named, sampling + ending_soon());
        const json::value reply = nano().post(api.path, body);
        EXPECT_FALSE(reply.as_object().contains("warnings")) << json::serialize(reply);
        SCOPED_TRACE(fmt::format("{} {}", body, json::serialize(reply)));
        const std::vector<Call> found = api.calls(reply);
        EXPECT_FALSE(found.empty());
        for (const Call& call : found) {
          EXPECT_TRUE(!named || call.name == "get_weather");
          expect_conforms(call);
        }
        calls += found.size();
      }
    }
  }
  EXPECT_GE(calls, 12u);
}

TEST(ServiceTools, drafts_change_nothing_about_a_forced_call) {
  for (const bool named : {true, false}) {
    const auto with = [&](std::string_view speculative) {
      const std::string sampling = fmt::format(R"(,"temperature":1,"seed":8,"speculative":{}{})",
                                               speculative, ending_soon());
      const json::value reply =
          nano().post("/v1/chat/completions", chat_body("Tell me a story.", named, sampling));
      std::string text;
      for (const Call& call : chat_calls(reply)) {
        text += call.name + json::serialize(call.arguments);
      }
      return text;
    };
    const std::string plain = with(R"({"enabled":false})");
    EXPECT_EQ(with(R"({"n_max":1})"), plain);
    EXPECT_EQ(with(R"({"n_max":8})"), plain);
  }
}

TEST(ServiceTools, behind_a_thought_that_the_prompt_began_a_call_is_forced_too) {
  const std::string body =
      R"({"messages":[{"role":"user","content":"Go."},{"role":"assistant","tool_calls":[{"id":"1",
      "type":"function","function":{"name":"go","arguments":"{}"}}]},{"role":"tool",
      "tool_call_id":"1","content":"done"}],"chat_template_kwargs":{"enable_thinking":true},
      "temperature":0,"tool_choice":"required","tools":[{"type":"function","function":{"name":"go",
      "parameters":{"type":"object","properties":{}}}}]})";
  const json::value prompt = nano().post("/apply-template", body).at("prompt");
  ASSERT_TRUE(prompt.as_string().ends_with("<|channel>thought\n")) << prompt;
  const json::value reply = nano().post("/v1/chat/completions", body);
  EXPECT_FALSE(chat_calls(reply).empty()) << json::serialize(reply);
}

TEST(ServiceTools, a_forced_call_that_is_cut_is_told_as_text) {
  const std::string body =
      chat_body("Hello!", true, R"(,"temperature":0,"max_completion_tokens":9)");
  const json::value reply = nano().post("/v1/chat/completions", body);
  EXPECT_EQ(reply.at_pointer("/choices/0/finish_reason"), "length");
  EXPECT_EQ(reply.at_pointer("/choices/0/message/content").as_string().find("<|tool_call>call:"),
            0u);
}

TEST(ServiceTools, with_parallel_calls_off_a_forced_reply_is_one_call) {
  const std::string body = chat_body(
      "Hello!", false, R"(,"temperature":1,"seed":1,"parallel_tool_calls":false)" + ending_soon());
  EXPECT_EQ(chat_calls(nano().post("/v1/chat/completions", body)).size(), 1u);
}

// Behind the last call nothing ends the reply, so calls go on until the tokens are used up.
TEST(ServiceTools, a_forced_call_that_may_not_end_is_followed_by_others) {
  const std::string body = chat_body(
      "Hello!", false, R"(,"temperature":0,"ignore_eos":true,"max_completion_tokens":60)");
  const json::value reply = nano().post("/v1/chat/completions", body);
  EXPECT_EQ(reply.at_pointer("/choices/0/finish_reason"), "length");
  EXPECT_EQ(reply.at_pointer("/usage/completion_tokens"), 60);
  EXPECT_FALSE(reply.at_pointer("/choices/0/message/tool_calls").as_array().empty());
}

TEST(ServiceTools, a_name_of_which_no_call_could_be_read_is_refused) {
  const json::value refused =
      nano().post("/v1/messages",
                  R"({"messages":[{"role":"user","content":"Hi"}],"max_tokens":9,
      "tools":[{"name":"a{b","input_schema":{}}]})",
                  400);
  EXPECT_NE(refused.at_pointer("/error/message").as_string().find("tools"), json::string::npos);
}

}  // namespace
}  // namespace outrider
