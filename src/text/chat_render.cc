#include <boost/json.hpp>
#include <cstddef>

#include "text/chat.h"
#include "text/chat_declaration.h"
#include "text/chat_syntax.h"

namespace outrider {
namespace {

namespace json = boost::json;

constexpr std::string_view kOpenChannel = "<|channel>";
constexpr std::string_view kCloseChannel = "<channel|>";
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

bool is_system(const ChatMessage& message) {
  return message.role == ChatRole::kSystem || message.role == ChatRole::kDeveloper;
}

// Removes earlier thoughts from a model's text: of each stretch up to a `<channel|>` what follows a
// `<|channel>`. An unclosed thought goes too.
std::string strip_thoughts(std::string_view text) {
  std::string kept;
  for (;;) {
    const std::size_t close = text.find(kCloseChannel);
    const std::string_view stretch = text.substr(0, close);
    kept += stretch.substr(0, stretch.find(kOpenChannel));
    if (close == std::string_view::npos) break;
    text.remove_prefix(close + kCloseChannel.size());
  }
  return std::string(trim_unicode(kept));
}

// One rendering. May and July are told apart where they differ; everything else is common to both.
class Renderer {
 public:
  Renderer(const Conversation& conversation, const ChatOptions& options)
      : messages_(conversation.messages),
        tools_(conversation.tools),
        options_(options),
        syntax_(out_, options.revision),
        declaration_(out_, options.revision) {
    find_media();
  }

  std::vector<ChatSegment> render() {
    out_.control("<bos>");
    system_turn();
    for (std::size_t i = first_; i < messages_.size(); ++i) {
      if (messages_[i].role == ChatRole::kUser) last_user_ = i;
    }
    for (std::size_t i = first_; i < messages_.size(); ++i) {
      if (messages_[i].role != ChatRole::kTool) message(i);
    }
    if (options_.add_generation_prompt) generation_prompt();
    return std::move(out_).take();
  }

 private:
  // What a message rendered last, as far as its end depends on it.
  enum class Last { kOther, kCall, kResponse };

  bool july() const { return options_.revision == ChatRevision::kJuly; }
  bool is_assistant(std::size_t i) const {
    return i != kNone && messages_[i].role == ChatRole::kAssistant;
  }

  // The nearest message before or after `i` that is no tool result and no opening system message.
  std::size_t previous_turn(std::size_t i) const {
    while (i-- > first_) {
      if (messages_[i].role != ChatRole::kTool) return i;
    }
    return kNone;
  }
  std::size_t next_turn(std::size_t i) const {
    while (++i < messages_.size()) {
      if (messages_[i].role != ChatRole::kTool) return i;
    }
    return kNone;
  }

  void find_media();
  void system_turn();
  void system_text(const ChatContent& content);
  void message(std::size_t i);
  void reasoning(std::size_t i);
  void calls(const ChatMessage& message);
  bool responses(std::size_t i);
  void tool_result(std::size_t call_message, std::size_t i, std::size_t nth);
  std::string_view result_name(const ChatMessage& caller, const ChatMessage& result,
                               std::size_t nth) const;
  bool content(std::size_t i);
  bool text(const ChatMessage& message, std::string_view text);
  void media(ChatPart::Kind kind, std::size_t index);
  void end_of_message(std::size_t i, bool has_responses, bool has_content);
  void generation_prompt();
  void open_model_turn();

  const std::vector<ChatMessage>& messages_;
  const std::vector<json::value>& tools_;
  const ChatOptions& options_;
  ChatWriter out_;
  ChatSyntax syntax_;
  ChatDeclaration declaration_;
  std::vector<std::size_t> media_before_;  // [messages] media parts in the messages before each
  std::size_t first_ = 0;                  // the first message that is not part of the system turn
  std::size_t last_user_ = kNone;
  Last last_ = Last::kOther;
  bool turn_closed_ = true;
};

void Renderer::find_media() {
  std::size_t count = 0;
  for (const ChatMessage& message : messages_) {
    media_before_.push_back(count);
    const auto* parts = std::get_if<std::vector<ChatPart>>(&message.content);
    if (parts == nullptr) continue;
    for (const ChatPart& part : *parts) count += part.kind == ChatPart::Kind::kText ? 0 : 1;
  }
}

void Renderer::system_turn() {
  const bool has_system = !messages_.empty() && is_system(messages_.front());
  if (!options_.enable_thinking && tools_.empty() && !has_system) return;
  out_.control("<|turn>");
  out_.plain("system\n");
  if (options_.enable_thinking) {
    out_.control("<|think|>");
    out_.plain("\n");
  }
  if (has_system) {
    system_text(messages_.front().content);
    first_ = 1;
  }
  for (const json::value& tool : tools_) {
    out_.control("<|tool>");
    declaration_.write(tool);
    out_.control("<tool|>");
  }
  out_.control("<turn|>");
  out_.plain("\n");
}

// Parts end in a space each, in both revisions: May's own template would print the list as Python
// source, which nobody can have meant.
void Renderer::system_text(const ChatContent& content) {
  if (const auto* text = std::get_if<std::string>(&content)) out_.plain(trim_unicode(*text));
  const auto* parts = std::get_if<std::vector<ChatPart>>(&content);
  if (parts == nullptr) return;
  for (const ChatPart& part : *parts) {
    out_.plain(trim_unicode(part.text));
    out_.plain(" ");
  }
}

void Renderer::message(std::size_t i) {
  const ChatMessage& message = messages_[i];
  last_ = Last::kOther;
  const bool continues = message.role == ChatRole::kAssistant && is_assistant(previous_turn(i));
  if (!continues) {
    // A later developer message becomes a system turn: the template would print "developer", a role
    // the model has never seen.
    out_.control("<|turn>");
    out_.plain(message.role == ChatRole::kAssistant ? "model\n"
               : is_system(message)                 ? "system\n"
                                                    : "user\n");
  }
  turn_closed_ = false;
  reasoning(i);
  calls(message);
  const bool has_responses = responses(i);
  const bool has_content = content(i);
  end_of_message(i, has_responses, has_content);
}

void Renderer::reasoning(std::size_t i) {
  const ChatMessage& message = messages_[i];
  if (message.reasoning.empty()) return;
  const bool is_current = last_user_ == kNone || i > last_user_;
  const bool has_calls = !message.tool_calls.empty();
  const bool shown =
      july() ? is_current || (options_.preserve_thinking && has_calls) : is_current && has_calls;
  if (!shown) return;
  out_.control(kOpenChannel);
  out_.plain("thought\n");
  out_.plain(message.reasoning);
  out_.plain("\n");
  out_.control(kCloseChannel);
}

void Renderer::calls(const ChatMessage& message) {
  for (const ChatToolCall& call : message.tool_calls) {
    out_.control("<|tool_call>");
    out_.plain("call:");
    out_.plain(call.name);
    out_.plain("{");
    if (const json::object* fields = call.arguments.if_object()) {
      syntax_.fields(*fields, ChatSyntax::Keys::kBare);
    } else if (const json::string* raw = call.arguments.if_string()) {
      out_.plain({raw->data(), raw->size()});
    }
    out_.plain("}");
    out_.control("<tool_call|>");
    last_ = Last::kCall;
  }
}

// Results come from the message itself, or from the tool messages right behind it.
bool Renderer::responses(std::size_t i) {
  const ChatMessage& message = messages_[i];
  for (const ChatToolResponse& response : message.tool_responses) {
    syntax_.response(response.name.empty() ? "unknown" : response.name, response.response);
    last_ = Last::kResponse;
  }
  if (!message.tool_responses.empty()) return true;
  if (message.tool_calls.empty()) return false;
  std::size_t nth = 0;
  for (std::size_t k = i + 1; k < messages_.size(); ++k, ++nth) {
    if (messages_[k].role != ChatRole::kTool) break;
    tool_result(i, k, nth);
    last_ = Last::kResponse;
  }
  return nth > 0;
}

// The call with the result's id names it. Without an id the template would take the last call that
// has none either, or fail; decided: the result's own name, else the call in the same place.
std::string_view Renderer::result_name(const ChatMessage& caller, const ChatMessage& result,
                                       std::size_t nth) const {
  const ChatToolCall* found = nullptr;
  for (const ChatToolCall& call : caller.tool_calls) {
    if (result.tool_call_id.has_value() && call.id == result.tool_call_id) found = &call;
  }
  if (found != nullptr) return found->name;
  if (!result.name.empty()) return result.name;
  const bool in_place = !result.tool_call_id.has_value() && nth < caller.tool_calls.size();
  return in_place ? std::string_view(caller.tool_calls[nth].name) : "unknown";
}

void Renderer::tool_result(std::size_t call_message, std::size_t i, std::size_t nth) {
  const ChatMessage& message = messages_[i];
  const std::string_view name = result_name(messages_[call_message], message, nth);
  if (const auto* text = std::get_if<std::string>(&message.content)) {
    return syntax_.response(name, json::string(*text));
  }
  if (const auto* any = std::get_if<json::value>(&message.content)) {
    return syntax_.response(name, *any);
  }
  const auto* parts = std::get_if<std::vector<ChatPart>>(&message.content);
  if (parts == nullptr) return syntax_.response(name, nullptr);
  json::string joined;
  for (const ChatPart& part : *parts) joined.append(part.text);
  syntax_.response(name, joined);
  if (!july()) return;  // May leaves a result's media out
  std::size_t index = media_before_[i];
  for (const ChatPart& part : *parts) {
    if (part.kind != ChatPart::Kind::kText) media(part.kind, index++);
  }
}

void Renderer::media(ChatPart::Kind kind, std::size_t index) {
  out_.media(kind == ChatPart::Kind::kImage   ? "<|image|>"
             : kind == ChatPart::Kind::kAudio ? "<|audio|>"
                                              : "<|video|>",
             index);
}

// Writes one text of a message; true if anything is left of it.
bool Renderer::text(const ChatMessage& message, std::string_view text) {
  if (message.role != ChatRole::kAssistant) {
    out_.plain(trim_unicode(text));
    return !trim_unicode(text).empty();
  }
  const std::string kept = strip_thoughts(text);
  out_.plain(kept);
  return !kept.empty();
}

// Writes a message's content; true if the message counts as having some. May asks before thoughts
// and spaces are taken off, July after.
bool Renderer::content(std::size_t i) {
  const ChatMessage& message = messages_[i];
  if (const auto* whole = std::get_if<std::string>(&message.content)) {
    const bool is_left = text(message, *whole);
    return july() ? is_left : !whole->empty();
  }
  const auto* parts = std::get_if<std::vector<ChatPart>>(&message.content);
  if (parts == nullptr) return false;
  bool is_left = false;
  std::size_t index = media_before_[i];
  for (const ChatPart& part : *parts) {
    if (part.kind == ChatPart::Kind::kText) {
      is_left |= text(message, part.text);
      continue;
    }
    media(part.kind, index++);
    is_left = true;
    if (!july()) last_ = Last::kOther;  // a picture in the turn hides May's calls from its end
  }
  return july() ? is_left : !parts->empty();
}

void Renderer::end_of_message(std::size_t i, bool has_responses, bool has_content) {
  if (last_ == Last::kCall && !has_responses) {
    out_.control("<|tool_response>");
    return;
  }
  const std::size_t next = next_turn(i);
  if (july()) {
    if (is_assistant(i) && is_assistant(next)) return;
    if (has_responses && !has_content && next == kNone) return;
  } else if (has_responses && !has_content) {
    return;
  }
  out_.control("<turn|>");
  out_.plain("\n");
  turn_closed_ = true;
}

void Renderer::open_model_turn() {
  out_.control("<|turn>");
  out_.plain("model\n");
  if (options_.enable_thinking || options_.family == ChatFamily::kSmall) return;
  out_.control(kOpenChannel);
  out_.plain("thought\n");
  out_.control(kCloseChannel);
}

void Renderer::generation_prompt() {
  if (last_ == Last::kOther) return open_model_turn();
  if (turn_closed_ && options_.reopen_closed_turn) return open_model_turn();
  if (last_ == Last::kResponse && july() && options_.enable_thinking) {
    out_.control(kOpenChannel);
    out_.plain("thought\n");
  }
}

}  // namespace

std::vector<ChatSegment> render_chat(const Conversation& conversation, const ChatOptions& options) {
  return Renderer(conversation, options).render();
}

std::string render_to_string(const Conversation& conversation, const ChatOptions& options) {
  std::string joined;
  for (const ChatSegment& segment : render_chat(conversation, options)) joined += segment.text;
  return joined;
}

std::optional<ChatTemplateKind> detect_family(std::string_view chat_template) {
  const std::size_t generation = chat_template.rfind("add_generation_prompt");
  if (generation == std::string_view::npos) return std::nullopt;
  if (chat_template.find("<|turn>") == std::string_view::npos) return std::nullopt;
  // The line break stands as backslash and n in the source; one written out would do as well.
  const std::string_view tail = chat_template.substr(generation);
  const bool is_large = tail.find("<|channel>thought\\n<channel|>") != std::string_view::npos ||
                        tail.find("<|channel>thought\n<channel|>") != std::string_view::npos;
  // Only July knows this option; everything before it is rendered as May.
  const bool is_july = chat_template.find("preserve_thinking") != std::string_view::npos;
  return ChatTemplateKind{is_large ? ChatFamily::kLarge : ChatFamily::kSmall,
                          is_july ? ChatRevision::kJuly : ChatRevision::kMay};
}

}  // namespace outrider
