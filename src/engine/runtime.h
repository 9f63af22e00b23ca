// A target, perhaps its drafter, and everything one engine thread needs to run them: KV pool,
// backend, plans.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "kv/budget.h"
#include "kv/pool.h"
#include "kv/prefix_cache.h"
#include "model/forward.h"
#include "model/model.h"
#include "step/backend.h"
#include "step/plan.h"

namespace outrider {

inline constexpr std::uint32_t kContextMax = 1u << 20;

struct RuntimeOptions {
  // Positions of one sequence. 0: as many as the model was trained for, or if memory has no room
  // for one of that length, as many as it has room for.
  std::uint32_t context = 4096;
  std::uint32_t sequences = 1;  // that may run at once
  std::uint32_t drafts = 8;     // of one sequence in one launch, that room is made for
  // Rows of one launch at most, and how many of them may have logits. 0 logit rows: one for every
  // sequence's next token and each of its drafts, and then a launch has at least as many rows.
  std::uint32_t chunk_rows = 128;
  std::uint32_t logit_rows = 0;
  KvFormat kv_format = KvFormat::kF16;
  // For keys and values. Absent: enough for every sequence's full context, but no more than half of
  // what the weights leave of `memory_bytes`.
  std::optional<std::uint64_t> kv_bytes{};
  // That are free before anything is loaded; absent: not known, and no bound.
  std::optional<std::uint64_t> memory_bytes{};
};

// What a runtime takes.
struct RuntimeMemory {
  std::uint64_t weights_bytes;    // of both models' tensors
  std::uint64_t workspace_bytes;  // of the largest plans
  std::string kv;                 // in words, pages and all
};

// Builds the backend that `app` chose, with room for these pages; again after a device was lost, so
// what it borrows outlives the runtime.
using MakeBackend =
    std::function<Result<std::unique_ptr<Backend>>(const KvLayout&, const KvLimits&)>;

// What a backend that needs no model is told of one: for tests of everything above it.
struct ModelOutline {
  std::vector<KvLayerShape> kv_layers;
  std::uint32_t reach;  // positions that a sliding layer sees
  std::uint32_t vocab;
  bool drafts;
  std::uint32_t context = 4096;  // positions it was trained for
};

class Runtime {
 public:
  // `drafter_path` may be empty. Errors are one sentence naming the file or the resource.
  static Result<std::unique_ptr<Runtime>> load(const std::string& target_path,
                                               const std::string& drafter_path,
                                               const RuntimeOptions& options,
                                               const MakeBackend& make_backend);
  // Plans with nothing recorded in them, for a backend that makes its outputs up.
  static Result<std::unique_ptr<Runtime>> outline(const ModelOutline& model,
                                                  const RuntimeOptions& options,
                                                  const MakeBackend& make_backend);

  const TargetModel& target() const {
    require(models_.has_value(), "an outline has no weights");
    return models_->target;
  }
  const DrafterModel* drafter() const {
    return models_ && models_->drafter ? &*models_->drafter : nullptr;
  }
  bool drafts() const { return drafts_; }
  const std::string& device() const { return device_; }
  std::uint32_t vocab() const { return vocab_; }
  const RuntimeOptions& options() const { return options_; }  // all decided
  RuntimeMemory memory() const;
  KvPool& pool() { return *pool_; }
  // Pages that checkpoints of cached prefixes may hold.
  KvPages checkpoint_pages() const { return budget_.checkpoints; }
  Backend& backend() {
    require(backend_ != nullptr, "a device is open");
    return *backend_;
  }

  // The device is gone, with all that it held: opens it anew and makes the plans again. Sequences
  // have to be computed anew. An error leaves no device, and every launch until the next try fails.
  Result<void> reopen();

  StepId next_step() { return StepId(++steps_); }
  TargetBatch next_batch() { return TargetBatch(next_step()); }
  Result<TargetOutput> run(const TargetBatch& batch);
  Result<DraftOutput> run(const DraftBatch& batch);

 private:
  struct Models {
    TargetModel target;
    std::optional<DrafterModel> drafter;
  };
  Runtime(const RuntimeOptions& options, const MakeBackend& make_backend)
      : options_(options), make_backend_(make_backend) {}
  Result<void> prepare(const ModelOutline& model);
  Result<KvBudget> plan_pages(const ModelOutline& model, std::uint32_t context) const;
  std::uint32_t longest_context(const ModelOutline& model) const;
  std::uint64_t weights_bytes() const;

  RuntimeOptions options_;
  MakeBackend make_backend_;
  std::optional<Models> models_;
  std::uint32_t vocab_ = 0;
  bool drafts_ = false;
  std::optional<KvLayout> layout_;
  KvBudget budget_{};
  std::unique_ptr<KvPool> pool_;
  std::unique_ptr<Backend> backend_;  // null while the device could not be opened again
  std::string device_;
  std::uint64_t workspace_bytes_ = 0;
  std::optional<PlanSet<TargetShape>> target_plans_;
  std::optional<PlanSet<DraftShape>> draft_plans_;
  std::uint64_t steps_ = 0;
};

}  // namespace outrider
