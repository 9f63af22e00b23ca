// Reads a reply of Gemma 4 while it is generated: thoughts, text and tool calls, told apart by
// control tokens and not by what the text spells.
//
//   <|channel>thought\n THOUGHT \n<channel|> TEXT <|tool_call>call:NAME{ARGUMENTS}<tool_call|> …
#pragma once
#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/id.h"
#include "text/detokenizer.h"
#include "text/vocabulary.h"

namespace outrider {

struct ReplyEvent {
  enum class Kind { kThinking, kContent, kToolCall, kWarning };
  Kind kind;
  // What is new of a thought or of the content, whole characters; a tool's name; or one sentence
  // about what was wrong with the reply.
  std::string text;
  boost::json::object arguments;  // of kToolCall
  friend bool operator==(const ReplyEvent&, const ReplyEvent&) = default;
};

inline constexpr std::string_view kReplacedWarning =
    "parts of the reply are not UTF-8 and were replaced by U+FFFD";

// A model can write anything, so nothing here fails. What has the form of a call but cannot be read
// as one is content, with a warning; so is what is not UTF-8, with U+FFFD in place of each invalid
// part. A control token that has no business where it stands is left out, with a warning.
class ReplyParser {
 public:
  struct Options {
    bool starts_in_thinking = false;  // the prompt itself ends with the head of a thought
  };

  // `vocabulary` must outlive the parser.
  explicit ReplyParser(const Vocabulary& vocabulary) : ReplyParser(vocabulary, Options{}) {}
  ReplyParser(const Vocabulary& vocabulary, Options options);

  // Adds what `id` completes to `events`. The events of a reply, with neighbours of one kind
  // joined, do not depend on how its text is cut into tokens.
  void push(TokenId id, std::vector<ReplyEvent>& events);
  // The reply is over, whether it ended itself or was cut.
  void finish(std::vector<ReplyEvent>& events);

  // Whether a thought is open behind the last token.
  bool is_thinking() const { return state_ == State::kThoughtHead || state_ == State::kThinking; }

 private:
  enum class State { kContent, kTurnHead, kThoughtHead, kThinking, kCall };

  void control(TokenId id);
  void text(std::string_view text);
  void head_text(std::string_view text);
  void content(std::string_view text);
  void thought(std::string_view text);
  void enter(State state);
  void leave();
  void end_call();
  void give_back_call(std::string_view closing, std::string_view complaint);
  void emit(ReplyEvent::Kind kind, std::string_view text);

  const Vocabulary* vocabulary_;
  std::optional<TokenId> turn_, channel_, channel_end_, call_, call_end_, quote_;
  Detokenizer detokenizer_;
  std::vector<ReplyEvent>* events_ = nullptr;  // of the push that is under way
  State state_ = State::kContent;
  std::string head_;  // of a turn or a thought, as far as it came
  // White space that nothing but a block may follow: content that begins with it if more comes, a
  // thought that goes on if more comes, and otherwise structure.
  std::string space_;
  bool has_content_ = false;  // since the last block
  bool has_blocks_ = false;
  bool has_thought_ = false;    // a thought with text
  bool thought_begun_ = false;  // the thought that is open has text
  // The call as far as it came, cut at quote tokens: every second piece is a string's text.
  std::vector<std::string> call_pieces_;
  std::size_t replaced_in_calls_ = 0;  // parts that were not UTF-8
};

}  // namespace outrider
