#include "server/answer.h"

#include <utility>

#include "core/random_seed.h"
#include "text/detokenizer.h"

namespace outrider {
namespace {

// Adds what is new to a reply, neighbours of one kind joined.
void append(std::vector<ReplyEvent>& events, std::vector<ReplyEvent>& news) {
  using Kind = ReplyEvent::Kind;
  for (ReplyEvent& event : news) {
    const bool is_text = event.kind == Kind::kThinking || event.kind == Kind::kContent;
    if (is_text && !events.empty() && events.back().kind == event.kind) {
      events.back().text += event.text;
    } else {
      events.push_back(std::move(event));
    }
  }
}

SpeculativeUsage usage_of(const SpeculationCounts& counts) {
  SpeculativeUsage usage{.rounds = counts.rounds,
                         .drafted = counts.drafted,
                         .accepted = counts.accepted,
                         .accepted_per_position = {}};
  for (std::size_t i = 0; i < counts.drafted_per_position.size(); ++i) {
    if (counts.drafted_per_position[i] == 0) break;
    usage.accepted_per_position.push_back(counts.accepted_per_position[i]);
  }
  return usage;
}

}  // namespace

ApiError api_error_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kBadRequest:
      return {.status = 400, .message = error.message, .field = {}};
    case ErrorCode::kExhausted:
      return {.status = 429, .message = error.message, .field = {}};
    case ErrorCode::kDevice:
      return {.status = 503, .message = error.message, .field = {}};
    case ErrorCode::kBadModelFile:
      break;
  }
  return {.status = 500, .message = error.message, .field = {}};
}

void refuse(Exchange& exchange, ApiKind kind, const ApiError& error) {
  HttpReply reply{.status = error.status, .body = error_body(kind, error, exchange.request().id)};
  if (error.status == 429 || error.status == 503) reply.headers.emplace_back("Retry-After", "1");
  exchange.reply(std::move(reply));
}

Answer::Answer(std::shared_ptr<Exchange> exchange, std::shared_ptr<EngineThread> engine,
               const Vocabulary& vocabulary, ApiRequest request, AnswerLimits limits)
    : exchange_(std::move(exchange)),
      engine_(std::move(engine)),
      vocabulary_(vocabulary),
      request_(std::move(request)),
      limits_(limits) {
  if (!request_.has_seed) request_.sampling.seed = random_seed();
}

std::vector<EngineJob> Answer::jobs(const PromptRenderer& renderer,
                                    const std::vector<RenderedPrompt>& prompts) {
  std::vector<EngineJob> jobs;
  choices_.reserve(prompts.size() * request_.choices);
  for (const RenderedPrompt& prompt : prompts) {
    for (std::uint32_t i = 0; i < request_.choices; ++i) {
      const auto index = static_cast<std::uint32_t>(choices_.size());
      Choice& choice = choices_.emplace_back(
          vocabulary_, request_,
          ReplyReader::Options{.is_chat = prompt.is_chat,
                               .starts_in_thinking = prompt.starts_in_thinking});
      choice.queue =
          std::make_shared<ReplyQueue>(limits_.waiting_tokens, [self = shared_from_this(), index] {
            self->exchange_->post([self, index] { self->read(index); });
          });
      jobs.push_back({renderer.engine_request(request_, prompt, i), choice.queue});
    }
  }
  return jobs;
}

void Answer::start(const PromptRenderer& renderer, const std::vector<RenderedPrompt>& prompts,
                   ReplyHead head) {
  writer_ = make_writer(request_, std::move(head));
  std::vector<EngineJob> asked = jobs(renderer, prompts);
  open_ = choices_.size();
  auto tickets = engine_->post(std::move(asked));
  if (!tickets) {
    is_done_ = true;
    choices_.clear();  // their queues hold the answer, and will hear of no finish
    return refuse(*exchange_, request_.kind, api_error_of(tickets.error()));
  }
  for (std::size_t i = 0; i < choices_.size(); ++i) choices_[i].ticket = (*tickets)[i];
  exchange_->on_gone([weak = weak_from_this()] {
    const std::shared_ptr<Answer> self = weak.lock();
    if (!self || self->is_done_) return;
    self->is_done_ = true;
    self->cancel_all();
  });
  if (!request_.stream) return;
  exchange_->begin_stream("text/event-stream");
  if (std::string text = writer_->begin(); !text.empty()) exchange_->write(std::move(text));
}

ReplyToken Answer::reply_token(CertainToken token) const {
  ReplyToken made{token.token, {}, token.log_probability, {}};
  if (!request_.wants_logprobs && !request_.return_tokens) return made;
  const auto bytes_of = [this](TokenId id) {
    return decode_bytes(vocabulary_, {&id, 1}, {.render_special = true});
  };
  made.bytes = bytes_of(token.token);
  for (const TokenLogProb& each : token.alternatives) {
    made.alternatives.push_back({each.token, bytes_of(each.token), each.log_probability});
  }
  return made;
}

// Takes what there is of one reply. Runs once after each time its queue had news.
void Answer::read(std::uint32_t index) {
  if (is_done_) return;
  Choice& choice = choices_[index];
  ReplyNews news = choice.queue->take();
  ReplyDelta delta;
  for (CertainToken& token : news.tokens) {
    if (choice.is_cut) break;
    if (choice.reader.push(reply_token(std::move(token)), delta)) continue;
    choice.is_cut = true;
    engine_->end(choice.ticket);
  }
  if (!news.finish) return deliver(index, std::move(delta));
  if (ended_badly(choice, news)) return;
  if (!choice.is_cut) choice.reader.finish(delta);
  deliver(index, std::move(delta));
  if (is_done_) return;
  finish(choice, *news.finish);
  if (request_.stream) exchange_->write(writer_->end(index, choice.whole.end));
  if (--open_ == 0) complete();
}

// Whether the engine gave up before the reply was whole; then the client has been told.
bool Answer::ended_badly(Choice& choice, const ReplyNews& news) {
  const Finish& finish = *news.finish;
  if (choice.is_cut) return false;
  if (finish.reason == FinishReason::kFailed) {
    ApiError error = api_error_of(*finish.error);
    if (finish.error->code == ErrorCode::kDevice) error.status = 500;
    choice.is_over = true;
    fail(error);
    return true;
  }
  if (finish.reason != FinishReason::kCancelled) return false;
  choice.is_over = true;
  fail({.status = 503,
        .message = news.overflowed ? "the reply was cut because it was not read in time"
                                   : "the server is stopping",
        .field = {}});
  return true;
}

void Answer::finish(Choice& choice, const Finish& finish) {
  choice.is_over = true;
  ReplyEnd& end = choice.whole.end;
  if (choice.reader.stop_string()) {
    end.reason = StopReason::kStopString;
    end.stop_string = *choice.reader.stop_string();
  } else if (!choice.is_cut && finish.reason == FinishReason::kLength) {
    end.reason = StopReason::kLength;
  }
  ReplyUsage& usage = end.usage;
  usage.prompt_tokens = finish.prompt_tokens;
  usage.cached_tokens = finish.cached_tokens;
  // The token that ends a turn is the model's as well, but no part of what was read.
  usage.reply_tokens = choice.is_cut ? choice.reader.reply_tokens() : finish.tokens;
  usage.thinking_tokens = choice.reader.thinking_tokens();
  usage.speculative = usage_of(finish.speculative);
  usage.prompt_ms = finish.timing.queued_ms + finish.timing.prompt_ms;
  usage.generate_ms = finish.timing.generate_ms;
}

void Answer::deliver(std::uint32_t index, ReplyDelta delta) {
  if (delta.events.empty() && delta.tokens.empty()) return;
  if (!request_.stream) {
    WholeReply& whole = choices_[index].whole;
    append(whole.events, delta.events);
    for (ReplyToken& token : delta.tokens) whole.tokens.push_back(std::move(token));
    return;
  }
  std::string text = writer_->delta(index, delta);
  if (text.empty()) return;
  exchange_->write(std::move(text));
  if (exchange_->unsent() <= limits_.unread_bytes) return;
  fail(
      {.status = 503, .message = "the reply was cut because it was not read in time", .field = {}});
}

void Answer::complete() {
  is_done_ = true;
  if (request_.stream) {
    if (std::string text = writer_->finish(); !text.empty()) exchange_->write(std::move(text));
    return exchange_->end_stream();
  }
  std::vector<WholeReply> replies;
  for (Choice& choice : choices_) replies.push_back(std::move(choice.whole));
  exchange_->reply({.body = writer_->body(replies)});
}

void Answer::fail(const ApiError& error) {
  is_done_ = true;
  cancel_all();
  if (!request_.stream) return refuse(*exchange_, request_.kind, error);
  exchange_->write(error_event(request_.kind, error, exchange_->request().id));
  exchange_->end_stream();
}

void Answer::cancel_all() {
  for (const Choice& choice : choices_) {
    if (!choice.is_over) engine_->cancel(choice.ticket);
  }
}

}  // namespace outrider
