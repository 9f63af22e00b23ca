// llama-server's own endpoints.
#include <boost/json.hpp>

#include "server/api_fields.h"
#include "server/api_request.h"
#include "server/api_sampling.h"

namespace outrider {

namespace json = boost::json;

ApiResult<ApiRequest> parse_llama_completion(std::string_view body, const ApiDefaults& defaults) {
  ApiResult<json::object> object = parse_object(body);
  if (!object) return object.error();
  std::optional<ApiError> error;
  const ApiFields fields(*object, "", error);
  ApiRequest request;
  request.kind = ApiKind::kLlama;
  request.sampling = defaults.sampling;
  fields.read("model", request.model);
  read_sampling(fields, request);
  read_stop(fields, "stop", request);
  fields.read("stream", request.stream);
  fields.read("return_tokens", request.return_tokens);
  fields.read("n_probs", request.top_logprobs, 0, kTopLogprobsMax);
  request.wants_logprobs = request.top_logprobs > 0;
  for (const char* key : {"max_tokens", "n_predict"}) {
    const json::value* found = fields.find(key);
    if (found != nullptr && found->is_int64() && found->get_int64() == -1) continue;  // no limit
    fields.read(key, request.tokens_max, 1u, kCountMax);
  }
  fields.refuse({"image_data", "multimodal_data", "input_prefix", "input_suffix"});
  fields.refuse_unless("n_cmpl", 1);
  read_prompts(fields, request);
  check_choices(fields, request);
  if (error) return *error;
  return request;
}

ApiResult<TokenizeRequest> parse_tokenize(std::string_view body) {
  ApiResult<json::object> object = parse_object(body);
  if (!object) return object.error();
  std::optional<ApiError> error;
  const ApiFields fields(*object, "", error);
  TokenizeRequest request;
  // vLLM's endpoint of this name calls the text prompt.
  const bool is_prompt = fields.find("content") == nullptr && fields.find("prompt") != nullptr;
  const char* key = is_prompt ? "prompt" : "content";
  fields.require(key);
  fields.read(key, request.content);
  fields.read("add_special", request.add_special);
  fields.read("parse_special", request.parse_special);
  fields.read("with_pieces", request.with_pieces);
  if (error) return *error;
  return request;
}

ApiResult<std::vector<TokenId>> parse_detokenize(std::string_view body) {
  ApiResult<json::object> object = parse_object(body);
  if (!object) return object.error();
  std::optional<ApiError> error;
  const ApiFields fields(*object, "", error);
  fields.require("tokens");
  std::vector<TokenId> tokens;
  if (const json::array* array = fields.array("tokens")) {
    for (const json::value& item : *array) {
      const std::optional<TokenId> token = token_from(item);
      if (!token) fields.fail("tokens", "must hold token ids");
      tokens.push_back(token.value_or(TokenId(0)));
    }
  }
  if (error) return *error;
  return tokens;
}

}  // namespace outrider
