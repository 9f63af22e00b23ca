// OpenAI's chat completions and completions, and llama-server's /apply-template.
#include <boost/json.hpp>

#include "server/api_fields.h"
#include "server/api_request.h"
#include "server/api_sampling.h"

namespace outrider {
namespace {

namespace json = boost::json;

void read_tool_choice(const ApiFields& fields, ToolChoice& choice) {
  using Kind = ToolChoice::Kind;
  constexpr std::string_view kWanted = "must be auto, none, required or name a function";
  fields.read("parallel_tool_calls", choice.parallel);
  const json::value* found = fields.find("tool_choice");
  if (found == nullptr) return;
  if (const json::string* text = found->if_string()) {
    if (*text == "auto") {
      choice.kind = Kind::kAuto;
    } else if (*text == "none") {
      choice.kind = Kind::kNone;
    } else if (*text == "required") {
      choice.kind = Kind::kRequired;
    } else {
      fields.fail("tool_choice", kWanted);
    }
    return;
  }
  const json::object* object = found->if_object();
  const json::value* function = object == nullptr ? nullptr : object->if_contains("function");
  const json::value* name = function == nullptr || !function->is_object()
                                ? nullptr
                                : function->get_object().if_contains("name");
  if (name == nullptr || !name->is_string()) return fields.fail("tool_choice", kWanted);
  choice.kind = Kind::kNamed;
  choice.name = copy_text(name->get_string());
}

void read_response_format(const ApiFields& fields) {
  const json::object* format = fields.object("response_format");
  if (format == nullptr) return;
  const json::value* type = format->if_contains("type");
  if (type != nullptr && type->is_string() && type->get_string() == "text") return;
  fields.fail("response_format", "is not supported unless its type is text");
}

void read_chat_logprobs(const ApiFields& fields, ApiRequest& request) {
  fields.read("logprobs", request.wants_logprobs);
  if (fields.find("top_logprobs") == nullptr) return;
  fields.read("top_logprobs", request.top_logprobs, 0, kTopLogprobsMax);
  if (!request.wants_logprobs) fields.fail("top_logprobs", "needs logprobs to be true");
}

void read_conversation(const json::object& object, const ApiFields& fields, ApiRequest& request) {
  if (fields.failed()) return;
  fields.require("messages");
  if (fields.failed()) return;
  Result<Conversation> conversation = conversation_from_json(object);
  if (!conversation) {
    // The message begins with the field's name.
    const std::string& message = conversation.error().message;
    return fields.adopt({400, message, message.substr(0, message.find(' '))});
  }
  check_conversation(fields, *conversation, request.tool_choice);
  request.prompts.emplace_back(*std::move(conversation));
}

void read_reply_limit(const ApiFields& fields, ApiRequest& request) {
  for (const char* key : {"max_tokens", "max_completion_tokens", "n_predict"}) {
    const json::value* found = fields.find(key);
    if (found != nullptr && found->is_int64() && found->get_int64() == -1) continue;  // no limit
    fields.read(key, request.tokens_max, 1u, kCountMax);
  }
}

}  // namespace

ApiResult<ApiRequest> parse_chat(std::string_view body, const ApiDefaults& defaults) {
  ApiResult<json::object> object = parse_object(body);
  if (!object) return object.error();
  std::optional<ApiError> error;
  const ApiFields fields(*object, "", error);
  ApiRequest request = request_from(ApiKind::kChat, defaults);
  fields.read("model", request.model);
  read_sampling(fields, request);
  read_stop(fields, "stop", request);
  read_stream(fields, request);
  read_thinking(fields, request);
  read_reply_limit(fields, request);
  read_chat_logprobs(fields, request);
  fields.read("n", request.choices, 1, kChoicesMax);
  read_tool_choice(fields, request.tool_choice);
  read_response_format(fields);
  fields.refuse({"functions", "function_call", "audio", "web_search_options", "prediction",
                 "chat_template", "documents", "images"});
  fields.refuse_unless("modalities", json::array{"text"});
  fields.refuse_unless("echo", false);
  fields.refuse_unless("best_of", 1);
  fields.refuse_unless("n_probs", 0);
  fields.refuse_unless("verbosity", "medium");
  fields.refuse_unless("continue_final_message", false);
  fields.refuse_unless("add_generation_prompt", true);
  read_conversation(*object, fields, request);
  if (error) return *error;
  return request;
}

ApiResult<ApiRequest> parse_apply_template(std::string_view body, const ApiDefaults& defaults) {
  ApiResult<ApiRequest> request = parse_chat(body, defaults);
  if (request) request->kind = ApiKind::kLlama;
  return request;
}

ApiResult<ApiRequest> parse_completion(std::string_view body, const ApiDefaults& defaults) {
  ApiResult<json::object> object = parse_object(body);
  if (!object) return object.error();
  std::optional<ApiError> error;
  const ApiFields fields(*object, "", error);
  ApiRequest request = request_from(ApiKind::kCompletion, defaults);
  request.thinking.enabled = false;
  request.tokens_max = 16;  // OpenAI's default
  fields.read("model", request.model);
  read_sampling(fields, request);
  read_stop(fields, "stop", request);
  read_stream(fields, request);
  read_reply_limit(fields, request);
  if (fields.find("logprobs") != nullptr) {
    fields.read("logprobs", request.top_logprobs, 0, kTopLogprobsMax);
    request.wants_logprobs = true;
  }
  fields.read("n", request.choices, 1, kChoicesMax);
  fields.refuse({"suffix", "prompt_embeds"});
  fields.refuse_unless("echo", false);
  fields.refuse_unless("best_of", request.choices);
  fields.refuse_unless("response_format", json::object{{"type", "text"}});
  read_prompts(fields, request);
  check_choices(fields, request);
  if (error) return *error;
  return request;
}

}  // namespace outrider
