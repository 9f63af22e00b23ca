// From the tokens of a reply to what a client is told: thoughts, text, calls, where it stops.
#pragma once
#include <cstdint>
#include <optional>

#include "server/api_reply.h"
#include "server/api_request.h"
#include "text/detokenizer.h"
#include "text/reply_parser.h"
#include "text/stop_matcher.h"
#include "text/vocabulary.h"

namespace outrider {

// Reads one reply to one prompt: a conversation's with the chat format's structure, any other as
// plain text. Stop strings end text, not thoughts or calls.
class ReplyReader {
 public:
  struct Options {
    bool is_chat = true;              // whether the prompt was a conversation
    bool starts_in_thinking = false;  // whether the prompt ends with the head of a thought
  };

  // `vocabulary` must outlive the reader.
  ReplyReader(const Vocabulary& vocabulary, const ApiRequest& request, Options options);

  // Adds what the token completes to `delta`. False once the reply is over: a stop string is
  // complete, or a call where only one was wanted. Tokens behind that are not part of the reply.
  bool push(ReplyToken token, ReplyDelta& delta);
  // The model ended the reply, or it was cut.
  void finish(ReplyDelta& delta);

  // Tokens that are part of the reply, and of those the ones that were thought.
  std::uint32_t reply_tokens() const { return reply_tokens_; }
  std::uint32_t thinking_tokens() const { return thinking_tokens_; }
  // The stop string that ended the reply.
  const std::optional<std::string>& stop_string() const { return stops_.matched(); }

 private:
  void take(std::vector<ReplyEvent>& events, ReplyDelta& delta);
  void add_content(std::string text, ReplyDelta& delta);

  std::optional<ReplyParser> parser_;
  Detokenizer detokenizer_;
  StopMatcher stops_;
  bool keeps_tokens_;
  bool one_call_only_;
  bool is_over_ = false;
  std::uint32_t reply_tokens_ = 0;
  std::uint32_t thinking_tokens_ = 0;
};

}  // namespace outrider
