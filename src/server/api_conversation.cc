#include "server/api_conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace outrider {

namespace json = boost::json;

json::value function_tool(std::string name, std::string description, const json::value* schema) {
  json::object function{{"name", name}};
  if (!description.empty()) function["description"] = description;
  if (schema != nullptr) function["parameters"] = *schema;
  return {{"type", "function"}, {"function", std::move(function)}};
}

ChatMessage& open_assistant(Conversation& conversation) {
  if (conversation.messages.empty() || conversation.messages.back().role != ChatRole::kAssistant) {
    conversation.messages.emplace_back().role = ChatRole::kAssistant;
  }
  return conversation.messages.back();
}

bool is_open_call(const Conversation& conversation, std::string_view id) {
  for (auto message = conversation.messages.rbegin(); message != conversation.messages.rend();
       ++message) {
    if (message->role == ChatRole::kTool) continue;
    return std::any_of(message->tool_calls.begin(), message->tool_calls.end(),
                       [&](const ChatToolCall& call) { return call.id == id; });
  }
  return false;
}

void append_text(ChatMessage& message, std::string_view text) {
  if (auto* before = std::get_if<std::string>(&message.content)) {
    before->append("\n").append(text);
  } else {
    message.content = std::string(text);
  }
}

std::string joined_texts(const ApiFields& fields, std::string_view key,
                         std::initializer_list<std::string_view> types) {
  std::string joined;
  const json::value* found = fields.find(key);
  if (found == nullptr) return joined;
  const json::array* array = found->if_array();
  if (array == nullptr) {
    fields.fail(key, "must be a string or an array of text parts");
    return joined;
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string item = fmt::format("{}[{}]", key, i);
    const json::object* object = (*array)[i].if_object();
    if (object == nullptr) {
      fields.fail(item, "must be an object");
      return joined;
    }
    std::optional<ApiError> error;
    const ApiFields part(*object, fields.name(item), error);
    std::string type;
    std::string text;
    part.require("type");
    part.read("type", type);
    if (!error && std::find(types.begin(), types.end(), type) == types.end()) {
      part.fail("type", fmt::format("is {}, which is not supported: it must be {}",
                                    type.substr(0, 40), fmt::join(types, " or ")));
    }
    part.require("text");
    part.read("text", text);
    if (error) {
      fields.adopt(*error);
      return joined;
    }
    if (i > 0) joined.push_back('\n');
    joined.append(text);
  }
  return joined;
}

}  // namespace outrider
