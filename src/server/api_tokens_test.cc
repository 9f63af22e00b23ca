#include "server/api_tokens.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "text/reply_test_vocabulary.h"

namespace outrider {
namespace {

namespace json = boost::json;

TEST(ApiTokens, tokens_and_their_pieces) {
  const Vocabulary& vocabulary = reply_vocabulary();
  const TokenId abc = *vocabulary.find("abc");
  const TokenId byte = vocabulary.byte_token(0xC3);
  const TokenId turn = *vocabulary.find("<|turn>");
  const std::vector<TokenId> tokens = {turn, abc, byte};
  const std::string ids = std::to_string(turn.value()) + "," + std::to_string(abc.value()) + "," +
                          std::to_string(byte.value());
  EXPECT_EQ(tokenize_body(vocabulary, tokens, false), "{\"tokens\":[" + ids + "]}");
  EXPECT_EQ(tokenize_body(vocabulary, tokens, true),
            "{\"tokens\":[{\"id\":" + std::to_string(turn.value()) +
                R"(,"piece":"<|turn>"},{"id":)" + std::to_string(abc.value()) +
                R"(,"piece":"abc"},{"id":)" + std::to_string(byte.value()) +
                R"(,"piece":[195]}]})");
  EXPECT_EQ(detokenize_body(vocabulary, tokens), "{\"content\":\"<|turn>abc\xEF\xBF\xBD\"}");
  EXPECT_EQ(count_tokens_body(7), R"({"input_tokens":7})");
}

TEST(ApiTokens, a_template_is_applied) {
  Conversation conversation;
  conversation.messages.emplace_back().content = std::string("Hi");
  EXPECT_EQ(apply_template_body(conversation, {.family = ChatFamily::kSmall}),
            R"({"prompt":"<bos><|turn>user\nHi<turn|>\n<|turn>model\n"})");
}

TEST(ApiTokens, a_rendered_request_is_what_an_engine_would_be_given) {
  ApiResult<ApiRequest> request = parse_chat(
      R"({"messages":[{"role":"user","content":"Hi"}],"temperature":0,"top_p":0.5,
        "seed":5,"stop":"x",
        "max_tokens":9})",
      {});
  ASSERT_TRUE(request);
  const std::vector<std::vector<TokenId>> prompts = {{TokenId(2), TokenId(4)}, {TokenId(3)}};
  EXPECT_EQ(render_body(*request, std::span(prompts).first(1), "r", "nano"),
            R"({"request_id":"chatcmpl-r","token_ids":[2,4],"features":null,"sampling_params":{)"
            R"("n":1,"temperature":0.0,"top_k":64,"top_p":0.5,"min_p":0.0,)"
            R"("presence_penalty":0.0,"frequency_penalty":0.0,"repetition_penalty":1.0,"seed":5,)"
            R"("stop":["x"],"max_tokens":9,"logprobs":null,"ignore_eos":false},"model":"nano",)"
            R"("stream":false})");
  request->kind = ApiKind::kCompletion;
  const json::value list = json::parse(render_body(*request, prompts, "r", "nano"));
  ASSERT_TRUE(list.is_array());
  EXPECT_EQ(list.at(1).at("request_id"), json::value("cmpl-r-1"));
  EXPECT_EQ(list.at(1).at("token_ids"), json::parse("[3]"));
}

}  // namespace
}  // namespace outrider
