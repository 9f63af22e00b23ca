#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstddef>

#include "text/chat.h"

namespace outrider {
namespace {

namespace json = boost::json;

// `path` names a member as its sender wrote it: messages[3].content[0].text
Error bad(const std::string& path, std::string_view complaint) {
  return {ErrorCode::kBadRequest, fmt::format("{} {}", path, complaint)};
}

std::string at(const std::string& path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

// Absent and null mean the same everywhere in the format.
const json::value* find(const json::object& object, json::string_view key) {
  const json::value* found = object.if_contains(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::string copy(const json::string& text) {
  return {text.data(), text.size()};
}

bool is_deeper_than(const json::value& value, std::size_t levels) {
  if (!value.is_structured()) return false;
  if (levels == 0) return true;
  if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) {
      if (is_deeper_than(item, levels - 1)) return true;
    }
    return false;
  }
  for (const json::key_value_pair& pair : value.get_object()) {
    if (is_deeper_than(pair.value(), levels - 1)) return true;
  }
  return false;
}

// A string that may be absent, which leaves `target` as it was.
template <class Text>
Result<void> read_text(const json::object& object, const char* key, const std::string& path,
                       Text& target) {
  const json::value* found = find(object, key);
  if (found == nullptr) return {};
  if (!found->is_string()) return bad(path + "." + key, "must be a string");
  target = copy(found->get_string());
  return {};
}

Result<void> read_name(const json::object& object, const std::string& path, std::string& name) {
  if (Result<void> read = read_text(object, "name", path, name); !read) return read;
  if (name.empty()) return bad(path + ".name", "is missing");
  return {};
}

Result<ChatRole> read_role(const json::object& message, const std::string& path) {
  const json::value* found = find(message, "role");
  if (found == nullptr) return bad(path + ".role", "is missing");
  if (!found->is_string()) return bad(path + ".role", "must be a string");
  const json::string& role = found->get_string();
  if (role == "system") return ChatRole::kSystem;
  if (role == "developer") return ChatRole::kDeveloper;
  if (role == "user") return ChatRole::kUser;
  if (role == "assistant") return ChatRole::kAssistant;
  if (role == "tool") return ChatRole::kTool;
  return bad(path + ".role", "must be system, developer, user, assistant or tool");
}

Result<ChatPart> read_part(const json::value& value, ChatRole role, const std::string& path) {
  using Kind = ChatPart::Kind;
  const json::object* object = value.if_object();
  if (object == nullptr) return bad(path, "must be an object");
  const json::value* type = find(*object, "type");
  if (type == nullptr) return bad(path + ".type", "is missing");
  if (!type->is_string()) return bad(path + ".type", "must be a string");
  const json::string& name = type->get_string();
  ChatPart part;
  if (name == "text") {
    const json::value* text = find(*object, "text");
    if (text == nullptr) return bad(path + ".text", "is missing");
    if (!text->is_string()) return bad(path + ".text", "must be a string");
    part.text = copy(text->get_string());
    return part;
  }
  if (name == "image" || name == "image_url") {
    part.kind = Kind::kImage;
  } else if (name == "audio" || name == "input_audio" || name == "audio_url") {
    part.kind = Kind::kAudio;
  } else if (name == "video" || name == "video_url") {
    part.kind = Kind::kVideo;
  } else {
    return bad(path + ".type", "must be text, image_url, input_audio or video_url");
  }
  // The templates have no place for media in a system turn and would drop them in silence.
  if (role == ChatRole::kSystem || role == ChatRole::kDeveloper) {
    return bad(path, "must be text in a system message");
  }
  part.source = value;
  return part;
}

Result<void> read_content(const json::object& object, const std::string& message_path,
                          ChatMessage& message) {
  const std::string path = message_path + ".content";
  const json::value* content = find(object, "content");
  if (content == nullptr) {
    if (message.role == ChatRole::kAssistant || message.role == ChatRole::kTool) return {};
    return bad(path, "is missing");
  }
  if (const json::string* text = content->if_string()) {
    message.content = copy(*text);
    return {};
  }
  const json::array* array = content->if_array();
  if (array == nullptr) {
    if (message.role != ChatRole::kTool) return bad(path, "must be a string or an array of parts");
    message.content = *content;
    return {};
  }
  std::vector<ChatPart> parts;
  for (std::size_t i = 0; i < array->size(); ++i) {
    Result<ChatPart> part = read_part((*array)[i], message.role, at(path, i));
    if (!part) return part.error();
    parts.push_back(*std::move(part));
  }
  message.content = std::move(parts);
  return {};
}

// OpenAI sends arguments as JSON text, and "" for a call without any.
Result<json::value> read_arguments(const json::object& function, const std::string& path) {
  const json::value* found = find(function, "arguments");
  if (found == nullptr) return json::value();
  if (found->is_object()) return *found;
  const json::string* text = found->if_string();
  if (text == nullptr) return bad(path, "must be an object or a string of JSON");
  if (text->empty()) return json::value(json::object());
  json::parse_options options;
  options.max_depth = kChatDepthMax;
  json::error_code failure;
  json::value parsed = json::parse(*text, failure, {}, options);
  if (failure) return bad(path, "is not JSON: " + failure.message());
  if (!parsed.is_object() && !parsed.is_null()) return bad(path, "must hold a JSON object");
  return parsed;
}

Result<ChatToolCall> read_call(const json::value& value, const std::string& path) {
  const json::object* object = value.if_object();
  if (object == nullptr) return bad(path, "must be an object");
  ChatToolCall call;
  if (Result<void> read = read_text(*object, "id", path, call.id); !read) return read.error();
  const std::string function_path = path + ".function";
  const json::value* function = find(*object, "function");
  if (function == nullptr) return bad(function_path, "is missing");
  if (!function->is_object()) return bad(function_path, "must be an object");
  Result<void> name = read_name(function->get_object(), function_path, call.name);
  if (!name) return name.error();
  Result<json::value> arguments =
      read_arguments(function->get_object(), function_path + ".arguments");
  if (!arguments) return arguments.error();
  call.arguments = *std::move(arguments);
  return call;
}

Result<ChatToolResponse> read_response(const json::value& value, const std::string& path) {
  const json::object* object = value.if_object();
  if (object == nullptr) return bad(path, "must be an object");
  ChatToolResponse response;
  if (Result<void> read = read_text(*object, "name", path, response.name); !read) {
    return read.error();
  }
  const json::value* result = object->if_contains("response");
  if (result == nullptr) return bad(path + ".response", "is missing");
  response.response = *result;
  return response;
}

// The array `key` of a message, each item through `read_item`.
template <class Item, class ReadItem>
Result<void> read_array(const json::object& object, const char* key, const std::string& path,
                        std::vector<Item>& items, ReadItem read_item) {
  const json::value* found = find(object, key);
  if (found == nullptr) return {};
  const std::string array_path = path.empty() ? std::string(key) : path + "." + key;
  const json::array* array = found->if_array();
  if (array == nullptr) return bad(array_path, "must be an array");
  for (std::size_t i = 0; i < array->size(); ++i) {
    Result<Item> item = read_item((*array)[i], at(array_path, i));
    if (!item) return item.error();
    items.push_back(*std::move(item));
  }
  return {};
}

Result<ChatMessage> read_message(const json::value& value, const std::string& path) {
  const json::object* object = value.if_object();
  if (object == nullptr) return bad(path, "must be an object");
  Result<ChatRole> role = read_role(*object, path);
  if (!role) return role.error();
  ChatMessage message;
  message.role = *role;
  if (auto read = read_content(*object, path, message); !read) return read.error();
  if (auto read = read_text(*object, "reasoning_content", path, message.reasoning); !read) {
    return read.error();
  }
  std::string reasoning;  // comes first where both are given, unless it is empty
  if (auto read = read_text(*object, "reasoning", path, reasoning); !read) return read.error();
  if (!reasoning.empty()) message.reasoning = std::move(reasoning);
  if (auto read = read_array(*object, "tool_calls", path, message.tool_calls, read_call); !read) {
    return read.error();
  }
  auto responses =
      read_array(*object, "tool_responses", path, message.tool_responses, read_response);
  if (!responses) return responses.error();
  const bool has_tools = !message.tool_calls.empty() || !message.tool_responses.empty();
  if (has_tools && message.role != ChatRole::kAssistant) {
    return bad(path, "has tool calls or responses but is not an assistant message");
  }
  if (message.role != ChatRole::kAssistant) message.reasoning.clear();
  if (auto read = read_text(*object, "tool_call_id", path, message.tool_call_id); !read) {
    return read.error();
  }
  if (auto read = read_text(*object, "name", path, message.name); !read) return read.error();
  return message;
}

// The templates drop a result that follows no call, and call one by a wrong id "unknown". Both are
// mistakes its sender wants to hear of.
Result<void> check_tool_results(const std::vector<ChatMessage>& messages) {
  const ChatMessage* caller = nullptr;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    if (message.role != ChatRole::kTool) {
      caller = &message;
      continue;
    }
    const std::string path = at("messages", i);
    if (caller == nullptr || caller->tool_calls.empty()) {
      return bad(path, "is a tool result that follows no tool call");
    }
    if (!message.tool_call_id.has_value() || !message.name.empty()) continue;
    bool is_known = false;
    for (const ChatToolCall& call : caller->tool_calls) {
      is_known |= call.id == message.tool_call_id;
    }
    if (!is_known) return bad(path + ".tool_call_id", "is the id of no call it could answer");
  }
  return {};
}

Result<json::value> read_tool(const json::value& value, const std::string& path) {
  const json::object* object = value.if_object();
  if (object == nullptr) return bad(path, "must be an object");
  const std::string function_path = path + ".function";
  const json::value* function = find(*object, "function");
  if (function == nullptr) return bad(function_path, "is missing");
  if (!function->is_object()) return bad(function_path, "must be an object");
  const json::object& fields = function->get_object();
  std::string name;
  if (Result<void> read = read_name(fields, function_path, name); !read) return read.error();
  std::string description;
  if (Result<void> read = read_text(fields, "description", function_path, description); !read) {
    return read.error();
  }
  for (const char* key : {"parameters", "response"}) {
    const json::value* schema = find(fields, key);
    if (schema != nullptr && !schema->is_object()) {
      return bad(function_path + "." + key, "must be an object");
    }
  }
  return value;
}

}  // namespace

Result<Conversation> conversation_from_json(const json::value& request) {
  const json::object* object = request.if_object();
  if (object == nullptr) return bad("the request", "must be an object");
  for (const char* key : {"messages", "tools"}) {
    const json::value* member = object->if_contains(key);
    if (member != nullptr && is_deeper_than(*member, kChatDepthMax)) {
      return bad(key, fmt::format("must not be nested deeper than {} levels", kChatDepthMax));
    }
  }
  Conversation conversation;
  auto messages = read_array(*object, "messages", "", conversation.messages, read_message);
  if (!messages) return messages.error();
  if (conversation.messages.empty()) return bad("messages", "must hold at least one message");
  if (auto checked = check_tool_results(conversation.messages); !checked) return checked.error();
  auto tools = read_array(*object, "tools", "", conversation.tools, read_tool);
  if (!tools) return tools.error();
  return conversation;
}

}  // namespace outrider
