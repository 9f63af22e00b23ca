#include "server/reply_reader.h"

#include <utility>

namespace outrider {

using Kind = ReplyEvent::Kind;

ReplyReader::ReplyReader(const Vocabulary& vocabulary, const ApiRequest& request, Options options)
    : detokenizer_(vocabulary),
      stops_(request.stop),
      keeps_tokens_(request.wants_logprobs || request.return_tokens),
      one_call_only_(!request.tool_choice.parallel) {
  if (options.is_chat) {
    parser_.emplace(vocabulary,
                    ReplyParser::Options{.starts_in_thinking = options.starts_in_thinking});
  }
}

bool ReplyReader::push(ReplyToken token, ReplyDelta& delta) {
  if (is_over_) return false;
  std::vector<ReplyEvent> events;
  if (parser_) {
    parser_->push(token.id, events);
    if (parser_->is_thinking()) ++thinking_tokens_;
  } else {
    events.push_back({Kind::kContent, detokenizer_.push(token.id), {}});
  }
  ++reply_tokens_;
  if (keeps_tokens_) delta.tokens.push_back(std::move(token));
  take(events, delta);
  return !is_over_;
}

void ReplyReader::finish(ReplyDelta& delta) {
  std::vector<ReplyEvent> events;
  if (parser_) {
    parser_->finish(events);
  } else {
    events.push_back({Kind::kContent, detokenizer_.flush(), {}});
    if (detokenizer_.replaced() > 0) {
      events.push_back({Kind::kWarning, std::string(kReplacedWarning), {}});
    }
  }
  if (!is_over_) take(events, delta);
  add_content(stops_.flush(), delta);
  is_over_ = true;
}

void ReplyReader::take(std::vector<ReplyEvent>& events, ReplyDelta& delta) {
  for (ReplyEvent& event : events) {
    if (is_over_) return;
    if (event.kind == Kind::kContent) {
      add_content(stops_.push(event.text), delta);
      is_over_ = stops_.stopped();
      continue;
    }
    // What could have begun a stop string comes before whatever is no text.
    if (event.kind != Kind::kWarning) add_content(stops_.flush(), delta);
    is_over_ = event.kind == Kind::kToolCall && one_call_only_;
    delta.events.push_back(std::move(event));
  }
}

void ReplyReader::add_content(std::string text, ReplyDelta& delta) {
  if (text.empty()) return;
  if (!delta.events.empty() && delta.events.back().kind == Kind::kContent) {
    delta.events.back().text.append(text);
    return;
  }
  delta.events.push_back({Kind::kContent, std::move(text), {}});
}

}  // namespace outrider
