// A backend runs launches on one device. It knows nothing of requests, sampling or speculation.
#pragma once
#include <memory>
#include <span>

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
};

// Borrowed from the backend until its next draft launch.
struct DraftOutput {
  View<const float, 2> logits;  // [sequences, vocabulary]
  View<const float, 2> hidden;  // [sequences, target hidden width]
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::unique_ptr<TargetRecorder> record(TargetShape shape) = 0;
  virtual std::unique_ptr<DraftRecorder> record(DraftShape shape) = 0;
  // Turns what this backend's recorder was told into a plan.
  virtual Plan<TargetShape> finish(std::unique_ptr<TargetRecorder> recorder) = 0;
  virtual Plan<DraftShape> finish(std::unique_ptr<DraftRecorder> recorder) = 0;

  // Once, before the first launch: the workspaces that the largest plans need.
  virtual Result<void> reserve(const PlanSet<TargetShape>& plans) = 0;
  virtual Result<void> reserve(const PlanSet<DraftShape>& plans) = 0;

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
