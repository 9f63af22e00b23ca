// Every endpoint over the trained sample pair, which gives real answers.
#include "server/service.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "server/service_test_server.h"

namespace outrider {
namespace {

namespace json = boost::json;

std::string chat(std::string_view question, std::string_view more = "") {
  return fmt::format(R"({{"messages":[{{"role":"user","content":"{}"}}]{}}})", question, more);
}

std::string text_of(const json::value& reply) {
  return json::value_to<std::string>(reply.at_pointer("/choices/0/message/content"));
}

std::string stream_text(const std::vector<std::string>& events, const char* pointer) {
  std::string text;
  for (const std::string& event : events) {
    if (event == "[DONE]") continue;
    boost::system::error_code failure;
    const json::value value = json::parse(event);
    const json::value* found = value.find_pointer(pointer, failure);
    if (found != nullptr && found->is_string()) text += json::value_to<std::string>(*found);
  }
  return text;
}

constexpr std::string_view kQuestion = "What is 47 + 58?";
constexpr std::string_view kAnswer = "47 + 58 = 105.";
constexpr std::string_view kTools =
    R"(,"tools":[{"type":"function","function":{"name":"play_music","description":"Plays music",
    "parameters":{"type":"object","properties":{"track":{"type":"string"},
    "loudness":{"type":"integer"}},"required":["track","loudness"]}}}])";
constexpr std::string_view kPlay = R"(play the song \"tall broom\" at 50)";

TEST(Service, chat_answers_with_usage) {
  const json::value reply = nano().post("/v1/chat/completions", chat(kQuestion));
  EXPECT_EQ(text_of(reply), kAnswer);
  EXPECT_EQ(reply.at("model"), "nano");
  EXPECT_EQ(reply.at_pointer("/choices/0/finish_reason"), "stop");
  const json::value& usage = reply.at("usage");
  EXPECT_EQ(usage.at("prompt_tokens"), 24);
  EXPECT_GT(usage.at("completion_tokens").to_number<int>(), 5);
  EXPECT_GT(usage.at_pointer("/speculative/accepted").to_number<int>(), 0);
}

TEST(Service, a_conversation_that_goes_on_finds_its_beginning_in_the_cache) {
  static_cast<void>(nano().post("/v1/chat/completions", chat("What is 12 + 13?")));
  const json::value again = nano().post("/v1/chat/completions", chat("What is 12 + 13?"));
  EXPECT_GT(again.at_pointer("/usage/prompt_tokens_details/cached_tokens").to_number<int>(), 10);
  const json::value without =
      nano().post("/v1/chat/completions", chat("What is 12 + 13?", R"(,"cache_prompt":false)"));
  EXPECT_EQ(without.at_pointer("/usage/prompt_tokens_details/cached_tokens"), 0);
  EXPECT_EQ(text_of(again), text_of(without));
}

TEST(Service, chat_streams_the_same_text) {
  const auto events =
      nano().stream("/v1/chat/completions",
                    chat(kQuestion, R"(,"stream":true,"stream_options":{"include_usage":true})"));
  EXPECT_EQ(stream_text(events, "/choices/0/delta/content"), kAnswer);
  EXPECT_EQ(events.back(), "[DONE]");
  const json::value usage = json::parse(events[events.size() - 2]).at("usage");
  EXPECT_EQ(usage.at("prompt_tokens"), 24);
}

TEST(Service, thoughts_are_told_apart) {
  const json::value reply = nano().post(
      "/v1/chat/completions", chat("Tell me the sound of a sarrow.",
                                   R"(,"chat_template_kwargs":{"enable_thinking":true})"));
  const json::value& message = reply.at_pointer("/choices/0/message");
  EXPECT_FALSE(message.at("content").as_string().empty());
  EXPECT_FALSE(message.at("reasoning_content").as_string().empty());
  EXPECT_EQ(message.at("content").as_string().find("channel"), json::string::npos);
  EXPECT_GT(reply.at_pointer("/usage/completion_tokens_details/reasoning_tokens").to_number<int>(),
            3);
}

TEST(Service, a_budget_ends_a_thought) {
  const json::value reply =
      nano().post("/v1/chat/completions",
                  chat("Tell me the sound of a sarrow.",
                       R"(,"chat_template_kwargs":{"enable_thinking":true},"thinking_budget":4)"));
  const int thought =
      reply.at_pointer("/usage/completion_tokens_details/reasoning_tokens").to_number<int>();
  EXPECT_LE(thought, 5);  // the token that opens the thought counts as thought too
  EXPECT_GT(thought, 0);
  EXPECT_FALSE(text_of(reply).empty());
}

TEST(Service, calls_are_parsed_and_results_answered) {
  const json::value reply = nano().post("/v1/chat/completions", chat(kPlay, kTools));
  EXPECT_EQ(reply.at_pointer("/choices/0/finish_reason"), "tool_calls");
  const json::value& function = reply.at_pointer("/choices/0/message/tool_calls/0/function");
  EXPECT_EQ(function.at("name"), "play_music");
  EXPECT_EQ(json::parse(json::value_to<std::string>(function.at("arguments"))),
            json::parse(R"({"track":"tall broom","loudness":50})"));
}

TEST(Service, tool_choice_is_kept) {
  const json::value none = nano().post(
      "/v1/chat/completions", chat(kPlay, std::string(kTools) + R"(,"tool_choice":"none")"));
  EXPECT_FALSE(none.at_pointer("/choices/0/message").as_object().contains("tool_calls"));
  for (const char* choice :
       {R"("required")", R"({"type":"function","function":{"name":"play_music"}})"}) {
    const json::value forced = nano().post(
        "/v1/chat/completions",
        chat("Hello! Who are you?", fmt::format(R"({},"tool_choice":{})", kTools, choice)));
    EXPECT_EQ(forced.at_pointer("/choices/0/message/tool_calls/0/function/name"), "play_music");
  }
}

TEST(Service, one_call_ends_a_reply_that_may_hold_only_one) {
  constexpr std::string_view kTwo =
      R"(play the song \"tall broom\" at 50. And also: play the song \"big shell\" at 82)";
  const json::value both = nano().post("/v1/chat/completions", chat(kTwo, kTools));
  ASSERT_EQ(both.at_pointer("/choices/0/message/tool_calls").as_array().size(), 2u);
  const json::value one = nano().post(
      "/v1/chat/completions", chat(kTwo, std::string(kTools) + R"(,"parallel_tool_calls":false)"));
  EXPECT_EQ(one.at_pointer("/choices/0/message/tool_calls").as_array().size(), 1u);
  EXPECT_EQ(one.at_pointer("/choices/0/finish_reason"), "tool_calls");
  EXPECT_LT(one.at_pointer("/usage/completion_tokens").to_number<int>(),
            both.at_pointer("/usage/completion_tokens").to_number<int>());
}

TEST(Service, stop_strings_end_the_reply_and_its_request) {
  const json::value reply =
      nano().post("/v1/chat/completions", chat(kQuestion, R"(,"stop":[" = "])"));
  EXPECT_EQ(text_of(reply), "47 + 58");
  EXPECT_EQ(reply.at_pointer("/choices/0/finish_reason"), "stop");
  EXPECT_LT(reply.at_pointer("/usage/completion_tokens").to_number<int>(), 12);
  EXPECT_EQ(nano().engine->state().running, 0u);
  const json::value message =
      nano().post("/v1/messages",
                  R"({"max_tokens":50,"temperature":0,"stop_sequences":[" = "],
          "messages":[{"role":"user","content":"What is 47 + 58?"}]})");
  EXPECT_EQ(message.at("stop_reason"), "stop_sequence");
  EXPECT_EQ(message.at("stop_sequence"), " = ");
}

TEST(Service, replies_are_cut_at_the_tokens_wanted) {
  const json::value reply =
      nano().post("/v1/chat/completions", chat(kQuestion, R"(,"max_tokens":3)"));
  EXPECT_EQ(reply.at_pointer("/choices/0/finish_reason"), "length");
  EXPECT_EQ(reply.at_pointer("/usage/completion_tokens"), 3);
}

TEST(Service, choices_draw_differently_and_each_can_be_had_again) {
  constexpr std::string_view kStory = "Tell me a story about a fox.";
  const std::string warm = R"(,"temperature":1.2,"seed":7,"max_tokens":40)";
  const json::value three = nano().post("/v1/chat/completions", chat(kStory, warm + R"(,"n":3)"));
  ASSERT_EQ(three.at("choices").as_array().size(), 3u);
  EXPECT_NE(three.at_pointer("/choices/0/message"), three.at_pointer("/choices/1/message"));
  EXPECT_NE(three.at_pointer("/choices/1/message"), three.at_pointer("/choices/2/message"));
  const json::value one = nano().post("/v1/chat/completions", chat(kStory, warm));
  EXPECT_EQ(one.at_pointer("/choices/0/message"), three.at_pointer("/choices/0/message"));
  const std::string random = R"(,"temperature":1.2,"max_tokens":40)";
  EXPECT_NE(text_of(nano().post("/v1/chat/completions", chat(kStory, random))),
            text_of(nano().post("/v1/chat/completions", chat(kStory, random))));
}

TEST(Service, streams_of_several_choices_are_told_apart) {
  const auto events = nano().stream("/v1/completions",
                                    R"({"prompt":["A fox","A hen"],"max_tokens":8,"temperature":0,
                            "stream":true})");
  std::vector<std::string> texts(2);
  std::vector<int> ends(2);
  for (const std::string& event : events) {
    if (event == "[DONE]") continue;
    const json::value value = json::parse(event);
    const json::value& choice = value.at_pointer("/choices/0");
    const auto index = choice.at("index").to_number<std::size_t>();
    texts.at(index) += json::value_to<std::string>(choice.at("text"));
    ends[index] += choice.at("finish_reason").is_null() ? 0 : 1;
  }
  EXPECT_EQ(ends, (std::vector<int>{1, 1}));
  const json::value whole = nano().post(
      "/v1/completions", R"({"prompt":["A fox","A hen"],"max_tokens":8,"temperature":0})");
  EXPECT_EQ(whole.at_pointer("/choices/0/text"), json::value(texts[0]));
  EXPECT_EQ(whole.at_pointer("/choices/1/text"), json::value(texts[1]));
}

TEST(Service, log_probabilities_come_with_tokens) {
  const json::value reply =
      nano().post("/v1/chat/completions", chat(kQuestion, R"(,"logprobs":true,"top_logprobs":2)"));
  const json::array& tokens = reply.at_pointer("/choices/0/logprobs/content").as_array();
  std::string text;
  for (const json::value& token : tokens) {
    text += json::value_to<std::string>(token.at("token"));
    EXPECT_LE(token.at("logprob").to_number<double>(), 0.0);
    EXPECT_EQ(token.at("top_logprobs").as_array().size(), 2u);
  }
  EXPECT_EQ(text, kAnswer);
}

TEST(Service, drafts_can_be_refused_by_a_request) {
  const json::value reply =
      nano().post("/v1/chat/completions", chat(kQuestion, R"(,"speculative":{"enabled":false})"));
  EXPECT_EQ(text_of(reply), kAnswer);
  EXPECT_EQ(reply.at_pointer("/usage/speculative/drafted"), 0);
}

TEST(Service, messages_answer_in_blocks) {
  const json::value reply =
      nano().post("/v1/messages", R"({"max_tokens":50,"temperature":0,"messages":
                  [{"role":"user","content":"What is 47 + 58?"}]})");
  EXPECT_EQ(reply.at_pointer("/content/0/text"), json::value(kAnswer));
  EXPECT_EQ(reply.at("stop_reason"), "end_turn");
  const auto events =
      nano().stream("/v1/messages", R"({"max_tokens":50,"temperature":0,"stream":true,"messages":
                    [{"role":"user","content":"What is 47 + 58?"}]})");
  EXPECT_EQ(stream_text(events, "/delta/text"), kAnswer);
  EXPECT_EQ(json::parse(events.back()).at("type"), "message_stop");
  const json::value count =
      nano().post("/v1/messages/count_tokens",
                  R"({"messages":[{"role":"user","content":"What is 47 + 58?"}]})");
  EXPECT_EQ(count.at("input_tokens"), 24);
}

TEST(Service, responses_answer_in_items) {
  const json::value reply =
      nano().post("/v1/responses", R"({"input":"What is 47 + 58?","temperature":0})");
  EXPECT_EQ(reply.at_pointer("/output/0/content/0/text"), json::value(kAnswer));
  EXPECT_EQ(reply.at("status"), "completed");
  const auto events = nano().stream(
      "/v1/responses", R"({"input":"What is 47 + 58?","temperature":0,"stream":true})");
  EXPECT_EQ(json::parse(events.front()).at("type"), "response.created");
  EXPECT_EQ(json::parse(events.back()).at("type"), "response.completed");
}

TEST(Service, llamas_completion_goes_on_from_tokens_as_from_text) {
  const json::value tokens =
      nano().post("/tokenize", R"({"content":"A fox","add_special":true})").at("tokens");
  const json::value from_text = nano().post(
      "/completion",
      R"({"prompt":"A fox","n_predict":8,"temperature":0,"ignore_eos":true,"return_tokens":true})");
  const json::value from_tokens =
      nano().post("/completions",
                  fmt::format(R"({{"prompt":{},"n_predict":8,"temperature":0,"ignore_eos":true}})",
                              json::serialize(tokens)));
  EXPECT_EQ(from_text.at("content"), from_tokens.at("content"));
  EXPECT_EQ(from_text.at("tokens").as_array().size(), 8u);
  EXPECT_EQ(from_text.at("stop_type"), "limit");
}

TEST(Service, tokens_and_text_become_each_other) {
  const json::value tokens =
      nano().post("/tokenize", R"({"content":"tall broom","with_pieces":true})").at("tokens");
  std::string ids;
  for (const json::value& token : tokens.as_array()) {
    if (!ids.empty()) ids += ',';
    ids += json::serialize(token.at("id"));
  }
  EXPECT_EQ(nano().post("/detokenize", fmt::format(R"({{"tokens":[{}]}})", ids)).at("content"),
            "tall broom");
  const json::value outside = nano().post("/detokenize", R"({"tokens":[99999999]})", 400);
  EXPECT_NE(outside.at_pointer("/error/message").as_string().find("99999999"), json::string::npos);
}

TEST(Service, prompts_are_shown) {
  const json::value prompt = nano().post("/apply-template", chat("Hi")).at("prompt");
  EXPECT_EQ(prompt.as_string().find("<bos><|turn>user\nHi<turn|>\n<|turn>model\n"), 0u);
  const json::value chat_render = nano().post("/v1/chat/completions/render", chat("Hi"));
  EXPECT_EQ(chat_render.at("token_ids").as_array().size(),
            nano()
                .post("/tokenize", json::serialize(json::object{{"content", prompt}}))
                .at("tokens")
                .as_array()
                .size());
  const json::value render = nano().post("/v1/completions/render", R"({"prompt":["a","b"]})");
  EXPECT_EQ(render.as_array().size(), 2u);
}

TEST(Service, says_what_is_served) {
  EXPECT_EQ(nano().get("/v1/models").at_pointer("/data/0/id"), "nano");
  EXPECT_EQ(nano().get("/v1/models/nano").at("object"), "model");
  EXPECT_EQ(nano().done("GET", "/v1/models/other")->status, 404);
  EXPECT_EQ(nano().get("/props").at("total_slots"), 2);
  EXPECT_EQ(nano().get("/slots").as_array().size(), 2u);
  EXPECT_EQ(nano().get("/health").at("status"), "ok");
  EXPECT_EQ(nano().get("/health/live").at("status"), "ok");
  EXPECT_EQ(nano().get("/health/ready").at("status"), "ok");
}

// What stands behind the point of each number that has one.
std::vector<std::string> fractions_in(const std::string& text) {
  constexpr const char* kDigits = "0123456789";
  std::vector<std::string> found;
  for (std::size_t at = text.find('.'); at != std::string::npos; at = text.find('.', at + 1)) {
    const std::size_t end = text.find_first_not_of("0123456789E", at + 1);
    if (at == 0 || std::strchr(kDigits, text[at - 1]) == nullptr || end == at + 1) continue;
    found.push_back(text.substr(at + 1, end - at - 1));
  }
  return found;
}

TEST(Service, floats_are_shown_with_their_own_digits_only) {
  EXPECT_NE(nano().done("GET", "/props")->body.find(R"("top_p":0.95,)"), std::string::npos);
  const std::string sampling = R"(,"temperature":0.7,"top_p":0.95,"min_p":0.05,"n":1)";
  const std::vector<std::pair<std::string, std::string>> asked = {
      {"/v1/chat/completions", R"(,"logprobs":true,"top_logprobs":3)"},
      {"/v1/chat/completions", R"(,"logprobs":true,"stream":true)"},
      {"/v1/chat/completions/render", ""},
      {"/v1/responses", R"(,"top_logprobs":2,"input":"Hello")"},
      {"/v1/completions", R"(,"logprobs":2,"prompt":"A")"}};
  for (const auto& [path, fields] : asked) {
    const std::string body = nano().done("POST", path, chat("Hello", sampling + fields))->body;
    const std::vector<std::string> fractions = fractions_in(body);
    EXPECT_FALSE(fractions.empty()) << path << ": " << body;
    for (const std::string& each : fractions) {
      EXPECT_LE(each.size(), 13u) << body;
      EXPECT_EQ(each.find('E'), std::string::npos) << body;
    }
  }
}

TEST(Service, unknown_paths_and_wrong_methods_are_told_in_the_words_of_the_api) {
  const auto unknown = nano().done("GET", "/v1/messages/batches");
  EXPECT_EQ(unknown->status, 404);
  EXPECT_EQ(json::parse(unknown->body).at_pointer("/error/type"), "not_found_error");
  const auto wrong = nano().done("GET", "/v1/chat/completions");
  EXPECT_EQ(wrong->status, 405);
  ASSERT_EQ(wrong->headers.size(), 1u);
  EXPECT_EQ(wrong->headers[0], (std::pair<std::string, std::string>("Allow", "POST")));
  EXPECT_EQ(nano().done("POST", "/health")->status, 405);
  EXPECT_EQ(nano().done("HEAD", "/health")->status, 200);
}

TEST(Service, what_cannot_be_done_is_refused_before_any_work) {
  std::string lengthy;
  for (int i = 0; i < 2000; ++i) lengthy += "fox ";
  const json::value too_long = nano().post("/v1/chat/completions", chat(lengthy), 400);
  EXPECT_NE(too_long.at_pointer("/error/message").as_string().find("1024"), json::string::npos);
  const json::value outside = nano().post("/v1/completions", R"({"prompt":[2,99999999]})", 400);
  EXPECT_NE(outside.at_pointer("/error/message").as_string().find("99999999"), json::string::npos);
  const json::value bad = nano().post("/v1/chat/completions", "{", 400);
  EXPECT_EQ(bad.at_pointer("/error/type"), "invalid_request_error");
  const json::value stream =
      nano().post("/v1/chat/completions", chat(lengthy, R"(,"stream":true)"), 400);
  EXPECT_TRUE(stream.at("error").is_object());
}

TEST(Service, a_client_that_hangs_up_frees_its_slot) {
  const auto exchange =
      nano().ask("POST", "/v1/completions",
                 R"({"prompt":"A","max_tokens":1000,"ignore_eos":true,"stream":true})");
  while (exchange->writes < 2) exchange->run_one();
  EXPECT_EQ(nano().engine->state().running, 1u);
  exchange->hang_up();
  const std::string before = exchange->body;
  while (nano().engine->state().running > 0) std::this_thread::yield();
  EXPECT_EQ(exchange->body, before);
  EXPECT_FALSE(exchange->is_done);
}

TEST(Service, a_client_that_does_not_read_is_cut) {
  TestServer server = nano_server(1, {}, {.unread_bytes = 1000});
  const auto exchange =
      server.ask("POST", "/v1/chat/completions",
                 chat("Tell me a story about a fox.", R"(,"ignore_eos":true,"stream":true)"));
  while (exchange->writes < 2) exchange->run_one();
  exchange->unsent_bytes = 1001;
  exchange->run();
  EXPECT_NE(exchange->body.find("not read in time"), std::string::npos);
  while (server.engine->state().running > 0) std::this_thread::yield();
  EXPECT_EQ(server.engine->state().finished.cancelled, 1u);
}

TEST(Service, a_full_queue_says_when_to_come_back) {
  TestServer server = nano_server(1, {.queue = 1});
  const std::string endless = R"({"prompt":"A","max_tokens":1000,"ignore_eos":true,"stream":true})";
  const auto first = server.ask("POST", "/v1/completions", endless);
  const auto second = server.ask("POST", "/v1/completions", endless);
  const auto third = server.done("POST", "/v1/completions", endless);
  EXPECT_EQ(third->status, 429);
  ASSERT_EQ(third->headers.size(), 1u);
  EXPECT_EQ(third->headers[0].first, "Retry-After");
  EXPECT_EQ(json::parse(third->body).at_pointer("/error/type"), "rate_limit_error");
  first->hang_up();
  second->hang_up();
}

TEST(Service, a_server_that_stops_says_so_to_everybody) {
  TestServer server = nano_server(1);
  const auto streaming =
      server.ask("POST", "/v1/completions",
                 R"({"prompt":"A","max_tokens":1000,"ignore_eos":true,"stream":true})");
  const auto waiting = server.ask("POST", "/v1/completions",
                                  R"({"prompt":"A","max_tokens":1000,"ignore_eos":true})");
  while (streaming->writes < 2) streaming->run_one();
  server.engine->stop();
  streaming->run();
  waiting->run();
  EXPECT_NE(streaming->body.find("the server is stopping"), std::string::npos);
  EXPECT_EQ(waiting->status, 503);
  EXPECT_EQ(server.done("POST", "/v1/completions", R"({"prompt":"A"})")->status, 503);
  EXPECT_EQ(server.done("GET", "/health")->status, 503);
  EXPECT_EQ(server.done("GET", "/health/live")->status, 200);
}

TEST(Service, two_at_once_say_what_each_says_alone) {
  const std::string body = chat("Tell me a story about a fox.",
                                R"(,"temperature":1,"seed":11,"max_tokens":60,"stream":true)");
  const std::string other = chat("Tell me a story about a hen.",
                                 R"(,"temperature":1,"seed":5,"max_tokens":60,"stream":true)");
  const auto alone = nano().stream("/v1/chat/completions", body);
  const auto first = nano().ask("POST", "/v1/chat/completions", body);
  const auto second = nano().ask("POST", "/v1/chat/completions", other);
  first->run();
  second->run();
  EXPECT_EQ(stream_text(TestServer::events(first->body), "/choices/0/delta/content"),
            stream_text(alone, "/choices/0/delta/content"));
  EXPECT_FALSE(stream_text(alone, "/choices/0/delta/content").empty());
}

TEST(Service, metrics_count_what_was_done) {
  TestServer server = nano_server(1);
  static_cast<void>(server.post("/v1/chat/completions", chat(kQuestion)));
  static_cast<void>(server.post("/v1/chat/completions", chat(kQuestion, R"(,"max_tokens":3)")));
  const auto exchange = server.done("GET", "/metrics");
  EXPECT_EQ(exchange->content_type, "text/plain; version=0.0.4; charset=utf-8");
  const auto has = [&](std::string_view line) {
    return exchange->body.find(std::string(line) + "\n") != std::string::npos;
  };
  const std::string label = R"({model_name="nano",engine="0")";
  EXPECT_TRUE(has("vllm:num_requests_running" + label + "} 0"));
  EXPECT_TRUE(has("vllm:request_success_total" + label + R"(,finished_reason="stop"} 1)"));
  EXPECT_TRUE(has("vllm:request_success_total" + label + R"(,finished_reason="length"} 1)"));
  EXPECT_TRUE(has("vllm:time_to_first_token_seconds_count" + label + "} 2"));
  EXPECT_TRUE(has("vllm:time_to_first_token_seconds_bucket" + label + R"(,le="+Inf"} 2)"));
  EXPECT_TRUE(has("vllm:request_prompt_tokens_sum" + label + "} 48"));
  EXPECT_NE(exchange->body.find("vllm:spec_decode_num_accepted_tokens_per_pos_total"),
            std::string::npos);
  EXPECT_NE(exchange->body.find("vllm:cache_config_info" + label + R"(,block_size="64")"),
            std::string::npos);
}

}  // namespace
}  // namespace outrider
