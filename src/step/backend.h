// A backend runs launches on one device and picks tokens there, by rules that are plain data: a
// target launch, and a whole round of drafts, are one submission each. It knows nothing of requests
// or speculation.
#pragma once
#include <memory>
#include <span>
#include <string>

#include "core/inline_vector.h"
#include "core/result.h"
#include "core/view.h"
#include "kv/layout.h"
#include "step/plan.h"
#include "step/recorder.h"

namespace outrider {

// Borrowed from the backend until its next target launch.
struct TargetOutput {
  StepId step;
  View<const float, 2> logits;  // [live logit rows, vocabulary]
  View<const float, 2> hidden;  // [live logit rows, hidden width], after the final norm
  const Picks* picked;          // for every live logit row, by its rule
  const Picks& picks() const { return *picked; }
};

// What one sequence drafted in a round.
struct Drafted {
  InlineVector<TokenId, kDraftsMax> tokens;
  // Of each token to the drafter, over its full distribution; 0 where its rule did not want it.
  InlineVector<float, kDraftsMax> probabilities;
  // What each token was drawn from, where its rule draws for rejection (Noise::kDraft); else empty.
  std::span<const Distribution> drawn_from{};
};

// Borrowed from the backend until its next draft launch.
struct DraftOutput {
  std::span<const Drafted> drafted;  // [sequences]
  View<const float, 2> logits;       // [sequences of the last draft step, vocabulary]
  View<const float, 2> hidden;       // [sequences of the last draft step, target hidden width]
};

class Backend {
 public:
  virtual ~Backend() = default;

  // What launches run on, for people and to tell apart what was measured where.
  virtual std::string device() const = 0;

  virtual std::unique_ptr<TargetRecorder> record(TargetShape shape) = 0;
  virtual std::unique_ptr<DraftRecorder> record(DraftShape shape) = 0;
  // Turns what this backend's recorder was told into a plan.
  virtual Plan<TargetShape> finish(std::unique_ptr<TargetRecorder> recorder) = 0;
  virtual Plan<DraftShape> finish(std::unique_ptr<DraftRecorder> recorder) = 0;

  // Once, before the first launch: the workspaces that the largest plans need.
  virtual Result<void> reserve(const PlanSet<TargetShape>& plans) = 0;
  virtual Result<void> reserve(const PlanSet<DraftShape>& plans) = 0;

  // An error means that the device is lost, with all that it held.
  virtual Result<TargetOutput> run(const Launch<TargetShape>& launch) = 0;
  virtual Result<DraftOutput> run(const Launch<DraftShape>& launch) = 0;

  // One head's stored row as float, for tests and for moving sequences between devices. `pos` is
  // visible in `view` and its page is not freed.
  virtual void read_kv(const KvView& view, KvLayerId layer, std::uint32_t head, KvSide side,
                       Pos pos, std::span<float> out) const = 0;
  // Puts a row there instead, rounded to the stored format.
  virtual void write_kv(const KvView& view, KvLayerId layer, std::uint32_t head, KvSide side,
                        Pos pos, std::span<const float> row) = 0;
  // Replaces a hidden row of the last target launch, as when a saved sequence goes on.
  virtual void write_hidden(const HiddenRow& at, std::span<const float> row) = 0;
};

}  // namespace outrider
