// The exact JSON of every API for one reply with everything in it, streamed and whole.
#include "server/api_reply.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <limits>

#include "server/json_text.h"

namespace outrider {
namespace {

namespace json = boost::json;
using Kind = ReplyEvent::Kind;

ApiRequest request_of(ApiKind kind) {
  ApiRequest request;
  request.kind = kind;
  request.prompts.emplace_back(Conversation{});
  request.include_usage = true;
  request.sampling.top_p = 0.5f;
  return request;
}

ReplyHead head() {
  return {.id = "abc", .created = 1700000000, .model = "nano", .prompt_tokens = 12};
}

ReplyEnd ended(StopReason reason) {
  ReplyEnd end;
  end.reason = reason;
  end.usage = {.prompt_tokens = 12,
               .cached_tokens = 8,
               .reply_tokens = 9,
               .thinking_tokens = 3,
               .speculative = {.rounds = 4,
                               .drafted = 12,
                               .accepted = 5,
                               .accepted_per_position = {4, 1, 0}},
               .prompt_ms = 20,
               .generate_ms = 90};
  return end;
}

ReplyEvent event(Kind kind, std::string text, json::object arguments = {}) {
  return {kind, std::move(text), std::move(arguments)};
}

// A thought, text in two pieces, two calls and a warning.
std::vector<ReplyDelta> deltas() {
  return {{{event(Kind::kThinking, "why")}, {}},
          {{event(Kind::kContent, "Let me "), event(Kind::kWarning, "odd")}, {}},
          {{event(Kind::kContent, "see.")}, {}},
          {{event(Kind::kToolCall, "f", {{"x", 1}}), event(Kind::kToolCall, "g")}, {}}};
}

WholeReply whole() {
  return {{event(Kind::kThinking, "why"), event(Kind::kContent, "Let me see."),
           event(Kind::kWarning, "odd"), event(Kind::kToolCall, "f", {{"x", 1}}),
           event(Kind::kToolCall, "g")},
          {},
          ended(StopReason::kEndOfTurn)};
}

void expect_body(const ApiRequest& request, const WholeReply& reply, std::string_view expected) {
  const std::string body = make_writer(request, head())->body(std::span(&reply, 1));
  EXPECT_EQ(json::parse(body), json::parse(expected)) << body;
}

// Every event of the stream as it goes over the wire, one a line: "NAME JSON", "JSON" or "[DONE]".
std::string streamed(const ApiRequest& request, const std::vector<ReplyDelta>& all,
                     const ReplyEnd& end) {
  const std::unique_ptr<ReplyWriter> writer = make_writer(request, head());
  std::string text = writer->begin();
  for (const ReplyDelta& delta : all) text += writer->delta(0, delta);
  text += writer->end(0, end);
  text += writer->finish();
  return text;
}

void expect_stream(const ApiRequest& request, const std::vector<ReplyDelta>& all,
                   std::initializer_list<std::string_view> expected) {
  std::string rest = streamed(request, all, ended(StopReason::kEndOfTurn));
  for (const std::string_view line : expected) {
    const std::size_t end = rest.find("\n\n");
    ASSERT_NE(end, std::string::npos) << "missing: " << line;
    std::string block = rest.substr(0, end);
    rest.erase(0, end + 2);
    std::string_view data = line;
    if (block.starts_with("event: ")) {
      const std::string name = block.substr(7, block.find('\n') - 7);
      ASSERT_TRUE(line.starts_with(name + " ")) << block << "\nexpected " << line;
      data.remove_prefix(name.size() + 1);
      block.erase(0, block.find('\n') + 1);
      EXPECT_EQ(json::parse(data).at("type"), json::value(name));
    }
    ASSERT_TRUE(block.starts_with("data: ")) << block;
    block.erase(0, 6);
    if (data == "[DONE]") {
      EXPECT_EQ(block, data);
    } else {
      EXPECT_EQ(json::parse(block), json::parse(data)) << block;
    }
  }
  EXPECT_EQ(rest, "");
}

constexpr std::string_view kOpenAiUsage =
    R"({"prompt_tokens":12,"completion_tokens":9,"total_tokens":21,
    "prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":3},
    "speculative":{"rounds":4,"drafted":12,"accepted":5,"accepted_per_position":[4,1,0]}})";

std::string chunk(std::string_view choice) {
  return R"({"id":"chatcmpl-abc","object":"chat.completion.chunk","created":1700000000,
    "model":"nano","choices":[)" +
         std::string(choice) + "]}";
}

std::string delta_chunk(std::string_view delta) {
  return chunk(R"({"index":0,"delta":)" + std::string(delta) +
               R"(,"logprobs":null,"finish_reason":null})");
}

TEST(ChatReply, whole) {
  expect_body(request_of(ApiKind::kChat), whole(),
              R"({"id":"chatcmpl-abc","object":"chat.completion","created":1700000000,
    "model":"nano","choices":[{"index":0,"message":{"role":"assistant","content":"Let me see.",
      "refusal":null,"reasoning_content":"why","tool_calls":[
        {"id":"call_abc0000","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
        {"id":"call_abc0001","type":"function","function":{"name":"g","arguments":"{}"}}]},
      "logprobs":null,"finish_reason":"tool_calls","warnings":["odd"]}],"usage":)" +
                  std::string(kOpenAiUsage) + "}");
}

TEST(ChatReply, streamed) {
  std::string usage = chunk("");
  usage.insert(usage.size() - 1, ",\"usage\":" + std::string(kOpenAiUsage));
  expect_stream(request_of(ApiKind::kChat), deltas(),
                {delta_chunk(R"({"role":"assistant","content":""})"),
                 delta_chunk(R"({"reasoning_content":"why"})"),
                 delta_chunk(R"({"content":"Let me "})"), delta_chunk(R"({"content":"see."})"),
                 delta_chunk(R"({"tool_calls":[{"index":0,"id":"call_abc0000","type":"function",
         "function":{"name":"f","arguments":"{\"x\":1}"}}]})"),
                 delta_chunk(R"({"tool_calls":[{"index":1,"id":"call_abc0001","type":"function",
         "function":{"name":"g","arguments":"{}"}}]})"),
                 chunk(R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls",
         "warnings":["odd"]})"),
                 usage, "[DONE]"});
}

TEST(ChatReply, only_calls_have_no_content_and_a_cut_reply_says_so) {
  const ApiRequest request = request_of(ApiKind::kChat);
  WholeReply reply{{event(Kind::kToolCall, "g")}, {}, ended(StopReason::kEndOfTurn)};
  const auto choice = [&] {
    const std::string body = make_writer(request, head())->body(std::span(&reply, 1));
    return json::parse(body).at("choices").at(0);
  };
  EXPECT_TRUE(choice().at("message").at("content").is_null());
  reply.end.reason = StopReason::kLength;
  EXPECT_EQ(choice().at("finish_reason"), json::value("length"));
  reply.events = {event(Kind::kContent, "a")};
  reply.end.reason = StopReason::kStopString;
  EXPECT_EQ(choice().at("finish_reason"), json::value("stop"));
}

std::vector<ReplyToken> tokens() {
  return {{TokenId(7), "\xC3", -0.5f, {{TokenId(7), "\xC3", -0.5f}, {TokenId(8), "b", -1.0f}}},
          {TokenId(9), "\xA9", -std::numeric_limits<float>::infinity(), {}}};
}

TEST(ChatReply, logprobs_are_of_tokens_and_bytes) {
  ApiRequest request = request_of(ApiKind::kChat);
  request.wants_logprobs = true;
  const WholeReply reply{{event(Kind::kContent, "é")}, tokens(), ended(StopReason::kEndOfTurn)};
  const std::string body = make_writer(request, head())->body(std::span(&reply, 1));
  // Doubles and integers of one value are told apart by ==, so compare as text.
  EXPECT_EQ(json_text(json::parse(body).at("choices").at(0).at("logprobs").at("content")),
            R"([{"token":"�","logprob":-0.5,"bytes":[195],"top_logprobs":[)"
            R"({"token":"�","logprob":-0.5,"bytes":[195]},)"
            R"({"token":"b","logprob":-1.0,"bytes":[98]}]},)"
            R"({"token":"�","logprob":-9999.0,"bytes":[169],"top_logprobs":[]}])");
  const std::string text =
      make_writer(request, head())->delta(0, {{event(Kind::kContent, "é")}, tokens()});
  EXPECT_EQ(json_text(json::parse(text.substr(6)).at("choices").at(0).at("logprobs")),
            json_text(json::parse(body).at("choices").at(0).at("logprobs")));
  // Tokens without text have a chunk of their own.
  EXPECT_NE(make_writer(request, head())->delta(0, {{}, tokens()}), "");
}

TEST(ChatReply, several_choices_share_their_prompt) {
  ApiRequest request = request_of(ApiKind::kChat);
  request.choices = 2;
  const std::vector<WholeReply> replies = {whole(), whole()};
  const json::value body = json::parse(make_writer(request, head())->body(replies));
  EXPECT_EQ(body.at("choices").at(1).at("index"), 1);
  EXPECT_EQ(body.at("choices").at(1).at("message").at("tool_calls").at(0).at("id"),
            json::value("call_abc0100"));
  EXPECT_EQ(body.at("usage").at("prompt_tokens"), 12);
  EXPECT_EQ(body.at("usage").at("completion_tokens"), 18);
  EXPECT_EQ(body.at("usage").at("speculative"),
            json::parse(R"({"rounds":8,"drafted":24,"accepted":10,
              "accepted_per_position":[8,2,0]})"));
}

TEST(CompletionReply, whole_and_streamed) {
  ApiRequest request = request_of(ApiKind::kCompletion);
  const WholeReply reply{{event(Kind::kContent, "Let me see.")}, {}, ended(StopReason::kLength)};
  expect_body(request, reply,
              R"({"id":"cmpl-abc","object":"text_completion","created":1700000000,
    "model":"nano","choices":[{"text":"Let me see.","index":0,"logprobs":null,
    "finish_reason":"length"}],"usage":)" +
                  std::string(kOpenAiUsage) + "}");
  const auto one = [](std::string_view choice, std::string_view more = "") {
    return R"({"id":"cmpl-abc","object":"text_completion","created":1700000000,"model":"nano",
      "choices":[)" +
           std::string(choice) + "]" + std::string(more) + "}";
  };
  expect_stream(request,
                {{{event(Kind::kContent, "Let me ")}, {}}, {{event(Kind::kContent, "see.")}, {}}},
                {one(R"({"text":"Let me ","index":0,"logprobs":null,"finish_reason":null})"),
                 one(R"({"text":"see.","index":0,"logprobs":null,"finish_reason":null})"),
                 one(R"({"text":"","index":0,"logprobs":null,"finish_reason":"stop"})"),
                 one("", ",\"usage\":" + std::string(kOpenAiUsage)), "[DONE]"});
  request.wants_logprobs = true;
  const WholeReply likely{{event(Kind::kContent, "é")}, tokens(), ended(StopReason::kLength)};
  const std::string body = make_writer(request, head())->body(std::span(&likely, 1));
  EXPECT_EQ(json_text(json::parse(body).at("choices").at(0).at("logprobs")),
            R"({"tokens":["�","�"],"token_logprobs":[-0.5,-9999.0],)"
            R"("top_logprobs":[{"�":-0.5,"b":-1.0},{}],"text_offset":[0,1]})");
}

constexpr std::string_view kMessageUsage =
    R"({"input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":8,
    "output_tokens":9,
    "speculative":{"rounds":4,"drafted":12,"accepted":5,"accepted_per_position":[4,1,0]}})";

TEST(MessageReply, whole) {
  const ApiRequest request = request_of(ApiKind::kMessage);
  expect_body(request, whole(),
              R"({"id":"msg_abc","type":"message","role":"assistant",
    "model":"nano","content":[{"type":"thinking","thinking":"why","signature":""},
      {"type":"text","text":"Let me see."},
      {"type":"tool_use","id":"toolu_abc00","name":"f","input":{"x":1}},
      {"type":"tool_use","id":"toolu_abc01","name":"g","input":{}}],
    "stop_reason":"tool_use","stop_sequence":null,"warnings":["odd"],"usage":)" +
                  std::string(kMessageUsage) + "}");
  WholeReply stopped{{event(Kind::kContent, "a")}, {}, ended(StopReason::kStopString)};
  stopped.end.stop_string = "x";
  expect_body(request, stopped,
              R"({"id":"msg_abc","type":"message","role":"assistant",
    "model":"nano","content":[{"type":"text","text":"a"}],"stop_reason":"stop_sequence",
    "stop_sequence":"x","usage":)" +
                  std::string(kMessageUsage) + "}");
}

TEST(MessageReply, streamed) {
  expect_stream(
      request_of(ApiKind::kMessage), deltas(),
      {R"(message_start {"type":"message_start","message":{"id":"msg_abc","type":"message",
         "role":"assistant","model":"nano","content":[],"stop_reason":null,"stop_sequence":null,
         "usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,
         "output_tokens":0}}})",
       R"(content_block_start {"type":"content_block_start","index":0,
         "content_block":{"type":"thinking","thinking":"","signature":""}})",
       R"(content_block_delta {"type":"content_block_delta","index":0,
         "delta":{"type":"thinking_delta","thinking":"why"}})",
       R"(content_block_stop {"type":"content_block_stop","index":0})",
       R"(content_block_start {"type":"content_block_start","index":1,
         "content_block":{"type":"text","text":""}})",
       R"(content_block_delta {"type":"content_block_delta","index":1,
         "delta":{"type":"text_delta","text":"Let me "}})",
       R"(content_block_delta {"type":"content_block_delta","index":1,
         "delta":{"type":"text_delta","text":"see."}})",
       R"(content_block_stop {"type":"content_block_stop","index":1})",
       R"(content_block_start {"type":"content_block_start","index":2,
         "content_block":{"type":"tool_use","id":"toolu_abc00","name":"f","input":{}}})",
       R"(content_block_delta {"type":"content_block_delta","index":2,
         "delta":{"type":"input_json_delta","partial_json":"{\"x\":1}"}})",
       R"(content_block_stop {"type":"content_block_stop","index":2})",
       R"(content_block_start {"type":"content_block_start","index":3,
         "content_block":{"type":"tool_use","id":"toolu_abc01","name":"g","input":{}}})",
       R"(content_block_delta {"type":"content_block_delta","index":3,
         "delta":{"type":"input_json_delta","partial_json":"{}"}})",
       R"(content_block_stop {"type":"content_block_stop","index":3})",
       R"(message_delta {"type":"message_delta","delta":{"stop_reason":"tool_use",
         "stop_sequence":null},"warnings":["odd"],"usage":)" +
           std::string(kMessageUsage) + "}",
       R"(message_stop {"type":"message_stop"})"});
}

std::string response_json(std::string_view status, std::string_view output, std::string_view usage,
                          std::string_view more = "") {
  return R"({"id":"resp_abc","object":"response","created_at":1700000000,"status":")" +
         std::string(status) + R"(","error":null,"incomplete_details":null,"instructions":null,
    "max_output_tokens":null,"metadata":{},"model":"nano","parallel_tool_calls":true,
    "previous_response_id":null,"store":false,"temperature":1.0,"text":{"format":{"type":"text"}},
    "tool_choice":"auto","tools":[],"top_p":0.5,"truncation":"disabled","output":[)" +
         std::string(output) + R"(],"usage":)" + std::string(usage) + std::string(more) + "}";
}

constexpr std::string_view kResponseUsage =
    R"({"input_tokens":12,"input_tokens_details":{"cached_tokens":8},"output_tokens":9,
    "output_tokens_details":{"reasoning_tokens":3},"total_tokens":21,
    "speculative":{"rounds":4,"drafted":12,"accepted":5,"accepted_per_position":[4,1,0]}})";
constexpr std::string_view kReasoningItem =
    R"({"id":"rs_abc00","type":"reasoning","summary":[],"status":"completed",
    "content":[{"type":"reasoning_text","text":"why"}]})";
constexpr std::string_view kMessageItem =
    R"({"id":"msg_abc01","type":"message","status":"completed","role":"assistant",
    "content":[{"type":"output_text","text":"Let me see.","annotations":[],"logprobs":[]}]})";
constexpr std::string_view kCallItem =
    R"({"id":"fc_abc02","type":"function_call","status":"completed","call_id":"call_abc0000",
    "name":"f","arguments":"{\"x\":1}"})";
constexpr std::string_view kSecondCallItem =
    R"({"id":"fc_abc03","type":"function_call","status":"completed","call_id":"call_abc0001",
    "name":"g","arguments":"{}"})";

std::string all_items() {
  return std::string(kReasoningItem) + "," + std::string(kMessageItem) + "," +
         std::string(kCallItem) + "," + std::string(kSecondCallItem);
}

TEST(ResponseReply, shows_what_it_was_asked) {
  ApiRequest request = request_of(ApiKind::kResponse);
  request.instructions = "Be brief.";
  request.metadata = {{"run", "7"}};
  const json::value body = json::parse(make_writer(request, head())->body(std::array{whole()}));
  EXPECT_EQ(body.at("instructions"), "Be brief.");
  EXPECT_EQ(body.at("metadata"), (json::object{{"run", "7"}}));
  const std::string begun = make_writer(request, head())->begin();
  EXPECT_NE(begun.find(R"("instructions":"Be brief.")"), std::string::npos) << begun;
  EXPECT_NE(begun.find(R"("metadata":{"run":"7"})"), std::string::npos) << begun;
}

TEST(ResponseReply, whole) {
  const ApiRequest request = request_of(ApiKind::kResponse);
  expect_body(request, whole(),
              response_json("completed", all_items(), kResponseUsage, R"(,"warnings":["odd"])"));
  const WholeReply cut{{event(Kind::kContent, "a")}, {}, ended(StopReason::kLength)};
  const json::value body = json::parse(make_writer(request, head())->body(std::span(&cut, 1)));
  EXPECT_EQ(body.at("status"), json::value("incomplete"));
  EXPECT_EQ(body.at_pointer("/output/0/status"), json::value("incomplete"));
  EXPECT_EQ(body.at("incomplete_details"), json::parse(R"({"reason":"max_output_tokens"})"));
}

// `numbered("NAME", 3, R"("x":1)")` is an event of the stream.
std::string numbered(std::string_view name, int sequence, std::string_view fields) {
  return std::string(name) + R"( {"type":")" + std::string(name) + R"(","sequence_number":)" +
         std::to_string(sequence) + "," + std::string(fields) + "}";
}

std::string call_events(int sequence, int index, std::string_view item, std::string_view name,
                        std::string_view arguments, int which) {
  const std::string place = R"("output_index":)" + std::to_string(index);
  const std::string id = R"("item_id":"fc_abc0)" + std::to_string(index) + "\"," + place;
  json::value begun = json::parse(item);
  begun.as_object()["status"] = "in_progress";
  begun.as_object()["arguments"] = "";
  switch (which) {
    case 0:
      return numbered("response.output_item.added", sequence,
                      place + ",\"item\":" + json::serialize(begun));
    case 1:
      return numbered("response.function_call_arguments.delta", sequence,
                      id + ",\"delta\":" + json::serialize(json::value(arguments)));
    case 2:
      return numbered("response.function_call_arguments.done", sequence,
                      id + R"(,"name":")" + std::string(name) +
                          "\",\"arguments\":" + json::serialize(json::value(arguments)));
    default:
      return numbered("response.output_item.done", sequence,
                      place + ",\"item\":" + std::string(item));
  }
}

TEST(ResponseReply, streamed) {
  const std::string begun = "\"response\":" + response_json("in_progress", "", "null");
  const std::string reasoning = R"("item_id":"rs_abc00","output_index":0,"content_index":0,)";
  const std::string text = R"("item_id":"msg_abc01","output_index":1,"content_index":0,)";
  expect_stream(
      request_of(ApiKind::kResponse), deltas(),
      {numbered("response.created", 0, begun),
       numbered("response.in_progress", 1, begun),
       numbered("response.output_item.added", 2,
                R"("output_index":0,"item":{"id":"rs_abc00","type":"reasoning","summary":[],
                  "content":[],"status":"in_progress"})"),
       numbered("response.content_part.added", 3,
                reasoning + R"("part":{"type":"reasoning_text","text":""})"),
       numbered("response.reasoning_text.delta", 4, reasoning + R"("delta":"why")"),
       numbered("response.reasoning_text.done", 5, reasoning + R"("text":"why")"),
       numbered("response.content_part.done", 6,
                reasoning + R"("part":{"type":"reasoning_text","text":"why"})"),
       numbered("response.output_item.done", 7,
                R"("output_index":0,"item":)" + std::string(kReasoningItem)),
       numbered("response.output_item.added", 8,
                R"("output_index":1,"item":{"id":"msg_abc01","type":"message",
                  "status":"in_progress","role":"assistant","content":[]})"),
       numbered("response.content_part.added", 9,
                text + R"("part":{"type":"output_text","text":"","annotations":[],"logprobs":[]})"),
       numbered("response.output_text.delta", 10, text + R"("delta":"Let me ","logprobs":[])"),
       numbered("response.output_text.delta", 11, text + R"("delta":"see.","logprobs":[])"),
       numbered("response.output_text.done", 12, text + R"("text":"Let me see.","logprobs":[])"),
       numbered("response.content_part.done", 13,
                text + R"("part":{"type":"output_text","text":"Let me see.","annotations":[],
                  "logprobs":[]})"),
       numbered("response.output_item.done", 14,
                R"("output_index":1,"item":)" + std::string(kMessageItem)),
       call_events(15, 2, kCallItem, "f", R"({"x":1})", 0),
       call_events(16, 2, kCallItem, "f", R"({"x":1})", 1),
       call_events(17, 2, kCallItem, "f", R"({"x":1})", 2),
       call_events(18, 2, kCallItem, "f", R"({"x":1})", 3),
       call_events(19, 3, kSecondCallItem, "g", "{}", 0),
       call_events(20, 3, kSecondCallItem, "g", "{}", 1),
       call_events(21, 3, kSecondCallItem, "g", "{}", 2),
       call_events(22, 3, kSecondCallItem, "g", "{}", 3),
       numbered("response.completed", 23,
                "\"response\":" + response_json("completed", all_items(), kResponseUsage,
                                                R"(,"warnings":["odd"])"))});
}

constexpr std::string_view kLlamaEnd =
    R"("stop":true,"model":"nano","tokens_predicted":9,"tokens_evaluated":12,"tokens_cached":8,
    "truncated":false,"stopping_word":"","timings":{"cache_n":8,"prompt_n":4,"prompt_ms":20.0,
    "prompt_per_token_ms":5.0,"prompt_per_second":200.0,"predicted_n":9,"predicted_ms":90.0,
    "predicted_per_token_ms":10.0,"predicted_per_second":100.0,"draft_n":12,"draft_n_accepted":5},
    "speculative":{"rounds":4,"drafted":12,"accepted":5,"accepted_per_position":[4,1,0]})";

TEST(LlamaReply, whole_and_streamed) {
  ApiRequest request = request_of(ApiKind::kLlama);
  request.return_tokens = true;
  const WholeReply reply{{event(Kind::kContent, "é")}, tokens(), ended(StopReason::kLength)};
  expect_body(request, reply,
              R"({"index":0,"content":"é","tokens":[7,9],"stop_type":"limit",)" +
                  std::string(kLlamaEnd) + "}");
  expect_stream(
      request, {{{event(Kind::kContent, "é")}, tokens()}},
      {R"({"index":0,"content":"é","tokens":[7,9],"stop":false})",
       R"({"index":0,"content":"","tokens":[],"stop_type":"eos",)" + std::string(kLlamaEnd) + "}"});
  request.wants_logprobs = true;
  request.return_tokens = false;
  const std::string text =
      make_writer(request, head())->delta(0, {{event(Kind::kContent, "é")}, tokens()});
  EXPECT_EQ(json_text(json::parse(text.substr(6)).at("completion_probabilities")),
            R"([{"token":"�","logprob":-0.5,"bytes":[195],"top_logprobs":[)"
            R"({"token":"�","logprob":-0.5,"bytes":[195],"id":7},)"
            R"({"token":"b","logprob":-1.0,"bytes":[98],"id":8}],"id":7},)"
            R"({"token":"�","logprob":-9999.0,"bytes":[169],"top_logprobs":[],"id":9}])");
}

TEST(LlamaReply, several_prompts_are_an_array) {
  ApiRequest request = request_of(ApiKind::kLlama);
  request.prompts.emplace_back(Conversation{});
  const WholeReply reply{{event(Kind::kContent, "a")}, {}, ended(StopReason::kEndOfTurn)};
  const std::vector<WholeReply> both = {reply, reply};
  const json::value body = json::parse(make_writer(request, head())->body(both));
  ASSERT_TRUE(body.is_array());
  EXPECT_EQ(body.at(1).at("index"), 1);
}

}  // namespace
}  // namespace outrider
