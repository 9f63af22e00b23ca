#include "engine/active_request.h"

#include <algorithm>
#include <utility>

#include "sample/best.h"

namespace outrider {

ActiveRequest::ActiveRequest(RequestId id, Request request, Listener& listener,
                             const RequestSetting& setting, double now)
    : id_(id),
      request_(std::move(request)),
      listener_(listener),
      setting_(setting),
      submitted_(now) {
  const std::size_t prompt = request_.prompt.size();
  const std::size_t room = setting.context + std::size_t{1} - prompt;
  const std::size_t most =
      request_.tokens_max > 0 ? std::min<std::size_t>(room, request_.tokens_max) : room;
  tokens_.reserve(prompt + most + kDraftsMax);
  tokens_.assign(request_.prompt.begin(), request_.prompt.end());
  rules_.reserve(kDraftsMax + 1);
  news_.reserve(kDraftsMax + 1);
  if (request_.logprobs) {
    alternatives_.resize(kDraftsMax + 1);
    for (auto& places : alternatives_) {
      places.reserve(room_to_keep_best(setting.vocab, *request_.logprobs));
    }
  }
  if (request_.constraint.any()) {
    constraint_.emplace(std::move(request_.constraint), setting.vocab);
  }
  if (!request_.stop.empty()) {
    stop_matcher_.emplace(request_.stop);
    detokenizer_.emplace(*setting.vocabulary);
  }
  finish_.prompt_tokens = static_cast<std::uint32_t>(prompt);
}

std::span<const TokenId> ActiveRequest::next_rows(std::uint32_t rows) const {
  const std::uint32_t at = computed();
  std::uint32_t count = std::min(rows, wanted());
  for (const std::uint32_t checkpoint : request_.checkpoints) {
    if (checkpoint > at) {
      count = std::min(count, checkpoint - at);
      break;
    }
  }
  return std::span(tokens_).subspan(at, count);
}

bool ActiveRequest::at_checkpoint() const {
  const auto& ends = request_.checkpoints;
  const std::uint32_t at = computed();
  return at == request_.prompt.size() || std::binary_search(ends.begin(), ends.end(), at);
}

void ActiveRequest::start(std::unique_ptr<Sequence> sequence, std::uint32_t cached, double now) {
  sequence_ = std::move(sequence);
  judged_.reset();
  if (ever_started_) return;  // it was paused, and has told its times already
  ever_started_ = true;
  started_ = now;
  timing_.queued_ms = (now - submitted_) * 1e3;
  finish_.cached_tokens = cached;
}

void ActiveRequest::stop_running() {
  judged_.reset();
  sequence_.reset();
}

std::uint32_t ActiveRequest::most_drafts() const {
  // The last token needs no place of its own, nor is a draft of use behind it.
  const std::uint32_t length = computed() + 1;
  const std::uint32_t room = setting_.context > length ? setting_.context - length : 0;
  if (request_.tokens_max == 0) return room;
  return std::min(room, request_.tokens_max - finish_.tokens - 1);
}

void ActiveRequest::restrict_rule(PickRule& rule, const Allowed& allowed) const {
  rule.forced = allowed.forced;
  rule.allowed = allowed.mask;
}

DraftRule ActiveRequest::draft_rule(std::uint32_t drafts) {
  PickRule rule{.params = request_.sampling, .bias = request_.bias};
  if (setting_.verification == Verification::kRejection) rule.noise = Noise::kDraft;
  if (setting_.verification == Verification::kExact) rule.params.temperature = 0;
  if (request_.sampling.penalises()) rule.recent = tokens_;
  rules_.clear();
  for (std::uint32_t i = 0; i < drafts; ++i) {
    rules_.push_back(rule);
    if (constraint_) restrict_rule(rules_.back(), constraint_->ahead(i));
  }
  return {.picks = rules_, .p_min = request_.drafts.p_min, .ends = request_.ends};
}

std::span<const PickRule> ActiveRequest::pick_rules(const Drafted& drafted) {
  PickRule rule{.params = request_.sampling, .bias = request_.bias};
  if (request_.sampling.penalises()) rule.recent = tokens_;
  rules_.clear();
  const auto drafts = static_cast<std::uint32_t>(drafted.tokens.size());
  for (std::uint32_t i = 0; i <= drafts; ++i) {
    rules_.push_back(rule);
    if (constraint_) restrict_rule(rules_.back(), constraint_->next());
    if (i == drafts) break;
    if (!drafted.drawn_from.empty()) {
      rules_.back().proposal = Proposal{drafted.tokens[i], &drafted.drawn_from[i]};
    }
    if (constraint_) constraint_->push(drafted.tokens[i]);
  }
  if (constraint_) constraint_->pop(drafts);
  return rules_;
}

bool ActiveRequest::is_end(TokenId token) const {
  return std::find(request_.ends.begin(), request_.ends.end(), token) != request_.ends.end();
}

bool ActiveRequest::ends_with(const Drafted& drafted) const {
  return !drafted.tokens.empty() && is_end(drafted.tokens.back());
}

bool ActiveRequest::take(const Judgement& judged, std::uint32_t granted, const Drafted& drafted,
                         const TargetOutput& output, std::uint32_t first_logit_row, double now) {
  if (finish_.tokens == 0) {
    first_token_ = now;
    timing_.prompt_ms = (now - started_) * 1e3;
  }
  count(granted, static_cast<std::uint32_t>(drafted.tokens.size()), judged.accepted);
  judged_.emplace(judged);
  news_.clear();
  bool goes_on = true;
  for (std::uint32_t i = 0; i <= judged.accepted; ++i) {
    const TokenId token = i < judged.accepted ? drafted.tokens[i] : judged.next;
    tokens_.push_back(token);  // also behind the text's end: the sequence may have its row
    if (!goes_on) continue;
    goes_on = accept(token);
    const bool ended_by_it = finish_.end.has_value();
    if (!ended_by_it)
      tell(token,
           request_.logprobs ? output.logits[first_logit_row + i] : std::span<const float>());
  }
  if (!publish()) {
    end(FinishReason::kCancelled, now);
    return false;
  }
  if (!goes_on) end(finish_.reason, now);
  return goes_on;
}

bool ActiveRequest::accept(TokenId token) {
  ++finish_.tokens;
  if (constraint_) constraint_->push(token);
  if (is_end(token)) {
    finish_.reason = FinishReason::kStop;
    finish_.end = token;
    return false;
  }
  if (stop_matcher_) {
    static_cast<void>(stop_matcher_->push(detokenizer_->push(token)));
    if (stop_matcher_->stopped()) {
      finish_.reason = FinishReason::kStop;
      finish_.stop = stop_matcher_->matched();
      return false;
    }
  }
  const bool full = request_.prompt.size() + finish_.tokens > setting_.context;
  if (full || (request_.tokens_max > 0 && finish_.tokens == request_.tokens_max)) {
    finish_.reason = FinishReason::kLength;
    return false;
  }
  return true;
}

void ActiveRequest::tell(TokenId token, std::span<const float> logits) {
  GeneratedToken news{.token = token};
  if (!logits.empty()) {
    auto& places = alternatives_[news_.size()];
    most_likely(logits, *request_.logprobs, places);
    news.log_probability = log_probability(logits, token);
    news.alternatives = places;
  }
  news_.push_back(news);
}

bool ActiveRequest::publish() {
  return news_.empty() || listener_.on_tokens(news_);
}

void ActiveRequest::count(std::uint32_t granted, std::uint32_t drafted, std::uint32_t accepted) {
  since_draft_ = granted > 0 ? 0 : since_draft_ + 1;
  // A draft that was granted and not proposed cost its time and did not stand either.
  if (granted > 0) acceptance_.judged(granted, accepted);
  if (drafted == 0) return;
  SpeculationCounts& s = finish_.speculative;
  ++s.rounds;
  s.drafted += drafted;
  s.accepted += accepted;
  for (std::uint32_t i = 0; i < drafted; ++i) ++s.drafted_per_position[i];
  for (std::uint32_t i = 0; i < accepted; ++i) ++s.accepted_per_position[i];
}

void ActiveRequest::end(FinishReason reason, double now) {
  finish_.reason = reason;
  if (finish_.tokens > 0) timing_.generate_ms = (now - first_token_) * 1e3;
  finish_.timing = timing_;
  listener_.on_finish(finish_);
}

void ActiveRequest::fail(Error error, double now) {
  finish_.error = std::move(error);
  end(FinishReason::kFailed, now);
}

void ActiveRequest::cancel(double now) {
  end(FinishReason::kCancelled, now);
}

}  // namespace outrider
