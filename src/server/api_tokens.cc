#include "server/api_tokens.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "server/reply_json.h"
#include "text/detokenizer.h"
#include "text/utf8.h"

namespace outrider {
namespace {

namespace json = boost::json;

json::array ids_json(std::span<const TokenId> tokens) {
  json::array ids;
  for (const TokenId token : tokens) ids.emplace_back(token.value());
  return ids;
}

json::value piece_json(std::string_view bytes) {
  std::string text;
  std::string_view rest = bytes;
  if (take_characters(rest, text) == 0 && rest.empty()) return json::value(text);
  json::array numbers;
  for (const char c : bytes) numbers.emplace_back(static_cast<unsigned char>(c));
  return numbers;
}

json::object sampling_json(const ApiRequest& request) {
  const SamplingParams& sampling = request.sampling;
  json::array stop;
  for (const std::string& text : request.stop) stop.emplace_back(text);
  json::value seed;
  if (request.has_seed) seed = sampling.seed;
  json::value limit;
  if (request.tokens_max) limit = *request.tokens_max;
  json::value logprobs;
  if (request.wants_logprobs) logprobs = request.top_logprobs;
  return {{"n", request.choices},
          {"temperature", decimal_of(sampling.temperature)},
          {"top_k", sampling.top_k},
          {"top_p", decimal_of(sampling.top_p)},
          {"min_p", decimal_of(sampling.min_p)},
          {"presence_penalty", decimal_of(sampling.presence_penalty)},
          {"frequency_penalty", decimal_of(sampling.frequency_penalty)},
          {"repetition_penalty", decimal_of(sampling.repeat_penalty)},
          {"seed", std::move(seed)},
          {"stop", std::move(stop)},
          {"max_tokens", std::move(limit)},
          {"logprobs", std::move(logprobs)},
          {"ignore_eos", request.ignore_eos}};
}

}  // namespace

std::string tokenize_body(const Vocabulary& vocabulary, std::span<const TokenId> tokens,
                          bool with_pieces) {
  if (!with_pieces) return json_text(json::object{{"tokens", ids_json(tokens)}});
  json::array pieces;
  for (const TokenId token : tokens) {
    const std::string bytes = decode_bytes(vocabulary, {&token, 1}, {.render_special = true});
    pieces.emplace_back(json::object{{"id", token.value()}, {"piece", piece_json(bytes)}});
  }
  return json_text(json::object{{"tokens", std::move(pieces)}});
}

std::string detokenize_body(const Vocabulary& vocabulary, std::span<const TokenId> tokens) {
  const std::string bytes = decode_bytes(vocabulary, tokens, {.render_special = true});
  return json_text(json::object{{"content", as_text(bytes)}});
}

std::string apply_template_body(const Conversation& conversation, const ChatOptions& options) {
  return json_text(json::object{{"prompt", render_to_string(conversation, options)}});
}

std::string count_tokens_body(std::size_t prompt_tokens) {
  return json_text(json::object{{"input_tokens", prompt_tokens}});
}

std::string render_body(const ApiRequest& request, std::span<const std::vector<TokenId>> prompts,
                        const std::string& id, const std::string& model) {
  const bool is_chat = request.kind == ApiKind::kChat;
  json::array list;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    list.emplace_back(json::object{
        {"request_id", is_chat ? fmt::format("chatcmpl-{}", id) : fmt::format("cmpl-{}-{}", id, i)},
        {"token_ids", ids_json(prompts[i])},
        {"features", nullptr},
        {"sampling_params", sampling_json(request)},
        {"model", model},
        {"stream", request.stream}});
  }
  return json_text(is_chat ? list.front() : json::value(std::move(list)));
}

}  // namespace outrider
