#include "text/reply_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "text/call_syntax.h"
#include "text/utf8.h"

namespace outrider {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kTurnHead = "model\n";
constexpr std::string_view kThoughtHead = "thought";

// Where the white space at the end of `text` begins.
std::size_t end_of_words(std::string_view text) {
  const std::size_t last = text.find_last_not_of(kSpaces);
  return last == std::string_view::npos ? 0 : last + 1;
}

}  // namespace

ReplyParser::ReplyParser(const Vocabulary& vocabulary, Options options)
    : vocabulary_(&vocabulary),
      turn_(vocabulary.find("<|turn>")),
      channel_(vocabulary.find("<|channel>")),
      channel_end_(vocabulary.find("<channel|>")),
      call_(vocabulary.find("<|tool_call>")),
      call_end_(vocabulary.find("<tool_call|>")),
      quote_(vocabulary.find("<|\"|>")),
      detokenizer_(vocabulary),
      state_(options.starts_in_thinking ? State::kThinking : State::kContent) {}

void ReplyParser::push(TokenId id, std::vector<ReplyEvent>& events) {
  if (!vocabulary_->contains(id)) return;
  events_ = &events;
  if (id == quote_) {
    if (state_ == State::kCall) {
      call_pieces_.emplace_back();
    } else {
      text(detokenizer_.flush());
      text(vocabulary_->text(id));
    }
  } else if (id == channel_ || id == channel_end_ || id == call_ || id == call_end_ ||
             vocabulary_->is_special(id)) {
    control(id);
  } else if (state_ == State::kCall) {
    call_pieces_.back().append(decode_bytes(*vocabulary_, {&id, 1}));
  } else {
    text(detokenizer_.push(id));
  }
  events_ = nullptr;
}

void ReplyParser::finish(std::vector<ReplyEvent>& events) {
  events_ = &events;
  leave();
  if (!has_blocks_) emit(ReplyEvent::Kind::kContent, space_);
  space_.clear();
  if (detokenizer_.replaced() + replaced_in_calls_ > 0) {
    emit(ReplyEvent::Kind::kWarning, kReplacedWarning);
  }
  events_ = nullptr;
}

void ReplyParser::control(TokenId id) {
  if (vocabulary_->ends_generation(id)) return;
  if (state_ == State::kCall) {
    if (id == call_end_) return end_call();
    // No text of a call is tokenised to a control token, not even inside a string.
    give_back_call("", fmt::format("holds the token {}", vocabulary_->text(id)));
  }
  const bool in_thought = is_thinking();
  if (id == call_) {
    if (in_thought) emit(ReplyEvent::Kind::kWarning, "a tool call begins inside a thought");
    return enter(State::kCall);
  }
  if (id == channel_) {
    text(detokenizer_.flush());
    if (!in_thought || !thought_begun_) enter(State::kThoughtHead);
    return;
  }
  if (id == channel_end_ && in_thought) return leave();
  const bool at_start = state_ == State::kContent && !has_blocks_ && !has_content_;
  if (id == turn_ && at_start && space_.empty()) {
    state_ = State::kTurnHead;
    return;
  }
  text(detokenizer_.flush());
  emit(ReplyEvent::Kind::kWarning,
       fmt::format("the token {} was left out where it has no meaning", vocabulary_->text(id)));
}

void ReplyParser::text(std::string_view text) {
  if (text.empty()) return;
  switch (state_) {
    case State::kTurnHead:
    case State::kThoughtHead:
      return head_text(text);
    case State::kThinking:
      return thought(text);
    case State::kContent:
      return content(text);
    case State::kCall:
      break;
  }
  contract_failed("a call's text is kept apart");
}

void ReplyParser::head_text(std::string_view text) {
  head_.append(text);
  const bool is_turn = state_ == State::kTurnHead;
  const std::string_view expected = is_turn ? kTurnHead : kThoughtHead;
  if (expected.starts_with(head_) && (!is_turn || head_ != expected)) return;
  std::string_view rest = head_;
  // "thought" names the channel only if it is the whole word.
  const bool is_head = rest.starts_with(expected) &&
                       (is_turn || kSpaces.find(rest[expected.size()]) != std::string_view::npos);
  if (is_head) rest.remove_prefix(expected.size());
  state_ = is_turn ? State::kContent : State::kThinking;
  const std::string kept(rest);
  head_.clear();
  this->text(kept);
}

void ReplyParser::content(std::string_view text) {
  if (!has_content_) {
    space_.append(text);
    if (end_of_words(text) == 0) return;
    has_content_ = true;
    emit(ReplyEvent::Kind::kContent, std::exchange(space_, {}));
    return;
  }
  emit(ReplyEvent::Kind::kContent, text);
}

void ReplyParser::thought(std::string_view text) {
  if (!thought_begun_) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
    if (text.empty()) return;
    if (has_thought_) emit(ReplyEvent::Kind::kThinking, "\n");
    thought_begun_ = true;
    has_thought_ = true;
  }
  const std::size_t end = end_of_words(text);
  if (end > 0) {
    space_.append(text.substr(0, end));
    emit(ReplyEvent::Kind::kThinking, std::exchange(space_, {}));
  }
  space_.append(text.substr(end));
}

void ReplyParser::enter(State state) {
  leave();
  has_blocks_ = true;
  has_content_ = false;
  thought_begun_ = false;
  space_.clear();
  state_ = state;
  if (state == State::kCall) call_pieces_.assign(1, {});
}

// Back to content, whatever was open.
void ReplyParser::leave() {
  if (state_ == State::kCall) return give_back_call("", "is not closed");
  text(detokenizer_.flush());
  const std::string head = std::exchange(head_, {});
  if (state_ == State::kTurnHead) {
    state_ = State::kContent;
    content(head);
  } else if (state_ != State::kContent) {
    if (!head.empty() && head != kThoughtHead) thought(head);
    state_ = State::kContent;
    has_blocks_ = true;
    has_content_ = false;
    space_.clear();
  }
}

void ReplyParser::end_call() {
  for (std::string& piece : call_pieces_) {
    std::string whole;
    std::string_view rest = piece;
    replaced_in_calls_ += take_characters(rest, whole);
    if (!rest.empty()) {
      whole.append(kReplacementCharacter);
      ++replaced_in_calls_;
    }
    piece = std::move(whole);
  }
  Result<ParsedCall> call = parse_call(call_pieces_);
  if (!call) return give_back_call("<tool_call|>", call.error().message);
  state_ = State::kContent;
  events_->push_back(
      {ReplyEvent::Kind::kToolCall, std::move(call->name), std::move(call->arguments)});
}

void ReplyParser::give_back_call(std::string_view closing, std::string_view complaint) {
  std::string whole = "<|tool_call>";
  for (std::size_t i = 0; i < call_pieces_.size(); ++i) {
    if (i > 0) whole.append("<|\"|>");
    std::string_view rest = call_pieces_[i];
    replaced_in_calls_ += take_characters(rest, whole);
    if (rest.empty()) continue;
    whole.append(kReplacementCharacter);
    ++replaced_in_calls_;
  }
  whole.append(closing);
  state_ = State::kContent;
  has_content_ = true;
  emit(ReplyEvent::Kind::kContent, whole);
  emit(ReplyEvent::Kind::kWarning,
       fmt::format("what should be a tool call {} and is returned as text", complaint));
}

void ReplyParser::emit(ReplyEvent::Kind kind, std::string_view text) {
  if (text.empty()) return;
  if (!events_->empty() && events_->back().kind == kind && kind != ReplyEvent::Kind::kWarning) {
    events_->back().text.append(text);
    return;
  }
  events_->push_back({kind, std::string(text), {}});
}

}  // namespace outrider
