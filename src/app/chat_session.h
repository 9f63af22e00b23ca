// A conversation in the terminal: what was said, and the commands that change it.
#pragma once
#include <string>
#include <string_view>

#include "core/result.h"
#include "text/chat.h"

namespace outrider {

class ChatSession {
 public:
  enum class Wish {
    kNothing,
    kReply,  // the conversation is to be answered
    kQuit,
  };
  struct Outcome {
    Wish wish = Wish::kNothing;
    std::string told{};  // to the user, without a line break at its end
  };

  ChatSession(std::string system, bool thinking);

  // A message, or a command: a first line that begins with a slash.
  Outcome take(const std::string& text);

  const Conversation& conversation() const { return conversation_; }
  bool thinking() const { return thinking_; }

  // The reply to what was said last, as far as it came.
  void add_reply(std::string thought, std::string content);
  // There was no reply: what was said last is taken back.
  void take_back();

 private:
  struct Command;
  static const Command kCommands[];

  Outcome help(std::string_view argument);
  Outcome clear(std::string_view argument);
  Outcome set_system(std::string_view argument);
  Outcome think(std::string_view argument);
  Outcome retry(std::string_view argument);
  Outcome undo(std::string_view argument);
  Outcome save(std::string_view argument);
  Outcome load(std::string_view argument);
  Outcome quit(std::string_view argument);

  void say(ChatRole role, std::string content);
  bool drop_reply();     // the last message, if it is the model's
  bool drop_question();  // likewise, if it is the user's

  std::string system_;
  bool thinking_;
  Conversation conversation_;
};

}  // namespace outrider
