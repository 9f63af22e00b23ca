#include "engine/runtime.h"

#include <algorithm>

namespace outrider {
namespace {

// Few rows in powers of two up to a chunk; logits for all of a small launch, and for one or the
// most of a large one.
std::vector<TargetShape> target_buckets(const RuntimeOptions& options) {
  std::vector<TargetShape> buckets;
  for (std::uint32_t rows = 1; rows < options.chunk_rows; rows *= 2) {
    buckets.push_back({rows, std::min(rows, options.logit_rows)});
  }
  buckets.push_back({options.chunk_rows, std::min(options.chunk_rows, options.logit_rows)});
  return buckets;
}

std::vector<DraftShape> draft_buckets(const RuntimeOptions& options) {
  std::vector<DraftShape> buckets;
  for (std::uint32_t seqs = 1; seqs < options.sequences; seqs *= 2) buckets.push_back({seqs});
  buckets.push_back({options.sequences});
  return buckets;
}

// The drafter looks back further than the target's window by this; both must find their keys.
KvLimits limits_for(const TargetModel& target, const DrafterModel* drafter,
                    const RuntimeOptions& options) {
  const std::uint32_t reach = drafter != nullptr ? drafter->config.reach : target.config.reach;
  const std::uint32_t global = divide_up(options.context, kPageRows);
  // A window may start and end inside a page, and a chunk comes on top before anything is freed.
  const std::uint32_t sliding =
      std::min(global, divide_up(reach + options.chunk_rows, kPageRows) + 1);
  return {.global_pages = options.sequences * global + 1,
          .sliding_pages = options.sequences * sliding + 1,
          .window = reach,
          .sequence_rows = options.context};
}

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::load(const std::string& target_path,
                                               const std::string& drafter_path,
                                               const RuntimeOptions& options,
                                               const MakeBackend& make_backend) {
  auto target = load_target(target_path);
  if (!target) return target.error();
  std::optional<DrafterModel> drafter;
  if (!drafter_path.empty()) {
    auto loaded = load_drafter(drafter_path, *target);
    if (!loaded) return loaded.error();
    drafter = std::move(*loaded);
  }
  std::unique_ptr<Runtime> runtime(new Runtime(std::move(*target), std::move(drafter), options));
  if (auto prepared = runtime->prepare(make_backend); !prepared) return prepared.error();
  return runtime;
}

Result<void> Runtime::prepare(const MakeBackend& make_backend) {
  const KvLimits limits = limits_for(target_, drafter(), options_);
  const KvLayout layout(target_.kv_shapes(), options_.kv_format);
  pool_ = std::make_unique<KvPool>(limits);
  auto backend = make_backend(layout, limits);
  if (!backend) return backend.error();
  backend_ = std::move(*backend);
  target_plans_.emplace(target_buckets(options_),
                        [&](TargetShape s) { return make_plan(*backend_, target_, s); });
  if (auto reserved = backend_->reserve(*target_plans_); !reserved) return reserved;
  if (drafter_) {
    draft_plans_.emplace(draft_buckets(options_),
                         [&](DraftShape s) { return make_plan(*backend_, *drafter_, target_, s); });
    if (auto reserved = backend_->reserve(*draft_plans_); !reserved) return reserved;
  }
  return {};
}

Result<TargetOutput> Runtime::run(const TargetBatch& batch) {
  return backend_->run(Launch<TargetShape>::bind(*target_plans_, batch, *pool_));
}

Result<DraftOutput> Runtime::run(const DraftBatch& batch) {
  require(draft_plans_.has_value(), "drafting needs a drafter");
  return backend_->run(Launch<DraftShape>::bind(*draft_plans_, batch, *pool_));
}

}  // namespace outrider
