#include "app/prompt_text.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>

#include "text/prompt.h"

namespace outrider {
namespace {

Result<std::string> read_text(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return Error{ErrorCode::kBadRequest, fmt::format("cannot read {}", path)};
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// "2,17,4": ids, separated by commas or spaces.
Result<std::vector<TokenId>> read_ids(const std::string& list) {
  std::vector<TokenId> ids;
  const char* at = list.data();
  const char* const end = at + list.size();
  while (at != end) {
    if (*at == ',' || *at == ' ') {
      ++at;
      continue;
    }
    std::uint32_t id = 0;
    const auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc() || (next != end && *next != ',' && *next != ' ')) {
      return Error{
          ErrorCode::kBadRequest,
          fmt::format("--tokens has {:?} where a token id was expected", std::string(at, end))};
    }
    ids.push_back(TokenId(id));
    at = next;
  }
  if (ids.empty()) return Error{ErrorCode::kBadRequest, "--tokens holds no token ids"};
  return ids;
}

Result<Conversation> read_conversation(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return text.error();
  const std::string source = path == "-" ? "standard input" : path;
  boost::json::error_code failure;
  boost::json::parse_options options;
  options.max_depth = 2 * kChatDepthMax;  // so that our own bound is the one met
  const auto request = boost::json::parse(*text, failure, {}, options);
  if (failure) {
    return Error{ErrorCode::kBadRequest,
                 fmt::format("{} is not JSON: {}", source, failure.message())};
  }
  auto conversation = conversation_from_json(request);
  if (conversation) return conversation;
  const Error& error = conversation.error();
  return Error{error.code, fmt::format("{}: {}", source, error.message)};
}

Conversation conversation_of(const PromptOptions& options, const std::string& text) {
  Conversation conversation;
  const auto say = [&](ChatRole role, const std::string& content) {
    ChatMessage message;
    message.role = role;
    message.content = content;
    conversation.messages.push_back(std::move(message));
  };
  if (!options.system.empty()) say(ChatRole::kSystem, options.system);
  say(ChatRole::kUser, text);
  return conversation;
}

Result<std::vector<TokenId>> chat_tokens(const Tokenizer& tokenizer,
                                         const Conversation& conversation,
                                         const ChatOptions& options) {
  auto prompt = encode_chat(tokenizer, render_chat(conversation, options));
  if (!prompt) return prompt.error();
  return std::move(prompt->tokens);
}

}  // namespace

void add_prompt_options(CLI::App& app, PromptOptions& o) {
  app.add_option("-p,--prompt", o.text, "Text to go on from")->group("Prompt");
  app.add_option("-f,--file", o.file, "File with the prompt; -: standard input")->group("Prompt");
  app.add_option("--messages", o.messages,
                 "File with a conversation to go on with: JSON as chat APIs take it, with messages "
                 "and tools; -: standard input")
      ->group("Prompt");
  app.add_option("--tokens", o.tokens, "Prompt as token ids, as in 2,17,4; nothing is added")
      ->group("Prompt");
  app.add_flag("--chat", o.chat, "Take the prompt as a message and answer it")->group("Prompt");
  app.add_option("--system", o.system, "System prompt; with --chat")->group("Prompt");
  app.add_flag("--thinking", o.thinking, "Let the model think first; with --chat or --messages")
      ->group("Prompt");
}

ChatOptions chat_options_for(const TargetModel& target) {
  ChatOptions options;
  // Models with per-layer inputs are the small ones.
  options.family = target.config.per_layer_width > 0 ? ChatFamily::kSmall : ChatFamily::kLarge;
  const GgufValue* stored = target.file.value("tokenizer.chat_template");
  if (stored != nullptr && stored->string()) {
    if (const auto kind = detect_family(*stored->string())) {
      options.family = kind->family;
      options.revision = kind->revision;
    }
  }
  return options;
}

Result<std::vector<TokenId>> prompt_tokens(const PromptOptions& options, const Tokenizer& tokenizer,
                                           const TargetModel& target) {
  const int sources = (options.text.empty() ? 0 : 1) + (options.file.empty() ? 0 : 1) +
                      (options.messages.empty() ? 0 : 1) + (options.tokens.empty() ? 0 : 1);
  if (sources != 1) {
    return Error{ErrorCode::kBadRequest,
                 "a prompt is needed: one of --prompt, --file, --messages and --tokens"};
  }
  if (!options.tokens.empty()) return read_ids(options.tokens);
  ChatOptions chat = chat_options_for(target);
  chat.enable_thinking = options.thinking;
  if (!options.messages.empty()) {
    const auto conversation = read_conversation(options.messages);
    if (!conversation) return conversation.error();
    return chat_tokens(tokenizer, *conversation, chat);
  }
  std::string text = options.text;
  if (!options.file.empty()) {
    auto read = read_text(options.file);
    if (!read) return read.error();
    text = std::move(*read);
  }
  if (options.chat) {
    return chat_tokens(tokenizer, conversation_of(options, text), chat);
  }
  std::vector<TokenId> tokens = {tokenizer.bos()};
  const std::vector<TokenId> plain = tokenizer.encode(text);
  tokens.insert(tokens.end(), plain.begin(), plain.end());
  return tokens;
}

}  // namespace outrider
