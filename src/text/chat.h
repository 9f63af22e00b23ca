// The chat format of Gemma 4: a conversation in OpenAI's shape becomes the prompt the model was
// trained on, piece by piece, with control tokens kept apart from everything a user can write.
#pragma once
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"

namespace outrider {

// Deepest nesting of a request, a tool's schema or a call's arguments; it bounds our recursion.
inline constexpr std::size_t kChatDepthMax = 64;

enum class ChatRole { kSystem, kDeveloper, kUser, kAssistant, kTool };

struct ChatPart {
  enum class Kind { kText, kImage, kAudio, kVideo };
  Kind kind = Kind::kText;
  std::string text;           // of kText only
  boost::json::value source;  // the part as it came, for whoever fetches and decodes the media
};

struct ChatToolCall {
  std::optional<std::string> id;
  std::string name;
  // An object or null. A string is rendered as it stands between the braces; the loader never
  // leaves one, because models were trained on fields and not on JSON text.
  boost::json::value arguments;
};

// A result stored on the assistant's own message, the shape older Gemma clients use.
struct ChatToolResponse {
  std::string name;
  boost::json::value response;
};

// Nothing, text, parts, or (only of a tool's result) any other JSON value.
using ChatContent =
    std::variant<std::monostate, std::string, std::vector<ChatPart>, boost::json::value>;

struct ChatMessage {
  ChatRole role = ChatRole::kUser;
  ChatContent content;
  std::string reasoning;
  std::vector<ChatToolCall> tool_calls;
  std::vector<ChatToolResponse> tool_responses;
  std::optional<std::string> tool_call_id;
  std::string name;
};

struct Conversation {
  std::vector<ChatMessage> messages;
  std::vector<boost::json::value> tools;  // each {"type": "function", "function": {…}}
};

// Reads {"messages": [...], "tools": [...]}; other members are left to the caller. kBadRequest
// names the member at fault, as in "messages[3].content must be a string or an array of parts".
Result<Conversation> conversation_from_json(const boost::json::value& request);

// Google ships two templates. The large models (12B, 26B, 31B) are given an empty thought when
// thinking is off; the small ones (E2B, E4B) take harm from it.
enum class ChatFamily { kSmall, kLarge };
enum class ChatRevision { kMay, kJuly };  // of 2026

struct ChatOptions {
  ChatFamily family = ChatFamily::kLarge;
  ChatRevision revision = ChatRevision::kJuly;
  bool enable_thinking = false;
  bool preserve_thinking = false;  // July: older tool-call messages keep their reasoning
  bool add_generation_prompt = true;
  // Google's templates ask nothing of the model when an assistant message with text, calls and
  // their results comes last: its turn is closed and no new one opened, although it is the model
  // that has to go on. True opens one; false is what the templates do.
  bool reopen_closed_turn = true;
};

// One piece of a prompt. A template piece is exactly one control token (`<|turn>`, `<|"|>`, …) and
// is looked up in the vocabulary. Any other piece is plain text, in which nothing may be taken for
// a control token whatever it spells: a user can write `<turn|>`. Fixed words of the format
// ("user\n") are joined with the plain text beside them, so a piece is what the tokenizer would see
// between two control tokens and merges across no border it should not.
struct ChatSegment {
  std::string text;
  bool is_template = false;
  // Of a media placeholder: which media part of the conversation, counted from 0 over messages and
  // their parts in order. Placeholders need not come in that order.
  std::optional<std::size_t> media_index;
  friend bool operator==(const ChatSegment&, const ChatSegment&) = default;
};

// Begins with `<bos>`. Never fails: whatever a conversation holds has a rendering.
std::vector<ChatSegment> render_chat(const Conversation& conversation, const ChatOptions& options);

// The pieces joined; for tests and for people. Tokenising this loses what keeps users apart.
std::string render_to_string(const Conversation& conversation, const ChatOptions& options);

struct ChatTemplateKind {
  ChatFamily family;
  ChatRevision revision;
  friend bool operator==(const ChatTemplateKind&, const ChatTemplateKind&) = default;
};

// Tells which of Google's templates a file carries (its Jinja source); nothing if it is none of
// them, and then the model's shape must decide.
std::optional<ChatTemplateKind> detect_family(std::string_view chat_template);

}  // namespace outrider
