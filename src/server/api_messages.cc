// Anthropic's messages API: content blocks become a conversation.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "server/api_conversation.h"
#include "server/api_fields.h"
#include "server/api_request.h"
#include "server/api_sampling.h"

namespace outrider {
namespace {

namespace json = boost::json;

// What a tool returned: text, or blocks of text.
void read_tool_result(const ApiFields& block, Conversation& conversation) {
  ChatMessage message;
  message.role = ChatRole::kTool;
  block.require("tool_use_id");
  block.read("tool_use_id", message.tool_call_id);
  const json::value* content = block.find("content");
  if (content != nullptr && content->is_string()) {
    message.content = copy_text(content->get_string());
  } else {
    message.content = joined_texts(block, "content", {"text"});
  }
  if (!block.failed() && !is_open_call(conversation, message.tool_call_id.value_or(""))) {
    return block.fail("tool_use_id", "is the id of no tool use it could answer");
  }
  conversation.messages.push_back(std::move(message));
}

void read_user_block(const ApiFields& block, std::string_view type, Conversation& conversation) {
  if (type == "tool_result") return read_tool_result(block, conversation);
  if (type != "text") {
    return block.fail("type", fmt::format("is {}, which is not supported here", type));
  }
  std::string text;
  block.require("text");
  block.read("text", text);
  if (conversation.messages.empty() || conversation.messages.back().role != ChatRole::kUser) {
    conversation.messages.emplace_back();
  }
  append_text(conversation.messages.back(), text);
}

void read_assistant_block(const ApiFields& block, std::string_view type,
                          Conversation& conversation) {
  ChatMessage& message = open_assistant(conversation);
  if (type == "text") {
    std::string text;
    block.require("text");
    block.read("text", text);
    append_text(message, text);
  } else if (type == "thinking") {
    std::string thinking;
    block.read("thinking", thinking);
    if (!message.reasoning.empty()) message.reasoning.push_back('\n');
    message.reasoning.append(thinking);
  } else if (type == "tool_use") {
    ChatToolCall call;
    block.require("id");
    block.require("name");
    block.read("id", call.id);
    block.read("name", call.name);
    const json::object* input = block.object("input");
    call.arguments = input == nullptr ? json::object() : *input;
    message.tool_calls.push_back(std::move(call));
  } else if (type != "redacted_thinking") {
    block.fail("type", fmt::format("is {}, which is not supported here", type));
  }
}

void read_blocks(const ApiFields& message, bool is_user, Conversation& conversation) {
  const json::array& blocks = message.find("content")->get_array();
  for (std::size_t i = 0; i < blocks.size() && !message.failed(); ++i) {
    const std::string name = fmt::format("content[{}]", i);
    if (!blocks[i].is_object()) return message.fail(name, "must be an object");
    std::optional<ApiError> error;
    const ApiFields block(blocks[i].get_object(), message.name(name), error);
    std::string type;
    block.require("type");
    block.read("type", type);
    type.resize(std::min<std::size_t>(type.size(), 40));
    if (!error && is_user) read_user_block(block, type, conversation);
    if (!error && !is_user) read_assistant_block(block, type, conversation);
    if (error) message.adopt(*error);
  }
}

void read_message(const ApiFields& message, Conversation& conversation) {
  std::string role;
  message.require("role");
  message.read("role", role);
  message.require("content");
  if (message.failed()) return;
  if (role != "user" && role != "assistant") {
    return message.fail("role", "must be user or assistant");
  }
  const json::value* content = message.find("content");
  if (content->is_array()) {
    // A turn is a message of its own, even beside another of its role.
    const bool is_user = role == "user";
    if (!is_user) conversation.messages.emplace_back().role = ChatRole::kAssistant;
    return read_blocks(message, is_user, conversation);
  }
  if (!content->is_string()) {
    return message.fail("content", "must be a string or an array of blocks");
  }
  ChatMessage& added = conversation.messages.emplace_back();
  added.role = role == "user" ? ChatRole::kUser : ChatRole::kAssistant;
  added.content = copy_text(content->get_string());
}

void read_messages(const ApiFields& fields, Conversation& conversation) {
  fields.require("messages");
  const json::array* messages = fields.array("messages");
  if (messages == nullptr) return;
  if (messages->empty()) fields.fail("messages", "must hold at least one message");
  for (std::size_t i = 0; i < messages->size() && !fields.failed(); ++i) {
    const std::string name = fmt::format("messages[{}]", i);
    if (!(*messages)[i].is_object()) return fields.fail(name, "must be an object");
    std::optional<ApiError> error;
    read_message(ApiFields((*messages)[i].get_object(), name, error), conversation);
    if (error) fields.adopt(*error);
  }
  if (!fields.failed() && conversation.messages.back().role == ChatRole::kAssistant) {
    fields.fail("messages", "must end with a user message: a reply cannot be begun for the model");
  }
}

void read_system(const ApiFields& fields, Conversation& conversation) {
  const json::value* system = fields.find("system");
  if (system == nullptr) return;
  ChatMessage& message = conversation.messages.emplace_back();
  message.role = ChatRole::kSystem;
  message.content = system->is_string() ? copy_text(system->get_string())
                                        : joined_texts(fields, "system", {"text"});
}

void read_tools(const ApiFields& fields, Conversation& conversation) {
  const json::array* tools = fields.array("tools");
  if (tools == nullptr) return;
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    if (!(*tools)[i].is_object()) return fields.fail(path, "must be an object");
    std::optional<ApiError> error;
    const ApiFields tool((*tools)[i].get_object(), path, error);
    std::string type = "custom";
    std::string name;
    std::string description;
    tool.read("type", type);
    if (type != "custom") {
      tool.fail("type",
                fmt::format("is {}, which is not built: it must be custom", type.substr(0, 40)));
    }
    tool.require("name");
    tool.read("name", name);
    tool.read("description", description);
    tool.require("input_schema");
    tool.object("input_schema");
    if (error) return fields.adopt(*error);
    conversation.tools.push_back(function_tool(name, description, tool.find("input_schema")));
  }
}

void read_tool_choice(const ApiFields& fields, ToolChoice& choice) {
  using Kind = ToolChoice::Kind;
  const json::object* object = fields.object("tool_choice");
  if (object == nullptr) return;
  std::optional<ApiError> error;
  const ApiFields inner(*object, "tool_choice", error);
  std::string type;
  inner.require("type");
  inner.read("type", type);
  bool disable_parallel = false;
  inner.read("disable_parallel_tool_use", disable_parallel);
  choice.parallel = !disable_parallel;
  if (type == "any") {
    choice.kind = Kind::kRequired;
  } else if (type == "none") {
    choice.kind = Kind::kNone;
  } else if (type == "tool") {
    choice.kind = Kind::kNamed;
    inner.require("name");
    inner.read("name", choice.name);
  } else if (type != "auto") {
    inner.fail("type", "must be auto, any, tool or none");
  }
  if (error) fields.adopt(*error);
}

void read_thinking_block(const ApiFields& fields, ThinkingChoice& thinking) {
  const json::object* object = fields.object("thinking");
  if (object == nullptr) return;
  std::optional<ApiError> error;
  const ApiFields inner(*object, "thinking", error);
  std::string type;
  inner.require("type");
  inner.read("type", type);
  if (type == "enabled") inner.require("budget_tokens");
  if (type != "enabled" && type != "adaptive" && type != "disabled") {
    inner.fail("type", "must be enabled, adaptive or disabled");
  }
  inner.read("budget_tokens", thinking.budget, 0u, kCountMax);
  thinking.enabled = type != "disabled";
  if (error) fields.adopt(*error);
}

ApiResult<ApiRequest> parse(std::string_view body, const ApiDefaults& defaults, bool is_count) {
  ApiResult<json::object> object = parse_object(body);
  if (!object) return object.error();
  std::optional<ApiError> error;
  const ApiFields fields(*object, "", error);
  ApiRequest request = request_from(ApiKind::kMessage, defaults);
  fields.read("model", request.model);
  if (!is_count) fields.require("max_tokens");
  fields.read("max_tokens", request.tokens_max, 1u, kCountMax);
  read_sampling(fields, request);
  fields.array("stop_sequences");
  read_stop(fields, "stop_sequences", request);
  fields.read("stream", request.stream);
  read_thinking_block(fields, request.thinking);
  fields.refuse({"mcp_servers", "container", "output_format"});
  if (const json::object* output = fields.object("output_config")) {
    if (output->if_contains("format") != nullptr && !output->at("format").is_null()) {
      fields.fail("output_config.format", "is not supported");
    }
  }
  Conversation conversation;
  read_system(fields, conversation);
  read_messages(fields, conversation);
  read_tools(fields, conversation);
  read_tool_choice(fields, request.tool_choice);
  if (!error) check_conversation(fields, conversation, request.tool_choice);
  if (error) return *error;
  request.prompts.emplace_back(std::move(conversation));
  return request;
}

}  // namespace

ApiResult<ApiRequest> parse_message(std::string_view body, const ApiDefaults& defaults) {
  return parse(body, defaults, false);
}

ApiResult<ApiRequest> parse_count_tokens(std::string_view body, const ApiDefaults& defaults) {
  return parse(body, defaults, true);
}

}  // namespace outrider
