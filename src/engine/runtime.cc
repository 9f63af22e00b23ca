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

// Sliding pages for the windows of checkpoints.
std::uint32_t window_pages(std::uint32_t reach, const RuntimeOptions& options) {
  return options.checkpoints.value_or(2 * options.sequences) * (divide_up(reach, kPageRows) + 2);
}

KvLimits limits_for(std::uint32_t reach, const RuntimeOptions& options) {
  const std::uint32_t global = divide_up(options.context, kPageRows);
  // A window may start and end inside a page, and a chunk comes on top before anything is freed.
  const std::uint32_t sliding =
      std::min(global, divide_up(reach + options.chunk_rows, kPageRows) + 2);
  return {.global_pages = options.global_pages.value_or(options.sequences * global) + 1,
          .sliding_pages = options.sequences * sliding + window_pages(reach, options) + 1,
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
  std::unique_ptr<Runtime> runtime(new Runtime(options));
  runtime->models_.emplace(Models{std::move(*target), std::nullopt});
  Models& models = *runtime->models_;
  if (!drafter_path.empty()) {
    auto loaded = load_drafter(drafter_path, models.target);
    if (!loaded) return loaded.error();
    models.drafter = std::move(*loaded);
  }
  // The drafter looks back further than the target's window by one; both must find their keys.
  const ModelOutline outline{
      .kv_layers = models.target.kv_shapes(),
      .reach = models.drafter ? models.drafter->config.reach : models.target.config.reach,
      .vocab = models.target.config.vocab,
      .drafts = models.drafter.has_value()};
  if (auto prepared = runtime->prepare(outline, make_backend); !prepared) return prepared.error();
  return runtime;
}

Result<std::unique_ptr<Runtime>> Runtime::outline(const ModelOutline& model,
                                                  const RuntimeOptions& options,
                                                  const MakeBackend& make_backend) {
  std::unique_ptr<Runtime> runtime(new Runtime(options));
  if (auto prepared = runtime->prepare(model, make_backend); !prepared) return prepared.error();
  return runtime;
}

Result<void> Runtime::prepare(const ModelOutline& model, const MakeBackend& make_backend) {
  const KvLimits limits = limits_for(model.reach, options_);
  const KvLayout layout(model.kv_layers, options_.kv_format);
  vocab_ = model.vocab;
  checkpoint_pages_ = {limits.global_pages, window_pages(model.reach, options_)};
  pool_ = std::make_unique<KvPool>(limits);
  auto backend = make_backend(layout, limits);
  if (!backend) return backend.error();
  backend_ = std::move(*backend);
  target_plans_.emplace(target_buckets(options_), [&](TargetShape shape) {
    return models_ ? make_plan(*backend_, models_->target, shape)
                   : Plan<TargetShape>{shape, 0, nullptr};
  });
  if (auto reserved = backend_->reserve(*target_plans_); !reserved) return reserved;
  if (!model.drafts) return {};
  draft_plans_.emplace(draft_buckets(options_), [&](DraftShape shape) {
    return models_ ? make_plan(*backend_, *models_->drafter, models_->target, shape)
                   : Plan<DraftShape>{shape, 0, nullptr};
  });
  return backend_->reserve(*draft_plans_);
}

Result<TargetOutput> Runtime::run(const TargetBatch& batch) {
  return backend_->run(Launch<TargetShape>::bind(*target_plans_, batch, *pool_));
}

Result<DraftOutput> Runtime::run(const DraftBatch& batch) {
  require(draft_plans_.has_value(), "drafting needs a drafter");
  return backend_->run(Launch<DraftShape>::bind(*draft_plans_, batch, *pool_));
}

}  // namespace outrider
