// The engine: many conversations, one draft launch and one target launch a step. Owned by one
// thread; knows no device, no HTTP and no mutex.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/active_request.h"
#include "engine/request.h"
#include "engine/runtime.h"
#include "engine/speculation.h"
#include "kv/prefix_cache.h"

namespace outrider {

struct EngineOptions {
  std::uint32_t slots = 1;    // sequences running at once
  std::uint32_t queue = 256;  // requests waiting for a slot; more are refused
  Verification verification = Verification::kCoupled;
  // Prompt rows may lengthen a step in which others wait for their next token by this factor.
  double slowdown = 2;
  bool cache_prefixes = true;
  // For benchmarks: verification does not compare; the draft at position k stands with this
  // unconditional probability. Empty: verification compares.
  std::vector<double> synthetic_acceptance{};
  // Seconds since some start. Tests bring their own clock.
  std::function<double()> clock{};
};

struct EngineCounters {
  std::uint64_t steps = 0;
  std::uint64_t prompt_rows = 0, cached_rows = 0, logit_rows = 0;
  std::uint64_t tokens = 0;  // judged
  std::uint64_t pauses = 0, finished = 0, devices_lost = 0;
  SpeculationCounts speculative{};
  double draft_seconds = 0, target_seconds = 0;
};

class Engine {
 public:
  // `runtime` and `vocabulary` outlive the engine; a vocabulary is needed for stop strings only.
  Engine(Runtime& runtime, const Vocabulary* vocabulary, EngineOptions options);
  ~Engine();

  // kBadRequest for what can never be done, kExhausted when the queue is full. `listener` hears of
  // the request from the next step on and lives until it has heard its finish.
  Result<RequestId> submit(Request request, Listener& listener);
  // Whether `request` could ever be done: kBadRequest where not. From any thread.
  Result<void> check(const Request& request) const;
  // Heard of within the next step. Unknown or finished: nothing happens.
  void cancel(RequestId id);

  bool idle() const { return waiting_.empty() && running_.empty(); }
  // One turn. A device that is lost is opened again, and who ran goes on from the tokens so far:
  // the same text, later. An error is the device's that can't be opened, or is lost three times
  // without a step in between: what ran has failed with it.
  Result<void> step();

  std::size_t running() const { return running_.size(); }
  // The requests that have a slot, the oldest first.
  std::span<const std::unique_ptr<ActiveRequest>> active() const { return running_; }
  std::size_t waiting() const { return waiting_.size(); }
  const EngineCounters& counters() const { return counters_; }
  Speculation& speculation() { return speculation_; }
  const PrefixCache& prefix_cache() const { return cache_; }
  // Between steps: whether each page is held by exactly the running sequences and checkpoints that
  // name it, so that none is lost or given away too early. For tests: walks all pages.
  bool pages_add_up() const;

 private:
  // One conversation's part in a step.
  struct Turn {
    ActiveRequest* who;
    std::uint32_t rows;    // of known tokens, at most
    std::uint32_t drafts;  // granted
    Drafted drafted{};
    std::optional<Pending> pending{};
    std::optional<KvAppend> chunk{};
  };

  void drop_cancelled();
  void admit();
  bool admit_next();
  void plan();
  std::uint32_t plan_prompt_rows(std::uint32_t deciding, std::uint32_t wanted) const;
  void share_prompt_rows(std::uint32_t rows);
  void grant_drafts();
  Result<void> draft();
  void assemble();
  void add(Turn& turn);
  std::optional<KvAppend> room_for(Turn& turn, std::uint32_t rows);
  bool make_some_room();
  bool pause_one_for(const ActiveRequest& needy);
  Result<void> run();
  void settle(const TargetOutput& output);
  bool settle(Turn& turn, const TargetOutput& output, const Picks& picks);
  const Picks& verdicts(const TargetOutput& output);
  void keep_prefix(ActiveRequest& conversation);
  void finish(ActiveRequest& conversation);
  Result<void> recover(const Error& error);
  void pause_all();
  void fail_all(const Error& error);
  double now() const { return options_.clock(); }

  Runtime& runtime_;
  EngineOptions options_;
  RequestSetting setting_;
  PrefixCache cache_;
  Speculation speculation_;
  double prompt_row_seconds_ = 0;        // what a prompt row adds to a launch, lately; 0: unknown
  std::uint32_t prompt_rows_tried_ = 0;  // in one launch, the most so far
  EngineCounters counters_;
  std::uint64_t next_id_ = 1;
  std::uint32_t lost_in_a_row_ = 0;  // devices, since the last step that ran

  std::deque<std::unique_ptr<ActiveRequest>> waiting_;   // the next to run first
  std::vector<std::unique_ptr<ActiveRequest>> running_;  // the oldest first
  std::vector<RequestId> cancelled_;

  // The step in progress.
  std::vector<Turn> turns_;  // deciding conversations first, the oldest first in each part
  std::vector<DraftCandidate> candidates_;
  std::vector<std::uint32_t> candidate_turns_;
  std::vector<std::uint32_t> drafting_;  // sequences, by draft step
  DraftBatch draft_batch_;
  TargetBatch batch_{StepId(0)};
  StepId last_step_{0};
  Picks synthetic_{StepId(0), {}};
};

}  // namespace outrider
