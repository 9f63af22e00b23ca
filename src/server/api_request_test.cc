#include "server/api_request.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <functional>
#include <limits>

#include "server/api_fields.h"

namespace outrider {
namespace {

namespace json = boost::json;

using Parse = ApiResult<ApiRequest> (*)(std::string_view, const ApiDefaults&);

ApiRequest parsed(Parse parse, std::string_view body) {
  ApiResult<ApiRequest> request = parse(body, {});
  if (!request) {
    ADD_FAILURE() << body << "\n" << request.error().message;
    return {};
  }
  return *std::move(request);
}

void expect_refused(Parse parse, std::string_view body, std::string_view field,
                    std::string_view message) {
  ApiResult<ApiRequest> request = parse(body, {});
  ASSERT_FALSE(request) << body;
  EXPECT_EQ(request.error().message, message) << body;
  EXPECT_EQ(request.error().field, field) << body;
  EXPECT_EQ(request.error().status, 400);
}

// The body with `members` beside what the endpoint requires.
std::string chat(std::string_view members) {
  return R"({"messages":[{"role":"user","content":"Hi"}])" + std::string(members) + "}";
}
std::string completion(std::string_view members) {
  return R"({"prompt":"Once")" + std::string(members) + "}";
}
std::string response(std::string_view members) {
  return R"({"input":"Hi")" + std::string(members) + "}";
}
std::string message(std::string_view members) {
  return R"({"max_tokens":9,"messages":[{"role":"user","content":"Hi"}])" + std::string(members) +
         "}";
}

constexpr const char* kTool =
    R"(,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])";

TEST(ApiRequest, what_is_no_json_object_is_refused) {
  for (const Parse parse : {parse_chat, parse_completion, parse_response, parse_message,
                            parse_count_tokens, parse_llama_completion, parse_apply_template}) {
    for (const char* body : {"", "{", "[]", "3", "{\"a\":\"\xff\"}", "{}x"}) {
      ApiResult<ApiRequest> request = parse(body, {});
      ASSERT_FALSE(request) << body;
      EXPECT_EQ(request.error().status, 400);
      EXPECT_EQ(request.error().message.substr(0, 11), "the request");
    }
    const std::string deep = std::string(1000, '[');
    expect_refused(parse, R"({"x":)" + deep, "", "the request is nested too deeply");
  }
}

TEST(ApiRequest, a_chat_request_is_read_in_full) {
  const ApiRequest request =
      parsed(parse_chat,
             chat(R"(,"model":"m","temperature":0,"top_k":5,"top_p":0.5,"min_p":0.1,"typical_p":0.9,
        "repeat_penalty":1.5,"presence_penalty":-2,"frequency_penalty":2,"repeat_last_n":8,
        "seed":18446744073709551615,"logit_bias":{"7":-5,"3":1.5},"max_completion_tokens":12,
        "stop":["a","b"],"n":3,"logprobs":true,"top_logprobs":4,"stream":true,
        "stream_options":{"include_usage":true},"tool_choice":{"type":"function",
        "function":{"name":"f"}},"parallel_tool_calls":false,"reasoning_effort":"low",
        "thinking_budget":77,"speculative":{"enabled":false,"n_max":2,"p_min":0.5},
        "cache_prompt":false,"ignore_eos":true,"user":"ignored","nobody_knows":[1]
        )" + std::string(kTool)));
  EXPECT_EQ(request.kind, ApiKind::kChat);
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.sampling.temperature, 0.0f);
  EXPECT_EQ(request.sampling.top_k, 5u);
  EXPECT_EQ(request.sampling.top_p, 0.5f);
  EXPECT_EQ(request.sampling.min_p, 0.1f);
  EXPECT_EQ(request.sampling.typical_p, 0.9f);
  EXPECT_EQ(request.sampling.repeat_penalty, 1.5f);
  EXPECT_EQ(request.sampling.presence_penalty, -2.0f);
  EXPECT_EQ(request.sampling.frequency_penalty, 2.0f);
  EXPECT_EQ(request.sampling.penalty_last, 8u);
  EXPECT_TRUE(request.has_seed);
  EXPECT_EQ(request.sampling.seed, std::numeric_limits<std::uint64_t>::max());
  ASSERT_EQ(request.bias.size(), 2u);
  EXPECT_EQ(request.bias[0].token, TokenId(3));
  EXPECT_EQ(request.bias[1].bias, -5.0f);
  EXPECT_EQ(request.tokens_max, 12u);
  EXPECT_EQ(request.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request.choices, 3u);
  EXPECT_TRUE(request.wants_logprobs);
  EXPECT_EQ(request.top_logprobs, 4u);
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  EXPECT_EQ(request.tool_choice.kind, ToolChoice::Kind::kNamed);
  EXPECT_EQ(request.tool_choice.name, "f");
  EXPECT_FALSE(request.tool_choice.parallel);
  EXPECT_TRUE(request.thinking.enabled);
  EXPECT_EQ(request.thinking.budget, 77u);
  EXPECT_EQ(request.speculative.enabled, false);
  EXPECT_EQ(request.speculative.n_max, 2u);
  EXPECT_EQ(request.speculative.p_min, 0.5f);
  EXPECT_FALSE(request.cache_prompt);
  EXPECT_TRUE(request.ignore_eos);
  const auto& conversation = std::get<Conversation>(request.prompts.at(0));
  EXPECT_EQ(conversation.messages.size(), 1u);
  EXPECT_EQ(conversation.tools.size(), 1u);
}

TEST(ApiRequest, what_a_request_leaves_out_comes_from_the_server) {
  ApiDefaults defaults;
  defaults.sampling.temperature = 0.25f;
  defaults.thinking = true;
  ApiResult<ApiRequest> request =
      parse_chat(chat(R"(,"top_k":null,"stop":null,"n":null)"), defaults);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->sampling.temperature, 0.25f);
  EXPECT_TRUE(request->thinking.enabled);
  EXPECT_FALSE(request->has_seed);
  EXPECT_FALSE(request->tokens_max.has_value());
  EXPECT_TRUE(request->cache_prompt);
  request = parse_chat(chat(R"(,"chat_template_kwargs":{"enable_thinking":false})"), defaults);
  ASSERT_TRUE(request);
  EXPECT_FALSE(request->thinking.enabled);
}

TEST(ApiRequest, a_wrong_type_names_its_field) {
  struct Case {
    const char* field;
    const char* value;
    const char* complaint;
  };
  const Case cases[] = {
      {"model", "1", "must be a string"},
      {"temperature", "\"hot\"", "must be a number from 0 to 100"},
      {"temperature", "-1", "must be a number from 0 to 100"},
      {"top_k", "1.5", "must be an integer, at least 0"},
      {"top_k", "-2", "must be an integer, at least 0"},
      {"top_p", "1.01", "must be a number from 0 to 1"},
      {"min_p", "true", "must be a number from 0 to 1"},
      {"typical_p", "[]", "must be a number from 0 to 1"},
      {"repeat_penalty", "0", "must be a number from 0.01 to 100"},
      {"presence_penalty", "3", "must be a number from -2 to 2"},
      {"frequency_penalty", "{}", "must be a number from -2 to 2"},
      {"repeat_last_n", "-5", "must be an integer, at least 0"},
      {"seed", "1.5", "must be an integer"},
      {"logit_bias", "3", "must be an object or an array of pairs"},
      {"logit_bias", "{\"a\":1}", "must name tokens by their ids"},
      {"logit_bias", "{\"1\":\"x\"}", "must hold numbers"},
      {"logit_bias", "[[1]]", "must hold pairs of a token id and a number"},
      {"stop", "3", "must be a string or an array of strings"},
      {"stop", "[\"a\",3]", "must be a string or an array of strings"},
      {"stop", "\"\"", "must not hold an empty string"},
      {"stream", "\"yes\"", "must be true or false"},
      {"stream_options", "{}", "is only for requests that stream"},
      {"max_tokens", "0", "must be an integer, at least 1"},
      {"max_tokens", "99999999999", "must be an integer, at least 1"},
      {"max_completion_tokens", "1e3", "must be an integer, at least 1"},
      {"n", "0", "must be an integer from 1 to 16"},
      {"n", "17", "must be an integer from 1 to 16"},
      {"logprobs", "3", "must be true or false"},
      {"top_logprobs", "21", "must be an integer from 0 to 20"},
      {"top_logprobs", "2", "needs logprobs to be true"},
      {"tool_choice", "\"any\"", "must be auto, none, required or name a function"},
      {"tool_choice", "{\"function\":{}}", "must be auto, none, required or name a function"},
      {"tool_choice", "\"required\"", "requires a call, but there are no tools"},
      {"parallel_tool_calls", "0", "must be true or false"},
      {"reasoning_effort", "3", "must be a string"},
      {"reasoning_effort", "\"some\"",
       "must be one of none, minimal, low, medium, high, xhigh, max"},
      {"n_predict", "0", "must be an integer, at least 1"},
      {"thinking_budget", "-3", "must be an integer, at least 0"},
      {"speculative", "true", "must be an object"},
      {"cache_prompt", "1", "must be true or false"},
      {"chat_template_kwargs", "[]", "must be an object"},
      {"tools", "{}", "must be an array"}};
  for (const Case& each : cases) {
    expect_refused(parse_chat, chat(std::string(",\"") + each.field + "\":" + each.value),
                   each.field, std::string(each.field) + " " + each.complaint);
  }
  expect_refused(parse_chat, chat(R"(,"speculative":{"n_max":65})"), "speculative.n_max",
                 "speculative.n_max must be an integer from 0 to 64");
  expect_refused(parse_chat, chat(R"(,"stream":true,"stream_options":{"include_usage":1})"),
                 "stream_options.include_usage",
                 "stream_options.include_usage must be true or false");
  expect_refused(parse_chat, "{}", "messages", "messages is missing");
  expect_refused(parse_chat, R"({"messages":[{"role":"user","content":3}]})", "messages[0].content",
                 "messages[0].content must be a string or an array of parts");
  expect_refused(parse_chat,
                 chat(R"(,"tool_choice":{"function":{"name":"g"}})" + std::string(kTool)),
                 "tool_choice", "tool_choice names a tool that is not among the request's tools");
}

TEST(ApiRequest, what_is_known_but_not_built_is_named) {
  for (const char* field : {"grammar", "json_schema", "functions", "audio", "prediction",
                            "web_search_options", "stop_token_ids", "samplers"}) {
    expect_refused(parse_chat, chat(std::string(",\"") + field + "\":{}"), field,
                   std::string(field) + " is not supported");
    parsed(parse_chat, chat(std::string(",\"") + field + "\":null"));
  }
  expect_refused(parse_chat, chat(R"(,"response_format":{"type":"json_schema","json_schema":{}})"),
                 "response_format", "response_format is not supported unless its type is text");
  parsed(parse_chat,
         chat(R"(,"response_format":{"type":"text"},"modalities":["text"],"mirostat":0)"));
  expect_refused(parse_chat, chat(R"(,"mirostat":2)"), "mirostat",
                 "mirostat is not supported unless it is 0");
  parsed(parse_chat, chat(R"(,"dry_multiplier":0.0)"));
  expect_refused(parse_chat,
                 R"({"messages":[{"role":"user",
        "content":[{"type":"text","text":"a"},{"type":"image_url"}]}]})",
                 "messages[0].content[1]",
                 "messages[0].content[1] holds an image, audio or video, which are not supported");
  for (const char* field : {"previous_response_id", "conversation", "prompt"}) {
    expect_refused(parse_response, response(std::string(",\"") + field + "\":\"x\""), field,
                   std::string(field) + " is not supported");
  }
  expect_refused(parse_response, response(R"(,"background":true)"), "background",
                 "background is not supported unless it is false");
  expect_refused(parse_response, response(R"(,"text":{"format":{"type":"json_schema"}})"),
                 "text.format", "text.format is not supported unless its type is text");
  expect_refused(parse_response, response(R"(,"tools":[{"type":"web_search"}])"), "tools[0].type",
                 "tools[0].type is web_search, which is not built: it must be function");
  expect_refused(parse_message, message(R"(,"mcp_servers":[])"), "mcp_servers",
                 "mcp_servers is not supported");
  expect_refused(parse_message, message(R"(,"tools":[{"type":"bash_20250124","name":"bash"}])"),
                 "tools[0].type",
                 "tools[0].type is bash_20250124, which is not built: it must be custom");
  expect_refused(parse_message,
                 R"({"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image"}]}]})",
                 "messages[0].content[0].type",
                 "messages[0].content[0].type is image, which is not supported here");
  expect_refused(parse_completion, completion(R"(,"suffix":"x")"), "suffix",
                 "suffix is not supported");
  expect_refused(parse_completion, completion(R"(,"echo":true)"), "echo",
                 "echo is not supported unless it is false");
  expect_refused(parse_response, response(R"(,"text":{"verbosity":"low"})"), "text.verbosity",
                 "text.verbosity is not supported unless it is \"medium\"");
}

TEST(ApiRequest, what_other_servers_would_do_is_not_dropped_anywhere) {
  struct Case {
    const char* field;
    const char* value;
    const char* neutral;  // means what leaving the field out means
  };
  const Case cases[] = {{"t_max_predict_ms", "5", "0"},
                        {"response_fields", "[\"content\"]", "[]"},
                        {"min_keep", "2", "0"},
                        {"truncate_prompt_tokens", "9", "null"},
                        {"cache_salt", "\"x\"", "null"},
                        {"include_stop_str_in_output", "true", "false"},
                        {"return_token_ids", "true", "false"},
                        {"skip_special_tokens", "false", "true"}};
  const std::pair<Parse, std::string (*)(std::string_view)> apis[] = {
      {parse_chat, chat},
      {parse_completion, completion},
      {parse_response, response},
      {parse_message, message},
      {parse_llama_completion, completion}};
  for (const auto& [parse, body] : apis) {
    for (const Case& each : cases) {
      const std::string field = std::string(",\"") + each.field + "\":";
      const auto refused = parse(body(field + each.value), {});
      ASSERT_FALSE(refused) << each.field;
      EXPECT_EQ(refused.error().field, each.field);
      parsed(parse, body(field + each.neutral));
    }
  }
}

TEST(ApiRequest, a_limit_has_llama_servers_name_too) {
  EXPECT_EQ(parsed(parse_chat, chat(R"(,"n_predict":7)")).tokens_max, 7u);
  EXPECT_EQ(parsed(parse_chat, chat(R"(,"n_predict":-1)")).tokens_max, std::nullopt);
}

TEST(ApiRequest, a_budget_of_thinking_is_the_servers_unless_the_request_has_one) {
  const ApiDefaults defaults{.sampling = {}, .thinking = true, .thinking_budget = 50};
  const auto budget = [&](Parse parse, std::string_view body) {
    ApiResult<ApiRequest> request = parse(body, defaults);
    return request ? request->thinking.budget : std::nullopt;
  };
  EXPECT_EQ(budget(parse_chat, chat("")), 50u);
  EXPECT_EQ(budget(parse_chat, chat(R"(,"thinking_budget":5)")), 5u);
  EXPECT_EQ(budget(parse_chat, chat(R"(,"thinking_budget":-1)")), std::nullopt);
  EXPECT_EQ(budget(parse_message, message("")), 50u);
  EXPECT_EQ(budget(parse_message, message(R"(,"thinking":{"type":"enabled","budget_tokens":7})")),
            7u);
}

TEST(ApiRequest, completions_take_text_and_tokens) {
  const ApiRequest text = parsed(parse_completion, completion(R"(,"logprobs":2)"));
  EXPECT_EQ(std::get<std::string>(text.prompts.at(0)), "Once");
  EXPECT_EQ(text.tokens_max, 16u);
  EXPECT_TRUE(text.wants_logprobs);
  EXPECT_EQ(text.top_logprobs, 2u);
  const ApiRequest tokens = parsed(parse_completion, R"({"prompt":[1,2]})");
  EXPECT_EQ(std::get<std::vector<TokenId>>(tokens.prompts.at(0)),
            (std::vector<TokenId>{TokenId(1), TokenId(2)}));
  const ApiRequest several = parsed(parse_completion, R"({"prompt":["a",[3],"b"],"n":2})");
  EXPECT_EQ(several.prompts.size(), 3u);
  for (const char* prompt : {"3", "[]", "[[]]", "[1.5]", "[-1]", "{}", "[1,\"a\"]"}) {
    expect_refused(parse_completion, std::string(R"({"prompt":)") + prompt + "}", "prompt",
                   "prompt must be a string, an array of token ids, or an array of either");
  }
  expect_refused(parse_completion, R"({"prompt":["a","b"],"n":9})", "n",
                 "n asks for 18 replies, of which one request may have 16");
  expect_refused(parse_completion, "{}", "prompt", "prompt is missing");
}

// The conversation that a request of another API becomes, as OpenAI's chat would spell it.
std::string roles_and_texts(const ApiRequest& request) {
  std::string shown;
  for (const ChatMessage& message : std::get<Conversation>(request.prompts.at(0)).messages) {
    constexpr const char* kNames[] = {"system", "developer", "user", "assistant", "tool"};
    shown += kNames[static_cast<std::size_t>(message.role)];
    if (!message.reasoning.empty()) shown += " thinking(" + message.reasoning + ")";
    if (const auto* text = std::get_if<std::string>(&message.content)) shown += " " + *text;
    for (const ChatToolCall& call : message.tool_calls) {
      shown += " " + call.name + json::serialize(call.arguments);
    }
    shown += "|";
  }
  return shown;
}

TEST(ApiRequest, responses_keep_what_they_show_again) {
  const ApiRequest request = parsed(
      parse_response, response(R"(,"instructions":"Be brief.","metadata":{"run":"7","":""})"));
  EXPECT_EQ(request.instructions, "Be brief.");
  EXPECT_EQ(request.metadata, (json::object{{"run", "7"}, {"", ""}}));
  EXPECT_FALSE(parsed(parse_response, response("")).instructions.has_value());
  EXPECT_TRUE(parsed(parse_response, response(R"(,"metadata":null)")).metadata.empty());
  const char* complaint =
      "metadata must hold at most 16 strings of at most 512 bytes, with names of at most 64";
  const std::string long_name(65, 'a'), long_value(513, 'a');
  json::object many;
  for (int i = 0; i < 17; ++i) many[std::string(1, static_cast<char>('a' + i))] = "";
  for (const json::object& metadata : {json::object{{"run", 7}}, json::object{{long_name, ""}},
                                       json::object{{"run", long_value}}, many}) {
    expect_refused(parse_response,
                   response(fmt::format(R"(,"metadata":{})", json::serialize(metadata))),
                   "metadata", complaint);
  }
  expect_refused(parse_response, response(R"(,"metadata":"x")"), "metadata",
                 "metadata must be an object");
}

TEST(ApiRequest, responses_items_become_a_conversation) {
  const ApiRequest request = parsed(parse_response, R"({"model":"m","instructions":"Be brief.",
    "max_output_tokens":5,"top_logprobs":1,"reasoning":{"effort":"high"},"tool_choice":"required",
    "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"}}],
    "input":[{"role":"developer","content":"dev"},{"role":"user","content":[
      {"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},
    {"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"why"}]},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"x\":1}"},
    {"type":"function_call","call_id":"c2","name":"f","arguments":""},
    {"type":"function_call_output","call_id":"c1","output":"one"},
    {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"two"}]},
    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"done"}]},
    {"role":"user","content":"more"}]})");
  EXPECT_EQ(roles_and_texts(request),
            "system Be brief.|developer dev|user a\nb|assistant thinking(why) f{\"x\":1} f{}|"
            "tool one|tool two|assistant done|user more|");
  EXPECT_EQ(request.tokens_max, 5u);
  EXPECT_TRUE(request.wants_logprobs);
  EXPECT_TRUE(request.thinking.enabled);
  EXPECT_EQ(request.tool_choice.kind, ToolChoice::Kind::kRequired);
  const auto& tools = std::get<Conversation>(request.prompts.at(0)).tools;
  EXPECT_EQ(tools.at(0), json::parse(R"({"type":"function","function":{"name":"f",
    "description":"d","parameters":{"type":"object"}}})"));
  EXPECT_EQ(roles_and_texts(parsed(parse_response, response(""))), "user Hi|");
  EXPECT_EQ(parsed(parse_response, response(R"(,"stop":"x")")).stop, std::vector<std::string>{"x"});
  const char* logprobs =
      R"(,"include":["reasoning.encrypted_content","message.output_text.logprobs"])";
  EXPECT_TRUE(parsed(parse_response, response(logprobs)).wants_logprobs);
  EXPECT_FALSE(parsed(parse_response, response(R"(,"include":[])")).wants_logprobs);
  expect_refused(parse_response, response(R"(,"include":[3])"), "include",
                 "include must hold strings");
}

TEST(ApiRequest, wrong_items_are_named) {
  const auto refused = [](std::string_view items, std::string_view field,
                          std::string_view complaint) {
    expect_refused(parse_response, R"({"input":)" + std::string(items) + "}", field,
                   std::string(field) + " " + std::string(complaint));
  };
  refused("3", "input", "must be a string or an array of items");
  refused("[]", "input", "must hold at least one item");
  refused("[3]", "input[0]", "must be an object");
  refused(R"([{"content":"a"}])", "input[0].role", "is missing");
  refused(R"([{"role":"x","content":"a"}])", "input[0].role",
          "must be user, assistant, system or developer");
  refused(R"([{"role":"user"}])", "input[0].content", "is missing");
  refused(R"([{"role":"user","content":3}])", "input[0].content",
          "must be a string or an array of text parts");
  refused(R"([{"role":"user","content":[{"type":"input_image"}]}])", "input[0].content[0].type",
          "is input_image, which is not supported: it must be input_text or output_text or text or "
          "summary_text or reasoning_text");
  refused(R"([{"type":"function_call","name":"f","call_id":"c","arguments":"[]"}])",
          "input[0].arguments", "must be a string that holds a JSON object");
  refused(R"([{"type":"function_call_output","call_id":"c","output":"x"}])", "input[0].call_id",
          "is the id of no call it could answer");
  refused(R"([{"type":"item_reference","id":"x"}])", "input[0].type",
          "is item_reference, which is not supported");
}

TEST(ApiRequest, message_blocks_become_a_conversation) {
  const ApiRequest request = parsed(parse_message, R"({"model":"m","max_tokens":9,
    "system":[{"type":"text","text":"Be","cache_control":{"type":"ephemeral"}},
              {"type":"text","text":"brief."}],
    "stop_sequences":["x"],"thinking":{"type":"enabled","budget_tokens":1024},
    "tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],
    "tool_choice":{"type":"any","disable_parallel_tool_use":true},"metadata":{"user_id":"u"},
    "messages":[{"role":"user","content":"a"},
      {"role":"assistant","content":[{"type":"thinking","thinking":"why","signature":""},
        {"type":"text","text":"Let me see."},
        {"type":"tool_use","id":"t1","name":"f","input":{"x":1}},
        {"type":"tool_use","id":"t2","name":"f","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"one"},
        {"type":"tool_result","tool_use_id":"t2","content":[{"type":"text","text":"two"}]},
        {"type":"text","text":"go on"}]}]})");
  EXPECT_EQ(roles_and_texts(request),
            "system Be\nbrief.|user a|assistant thinking(why) Let me see. f{\"x\":1} f{}|tool one|"
            "tool two|user go on|");
  EXPECT_EQ(request.tokens_max, 9u);
  EXPECT_EQ(request.stop, std::vector<std::string>{"x"});
  EXPECT_TRUE(request.thinking.enabled);
  EXPECT_EQ(request.thinking.budget, 1024u);
  EXPECT_EQ(request.tool_choice.kind, ToolChoice::Kind::kRequired);
  EXPECT_FALSE(request.tool_choice.parallel);
  EXPECT_EQ(std::get<Conversation>(request.prompts.at(0)).tools.at(0),
            json::parse(R"({"type":"function","function":{"name":"f","description":"d",
              "parameters":{"type":"object"}}})"));
}

TEST(ApiRequest, wrong_blocks_are_named) {
  const auto refused = [](std::string_view messages, std::string_view field,
                          std::string_view complaint) {
    expect_refused(parse_message, R"({"max_tokens":1,"messages":)" + std::string(messages) + "}",
                   field, std::string(field) + " " + std::string(complaint));
  };
  refused("3", "messages", "must be an array");
  refused("[]", "messages", "must hold at least one message");
  refused(R"([{"role":"system","content":"a"}])", "messages[0].role", "must be user or assistant");
  refused(R"([{"role":"user","content":3}])", "messages[0].content",
          "must be a string or an array of blocks");
  refused(R"([{"role":"user","content":[{"type":"text"}]}])", "messages[0].content[0].text",
          "is missing");
  refused(R"([{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}])",
          "messages[0].content[0].tool_use_id", "is the id of no tool use it could answer");
  refused(R"([{"role":"assistant","content":"a"}])", "messages",
          "must end with a user message: a reply cannot be begun for the model");
  expect_refused(parse_message, R"({"messages":[{"role":"user","content":"a"}]})", "max_tokens",
                 "max_tokens is missing");
  parsed(parse_count_tokens, R"({"messages":[{"role":"user","content":"a"}]})");
  expect_refused(parse_message, message(R"(,"thinking":{"type":"enabled"})"),
                 "thinking.budget_tokens", "thinking.budget_tokens is missing");
  expect_refused(parse_message, message(R"(,"system":3)"), "system",
                 "system must be a string or an array of text parts");
  expect_refused(parse_message, message(R"(,"stop_sequences":"x")"), "stop_sequences",
                 "stop_sequences must be an array");
  expect_refused(parse_message, message(R"(,"tool_choice":{"type":"some"})"), "tool_choice.type",
                 "tool_choice.type must be auto, any, tool or none");
}

TEST(ApiRequest, llama_servers_endpoints_are_read) {
  const ApiRequest request = parsed(parse_llama_completion,
                                    R"({"prompt":"Once","n_predict":7,"n_probs":2,"seed":-1,
    "return_tokens":true,"stream":true,"logit_bias":[[5,false],[4,-1.5]],"repeat_last_n":-1})");
  EXPECT_EQ(request.tokens_max, 7u);
  EXPECT_EQ(request.top_logprobs, 2u);
  EXPECT_FALSE(request.has_seed);
  EXPECT_TRUE(request.return_tokens);
  ASSERT_EQ(request.bias.size(), 2u);
  EXPECT_EQ(request.bias[1].bias, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(parsed(parse_llama_completion, R"({"prompt":"a","n_predict":-1})").tokens_max,
            std::nullopt);

  ApiResult<TokenizeRequest> tokenize = parse_tokenize(
      R"({"content":"a","add_special":true,"parse_special":false,
        "with_pieces":true})");
  ASSERT_TRUE(tokenize);
  EXPECT_EQ(tokenize->content, "a");
  EXPECT_TRUE(tokenize->add_special);
  EXPECT_FALSE(tokenize->parse_special);
  EXPECT_TRUE(tokenize->with_pieces);
  EXPECT_EQ(parse_tokenize("{}").error().message, "content is missing");
  ApiResult<std::vector<TokenId>> tokens = parse_detokenize(R"({"tokens":[3,4]})");
  ASSERT_TRUE(tokens);
  EXPECT_EQ(*tokens, (std::vector<TokenId>{TokenId(3), TokenId(4)}));
  EXPECT_EQ(parse_detokenize(R"({"tokens":["a"]})").error().message, "tokens must hold token ids");
}

TEST(ApiError, every_api_has_its_own_shape) {
  const ApiError error{400, "n must be an integer", "n"};
  EXPECT_EQ(json::parse(error_body(ApiKind::kChat, error, "r1")),
            json::parse(R"({"error":{"message":"n must be an integer",
              "type":"invalid_request_error","param":"n","code":null}})"));
  EXPECT_EQ(json::parse(error_body(ApiKind::kResponse, {429, "full", ""}, "r1")),
            json::parse(R"({"error":{"message":"full","type":"rate_limit_error","param":null,
              "code":"rate_limit_exceeded"}})"));
  EXPECT_EQ(json::parse(error_body(ApiKind::kMessage, error, "r1")),
            json::parse(R"({"type":"error","error":{"type":"invalid_request_error",
              "message":"n must be an integer"},"request_id":"r1"})"));
  EXPECT_EQ(
      json::parse(error_body(ApiKind::kLlama, {503, "loading", ""}, "r1")),
      json::parse(R"({"error":{"code":503,"message":"loading","type":"unavailable_error"}})"));
  EXPECT_EQ(error_event(ApiKind::kMessage, {500, "x", ""}, "r1").substr(0, 19),
            "event: error\ndata: ");
  EXPECT_EQ(error_event(ApiKind::kChat, {500, "x", ""}, "r1").substr(0, 6), "data: ");
}

}  // namespace
}  // namespace outrider
