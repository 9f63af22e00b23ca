// A target, perhaps its drafter, and everything one engine thread needs to run them: KV pool,
// backend, plans.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "kv/pool.h"
#include "kv/prefix_cache.h"
#include "model/forward.h"
#include "model/model.h"
#include "step/backend.h"
#include "step/plan.h"

namespace outrider {

struct RuntimeOptions {
  std::uint32_t context = 4096;    // positions of one sequence
  std::uint32_t sequences = 1;     // that may be open at once with a full context each
  std::uint32_t chunk_rows = 128;  // rows of one launch at most
  std::uint32_t logit_rows = 16;   // of which may have logits
  KvFormat kv_format = KvFormat::kF16;
  // Pages of the global layers in all; absent: enough for every sequence's full context.
  std::optional<std::uint32_t> global_pages{};
  // Checkpoints of cached prefixes that have their windows kept beside those of the sequences;
  // absent: two for each sequence.
  std::optional<std::uint32_t> checkpoints{};
};

// Builds the backend that `app` chose, with room for these pages.
using MakeBackend =
    std::function<Result<std::unique_ptr<Backend>>(const KvLayout&, const KvLimits&)>;

// What a backend that needs no model is told of one: for tests of everything above it.
struct ModelOutline {
  std::vector<KvLayerShape> kv_layers;
  std::uint32_t reach;  // positions that a sliding layer sees
  std::uint32_t vocab;
  bool drafts;
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
  bool drafts() const { return draft_plans_.has_value(); }
  std::uint32_t vocab() const { return vocab_; }
  const RuntimeOptions& options() const { return options_; }
  KvPool& pool() { return *pool_; }
  // Pages that checkpoints of cached prefixes may hold.
  KvPages checkpoint_pages() const { return checkpoint_pages_; }
  Backend& backend() { return *backend_; }

  StepId next_step() { return StepId(++steps_); }
  TargetBatch next_batch() { return TargetBatch(next_step()); }
  Result<TargetOutput> run(const TargetBatch& batch);
  Result<DraftOutput> run(const DraftBatch& batch);

 private:
  struct Models {
    TargetModel target;
    std::optional<DrafterModel> drafter;
  };
  explicit Runtime(const RuntimeOptions& options) : options_(options) {}
  Result<void> prepare(const ModelOutline& model, const MakeBackend& make_backend);

  RuntimeOptions options_;
  std::optional<Models> models_;
  std::uint32_t vocab_ = 0;
  KvPages checkpoint_pages_{0, 0};
  std::unique_ptr<KvPool> pool_;
  std::unique_ptr<Backend> backend_;
  std::optional<PlanSet<TargetShape>> target_plans_;
  std::optional<PlanSet<DraftShape>> draft_plans_;
  std::uint64_t steps_ = 0;
};

}  // namespace outrider
