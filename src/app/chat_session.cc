#include "app/chat_session.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>

namespace outrider {
namespace {

namespace json = boost::json;

const char* name_of(ChatRole role) {
  switch (role) {
    case ChatRole::kSystem:
    case ChatRole::kDeveloper:
      return "system";
    case ChatRole::kAssistant:
      return "assistant";
    case ChatRole::kTool:
      return "tool";
    case ChatRole::kUser:
      break;
  }
  return "user";
}

std::string text_of(const ChatMessage& message) {
  const auto* text = std::get_if<std::string>(&message.content);
  return text != nullptr ? *text : std::string();
}

// As chat APIs and `outrider generate --messages` take it.
json::object as_json(const Conversation& conversation) {
  json::array messages;
  for (const ChatMessage& message : conversation.messages) {
    json::object entry{{"role", name_of(message.role)}, {"content", text_of(message)}};
    if (!message.reasoning.empty()) entry["reasoning"] = message.reasoning;
    messages.push_back(std::move(entry));
  }
  return {{"messages", std::move(messages)}};
}

Result<Conversation> read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return Error{ErrorCode::kBadRequest, fmt::format("cannot read {}", path)};
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  json::error_code failure;
  const json::value value = json::parse(text, failure);
  if (failure) {
    return Error{ErrorCode::kBadRequest,
                 fmt::format("{} is not JSON: {}", path, failure.message())};
  }
  auto conversation = conversation_from_json(value);
  if (!conversation) return conversation;
  for (const ChatMessage& message : conversation->messages) {
    const bool has_text = std::holds_alternative<std::string>(message.content);
    if (!has_text || message.role == ChatRole::kTool || !message.tool_calls.empty()) {
      return Error{ErrorCode::kBadRequest,
                   fmt::format("{} holds more than text, which a chat here cannot show", path)};
    }
  }
  return conversation;
}

}  // namespace

struct ChatSession::Command {
  std::string_view name, argument, summary;
  Outcome (ChatSession::*run)(std::string_view argument);
};

const ChatSession::Command ChatSession::kCommands[] = {
    {"/help", "", "this list", &ChatSession::help},
    {"/clear", "", "begin a new conversation", &ChatSession::clear},
    {"/system", "TEXT", "begin a new conversation with this system prompt; no TEXT: with none",
     &ChatSession::set_system},
    {"/think", "on|off", "let the model think before it answers", &ChatSession::think},
    {"/retry", "", "answer the last message anew", &ChatSession::retry},
    {"/undo", "", "take back the last message and its answer", &ChatSession::undo},
    {"/save", "FILE", "write the conversation to FILE, as chat APIs take it", &ChatSession::save},
    {"/load", "FILE", "go on with the conversation in FILE", &ChatSession::load},
    {"/quit", "", "leave, as Ctrl-D does", &ChatSession::quit},
};

ChatSession::ChatSession(std::string system, bool thinking)
    : system_(std::move(system)), thinking_(thinking) {
  clear({});
}

ChatSession::Outcome ChatSession::take(const std::string& text) {
  if (text.find_first_not_of(" \t\n") == std::string::npos) return {};
  if (!text.starts_with('/')) {
    say(ChatRole::kUser, text);
    return {Wish::kReply};
  }
  const std::string_view line = text;
  const std::size_t space = line.find_first_of(" \n");
  const std::string_view name = line.substr(0, space);
  std::string_view argument = space == std::string_view::npos ? "" : line.substr(space + 1);
  while (argument.ends_with(' ')) argument.remove_suffix(1);
  for (const Command& command : kCommands) {
    if (command.name == name) return (this->*command.run)(argument);
  }
  return {Wish::kNothing, fmt::format("There is no {}; /help lists what there is.", name)};
}

void ChatSession::add_reply(std::string thought, std::string content) {
  say(ChatRole::kAssistant, std::move(content));
  conversation_.messages.back().reasoning = std::move(thought);
}

void ChatSession::take_back() {
  drop_question();
}

ChatSession::Outcome ChatSession::help(std::string_view) {
  std::string list;
  for (const Command& command : kCommands) {
    list += fmt::format("{:8}{:8}{}\n", command.name, command.argument, command.summary);
  }
  list +=
      "A line that ends in \\ goes on in the next; \"\"\" before and after holds many lines "
      "together.\n"
      "Ctrl-C stops an answer, or forgets what was typed.";
  return {Wish::kNothing, std::move(list)};
}

ChatSession::Outcome ChatSession::clear(std::string_view) {
  conversation_ = {};
  if (!system_.empty()) say(ChatRole::kSystem, system_);
  return {Wish::kNothing, "A new conversation."};
}

ChatSession::Outcome ChatSession::set_system(std::string_view argument) {
  system_ = argument;
  return clear({});
}

ChatSession::Outcome ChatSession::think(std::string_view argument) {
  if (argument == "on" || argument == "off") {
    thinking_ = argument == "on";
  } else if (!argument.empty()) {
    return {Wish::kNothing, "/think takes on or off."};
  }
  return {Wish::kNothing, fmt::format("Thinking is {}.", thinking_ ? "on" : "off")};
}

ChatSession::Outcome ChatSession::retry(std::string_view) {
  if (!drop_reply()) return {Wish::kNothing, "There is no answer to give anew."};
  return {Wish::kReply};
}

ChatSession::Outcome ChatSession::undo(std::string_view) {
  drop_reply();
  if (!drop_question()) return {Wish::kNothing, "There is nothing to take back."};
  return {Wish::kNothing, "Taken back."};
}

ChatSession::Outcome ChatSession::save(std::string_view argument) {
  if (argument.empty()) return {Wish::kNothing, "/save takes a file's name."};
  std::ofstream stream{std::string(argument), std::ios::binary};
  stream << json::serialize(as_json(conversation_)) << '\n';
  stream.close();
  if (!stream) return {Wish::kNothing, fmt::format("Cannot write {}.", argument)};
  return {Wish::kNothing, fmt::format("Written to {}.", argument)};
}

ChatSession::Outcome ChatSession::load(std::string_view argument) {
  if (argument.empty()) return {Wish::kNothing, "/load takes a file's name."};
  auto loaded = read_file(std::string(argument));
  if (!loaded) return {Wish::kNothing, loaded.error().message + "."};
  conversation_ = std::move(*loaded);
  const bool has_system =
      !conversation_.messages.empty() && conversation_.messages.front().role == ChatRole::kSystem;
  system_ = has_system ? text_of(conversation_.messages.front()) : std::string();
  const std::string told = fmt::format("{} messages.", conversation_.messages.size());
  const bool asks =
      !conversation_.messages.empty() && conversation_.messages.back().role == ChatRole::kUser;
  return {asks ? Wish::kReply : Wish::kNothing, told};
}

ChatSession::Outcome ChatSession::quit(std::string_view) {
  return {Wish::kQuit};
}

void ChatSession::say(ChatRole role, std::string content) {
  ChatMessage message;
  message.role = role;
  message.content = std::move(content);
  conversation_.messages.push_back(std::move(message));
}

bool ChatSession::drop_reply() {
  auto& messages = conversation_.messages;
  if (messages.empty() || messages.back().role != ChatRole::kAssistant) return false;
  messages.pop_back();
  return true;
}

bool ChatSession::drop_question() {
  auto& messages = conversation_.messages;
  if (messages.empty() || messages.back().role != ChatRole::kUser) return false;
  messages.pop_back();
  return true;
}

}  // namespace outrider
