// One request inside the engine: its tokens so far, how the next ones are to be picked, and when it
// is over.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/request.h"
#include "kv/pool.h"
#include "step/backend.h"
#include "text/detokenizer.h"
#include "text/stop_matcher.h"
#include "text/vocabulary.h"

namespace outrider {

// How drafts are verified.
enum class Verification {
  kCoupled,    // target and drafter draw with the same noise; a draft stands if it is the pick
  kRejection,  // they draw independently; a draft stands with probability min(1, p / q)
  kExact,      // the drafter proposes its likeliest token; it stands if it is the target's own pick
};

// What a conversation needs to know of where it runs.
struct RequestSetting {
  const Vocabulary* vocabulary;  // for stop strings
  std::uint32_t vocab;           // tokens that have logits
  std::uint32_t context;         // positions of one sequence
  Verification verification;
};

class ActiveRequest {
 public:
  ActiveRequest(RequestId id, Request request, Listener& listener, const RequestSetting& setting,
                double now);

  RequestId id() const { return id_; }
  const Request& request() const { return request_; }
  // The prompt and what was judged since: what the sequence has or wants rows of.
  std::span<const TokenId> tokens() const { return tokens_; }
  std::uint32_t computed() const { return sequence_ ? sequence_->length() : 0; }
  // Rows of known tokens still to be computed; at least one while the request runs.
  std::uint32_t wanted() const { return static_cast<std::uint32_t>(tokens_.size()) - computed(); }
  // Of them those of the next launch when it may have at most `rows`: up to the next checkpoint.
  std::span<const TokenId> next_rows(std::uint32_t rows) const;
  bool at_checkpoint() const;  // what is computed ends where a prefix is worth keeping

  // Given a sequence, or taken off it: then everything is computed anew from the tokens.
  void start(std::unique_ptr<Sequence> sequence, std::uint32_t cached, double now);
  void stop_running();
  Sequence& sequence() { return *sequence_; }
  bool running() const { return sequence_ != nullptr; }

  // The verdict that a draft may start from, while the launch it came from is the last one.
  const std::optional<Judgement>& judged() const { return judged_; }
  const Acceptance& acceptance() const { return acceptance_; }
  std::uint32_t since_draft() const { return since_draft_; }
  std::uint32_t most_drafts() const;  // that context and the tokens wanted have room for

  // How `drafts` tokens ahead are drafted. Borrowed until the next call.
  DraftRule draft_rule(std::uint32_t drafts);
  // How the rows behind the last given token and each draft are picked. Borrowed likewise.
  std::span<const PickRule> pick_rules(const Drafted& drafted);

  void give_time_to_draft(double seconds) { timing_.draft_ms += seconds * 1e3; }
  void give_time_to_verify(double seconds) { timing_.verify_ms += seconds * 1e3; }

  // Whether the last draft ends the text, so that none could follow.
  bool ends_with(const Drafted& drafted) const;

  // The verdict on this conversation's rows: publishes the drafts that stand and the next token,
  // whose logits begin at `first_logit_row` of `output`. Of `granted` drafts the drafter may have
  // proposed fewer. False when the text is over.
  bool take(const Judgement& judged, std::uint32_t granted, const Drafted& drafted,
            const TargetOutput& output, std::uint32_t first_logit_row, double now);
  // The request ends unfinished.
  void fail(Error error, double now);
  void cancel(double now);

 private:
  bool accept(TokenId token);  // false when the text ends with or before this token
  void tell(TokenId token, std::span<const float> logits);
  bool publish();
  bool is_end(TokenId token) const;
  void count(std::uint32_t granted, std::uint32_t drafted, std::uint32_t accepted);
  void restrict_rule(PickRule& rule, const Allowed& allowed) const;
  void end(FinishReason reason, double now);

  RequestId id_;
  Request request_;
  Listener& listener_;
  RequestSetting setting_;

  std::vector<TokenId> tokens_;
  std::unique_ptr<Sequence> sequence_;
  std::optional<Judgement> judged_;
  std::optional<Constraint> constraint_;
  std::optional<Detokenizer> detokenizer_;  // with stop strings
  std::optional<StopMatcher> stop_matcher_;

  Acceptance acceptance_;
  std::uint32_t since_draft_ = 0;
  std::vector<PickRule> rules_;  // of the launch in progress
  std::vector<GeneratedToken> news_;
  std::vector<std::vector<TokenLogProb>> alternatives_;

  double submitted_, started_ = 0, first_token_ = 0;
  bool ever_started_ = false;
  RequestTiming timing_;
  Finish finish_;
};

}  // namespace outrider
