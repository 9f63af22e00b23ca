// OpenAI's responses API: its items become a conversation.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "server/api_conversation.h"
#include "server/api_fields.h"
#include "server/api_request.h"
#include "server/api_sampling.h"

namespace outrider {
namespace {

namespace json = boost::json;

std::optional<ChatRole> role_of(std::string_view name) {
  if (name == "user") return ChatRole::kUser;
  if (name == "assistant") return ChatRole::kAssistant;
  if (name == "system") return ChatRole::kSystem;
  if (name == "developer") return ChatRole::kDeveloper;
  return std::nullopt;
}

// A string or an array of text parts.
std::string text_of(const ApiFields& item, std::string_view key) {
  const json::value* found = item.find(key);
  if (found != nullptr && found->is_string()) return copy_text(found->get_string());
  item.require(key);
  return joined_texts(item, key,
                      {"input_text", "output_text", "text", "summary_text", "reasoning_text"});
}

void read_message(const ApiFields& item, Conversation& conversation) {
  std::string name;
  item.require("role");
  item.read("role", name);
  const std::optional<ChatRole> role = role_of(name);
  if (!role) return item.fail("role", "must be user, assistant, system or developer");
  const std::string text = text_of(item, "content");
  if (*role == ChatRole::kAssistant) {
    ChatMessage& open = open_assistant(conversation);
    // Text behind calls opens a message of its own, as a message's own text comes before them.
    ChatMessage& message = open.tool_calls.empty() ? open : conversation.messages.emplace_back();
    message.role = ChatRole::kAssistant;
    return append_text(message, text);
  }
  ChatMessage& message = conversation.messages.emplace_back();
  message.role = *role;
  message.content = text;
}

void read_call(const ApiFields& item, Conversation& conversation) {
  ChatToolCall call;
  std::string text;
  item.require("name");
  item.require("call_id");
  item.read("name", call.name);
  item.read("call_id", call.id);
  item.read("arguments", text);
  json::parse_options options;
  options.max_depth = kChatDepthMax;
  json::error_code failure;
  call.arguments = json::object();
  if (!text.empty()) call.arguments = json::parse(text, failure, {}, options);
  if (failure || !call.arguments.is_object()) {
    return item.fail("arguments", "must be a string that holds a JSON object");
  }
  open_assistant(conversation).tool_calls.push_back(std::move(call));
}

void read_call_output(const ApiFields& item, Conversation& conversation) {
  ChatMessage message;
  message.role = ChatRole::kTool;
  item.require("call_id");
  item.read("call_id", message.tool_call_id);
  message.content = text_of(item, "output");
  if (!item.failed() && !is_open_call(conversation, message.tool_call_id.value_or(""))) {
    return item.fail("call_id", "is the id of no call it could answer");
  }
  conversation.messages.push_back(std::move(message));
}

void read_reasoning(const ApiFields& item, Conversation& conversation) {
  const std::string_view key = item.find("content") != nullptr ? "content" : "summary";
  if (item.find(key) == nullptr) return;
  ChatMessage& message = open_assistant(conversation);
  if (!message.reasoning.empty()) message.reasoning.push_back('\n');
  message.reasoning.append(text_of(item, key));
}

void read_item(const ApiFields& item, Conversation& conversation) {
  std::string type = "message";
  item.read("type", type);
  if (type == "message") return read_message(item, conversation);
  if (type == "function_call") return read_call(item, conversation);
  if (type == "function_call_output") return read_call_output(item, conversation);
  if (type == "reasoning") return read_reasoning(item, conversation);
  item.fail("type", fmt::format("is {}, which is not supported", type.substr(0, 40)));
}

void read_input(const ApiFields& fields, Conversation& conversation) {
  fields.require("input");
  const json::value* input = fields.find("input");
  if (input == nullptr) return;
  if (input->is_string()) {
    ChatMessage& message = conversation.messages.emplace_back();
    message.content = copy_text(input->get_string());
    return;
  }
  if (!input->is_array()) return fields.fail("input", "must be a string or an array of items");
  const json::array& items = input->get_array();
  for (std::size_t i = 0; i < items.size() && !fields.failed(); ++i) {
    const std::string name = fmt::format("input[{}]", i);
    if (!items[i].is_object()) return fields.fail(name, "must be an object");
    std::optional<ApiError> error;
    read_item(ApiFields(items[i].get_object(), name, error), conversation);
    if (error) fields.adopt(*error);
  }
  if (items.empty()) fields.fail("input", "must hold at least one item");
}

void read_tools(const ApiFields& fields, Conversation& conversation) {
  const json::array* tools = fields.array("tools");
  if (tools == nullptr) return;
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    if (!(*tools)[i].is_object()) return fields.fail(path, "must be an object");
    std::optional<ApiError> error;
    const ApiFields tool((*tools)[i].get_object(), path, error);
    std::string type;
    std::string name;
    std::string description;
    tool.require("type");
    tool.read("type", type);
    if (!error && type != "function") {
      tool.fail("type",
                fmt::format("is {}, which is not built: it must be function", type.substr(0, 40)));
    }
    tool.require("name");
    tool.read("name", name);
    tool.read("description", description);
    tool.object("parameters");
    if (error) return fields.adopt(*error);
    conversation.tools.push_back(function_tool(name, description, tool.find("parameters")));
  }
}

void read_tool_choice(const ApiFields& fields, ToolChoice& choice) {
  using Kind = ToolChoice::Kind;
  fields.read("parallel_tool_calls", choice.parallel);
  const json::value* found = fields.find("tool_choice");
  if (found == nullptr) return;
  if (*found == "auto") {
    choice.kind = Kind::kAuto;
  } else if (*found == "none") {
    choice.kind = Kind::kNone;
  } else if (*found == "required") {
    choice.kind = Kind::kRequired;
  } else if (found->is_object() && found->get_object().if_contains("name") != nullptr &&
             found->get_object().at("name").is_string()) {
    choice.kind = Kind::kNamed;
    choice.name = copy_text(found->get_object().at("name").get_string());
  } else {
    fields.fail("tool_choice", "must be auto, none, required or name a function");
  }
}

// What is asked for beside the text: of all there is, log-probabilities are the one thing that this
// server has and does not show anyway.
void read_include(const ApiFields& fields, ApiRequest& request) {
  const json::array* include = fields.array("include");
  if (include == nullptr) return;
  for (const json::value& item : *include) {
    if (!item.is_string()) return fields.fail("include", "must hold strings");
    if (item == "message.output_text.logprobs") request.wants_logprobs = true;
  }
}

void read_text_format(const ApiFields& fields) {
  const json::object* text = fields.object("text");
  if (text == nullptr) return;
  std::optional<ApiError> error;
  ApiFields(*text, "text", error).refuse_unless("verbosity", "medium");
  if (error) fields.adopt(*error);
  const json::value* format = text->if_contains("format");
  if (format == nullptr || format->is_null()) return;
  const bool is_text = format->is_object() && format->get_object().if_contains("type") != nullptr &&
                       format->get_object().at("type") == "text";
  if (!is_text) fields.fail("text.format", "is not supported unless its type is text");
}

void read_reasoning_effort(const ApiFields& fields, ThinkingChoice& thinking) {
  const json::object* reasoning = fields.object("reasoning");
  if (reasoning == nullptr) return;
  std::optional<ApiError> error;
  read_effort(ApiFields(*reasoning, "reasoning", error), "effort", thinking);
  if (error) fields.adopt(*error);
}

void read_metadata(const ApiFields& fields, json::object& metadata) {
  const json::object* found = fields.object("metadata");
  if (found == nullptr) return;
  const bool fits = found->size() <= kMetadataPairsMax &&
                    std::all_of(found->begin(), found->end(), [](const auto& pair) {
                      return pair.key().size() <= kMetadataKeyMax && pair.value().is_string() &&
                             pair.value().get_string().size() <= kMetadataValueMax;
                    });
  if (fits) {
    metadata = *found;
    return;
  }
  fields.fail("metadata",
              fmt::format("must hold at most {} strings of at most {} bytes, with names "
                          "of at most {}",
                          kMetadataPairsMax, kMetadataValueMax, kMetadataKeyMax));
}

}  // namespace

ApiResult<ApiRequest> parse_response(std::string_view body, const ApiDefaults& defaults) {
  ApiResult<json::object> object = parse_object(body);
  if (!object) return object.error();
  std::optional<ApiError> error;
  const ApiFields fields(*object, "", error);
  ApiRequest request = request_from(ApiKind::kResponse, defaults);
  fields.read("model", request.model);
  read_sampling(fields, request);
  read_stop(fields, "stop", request);
  fields.read("stream", request.stream);
  fields.read("max_output_tokens", request.tokens_max, 1u, kCountMax);
  fields.read("top_logprobs", request.top_logprobs, 0, kTopLogprobsMax);
  request.wants_logprobs = request.top_logprobs > 0;
  read_include(fields, request);
  read_thinking(fields, request);
  read_reasoning_effort(fields, request.thinking);
  read_text_format(fields);
  fields.refuse({"previous_response_id", "conversation", "prompt", "max_tool_calls"});
  fields.refuse_unless("background", false);
  fields.refuse_unless("truncation", "disabled");
  Conversation conversation;
  fields.read("instructions", request.instructions);
  if (!request.instructions.value_or("").empty()) {
    ChatMessage& message = conversation.messages.emplace_back();
    message.role = ChatRole::kSystem;
    message.content = *request.instructions;
  }
  read_metadata(fields, request.metadata);
  read_input(fields, conversation);
  read_tools(fields, conversation);
  read_tool_choice(fields, request.tool_choice);
  if (!error) check_conversation(fields, conversation, request.tool_choice);
  if (error) return *error;
  request.prompts.emplace_back(std::move(conversation));
  return request;
}

}  // namespace outrider
