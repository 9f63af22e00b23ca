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
};

// Builds the backend that `app` chose, with room for these pages.
using MakeBackend =
    std::function<Result<std::unique_ptr<Backend>>(const KvLayout&, const KvLimits&)>;

class Runtime {
 public:
  // `drafter_path` may be empty. Errors are one sentence naming the file or the resource.
  static Result<std::unique_ptr<Runtime>> load(const std::string& target_path,
                                               const std::string& drafter_path,
                                               const RuntimeOptions& options,
                                               const MakeBackend& make_backend);

  const TargetModel& target() const { return target_; }
  const DrafterModel* drafter() const { return drafter_ ? &*drafter_ : nullptr; }
  const RuntimeOptions& options() const { return options_; }
  KvPool& pool() { return *pool_; }
  Backend& backend() { return *backend_; }

  TargetBatch next_batch() { return TargetBatch(StepId(++steps_)); }
  Result<TargetOutput> run(const TargetBatch& batch);
  Result<DraftOutput> run(const DraftBatch& batch);

 private:
  Runtime(TargetModel target, std::optional<DrafterModel> drafter, const RuntimeOptions& options)
      : options_(options), target_(std::move(target)), drafter_(std::move(drafter)) {}
  Result<void> prepare(const MakeBackend& make_backend);

  RuntimeOptions options_;
  TargetModel target_;
  std::optional<DrafterModel> drafter_;
  std::unique_ptr<KvPool> pool_;
  std::unique_ptr<Backend> backend_;
  std::optional<PlanSet<TargetShape>> target_plans_;
  std::optional<PlanSet<DraftShape>> draft_plans_;
  std::uint64_t steps_ = 0;
};

}  // namespace outrider
