#include "engine/runtime.h"

#include <algorithm>

namespace outrider {
namespace {

// Few rows in powers of two up to a chunk, with as many logit rows as there can be.
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

std::uint64_t tensor_bytes(const GgufFile& file) {
  std::uint64_t bytes = 0;
  for (const GgufTensor& tensor : file.tensors()) bytes += tensor.bytes.size();
  return bytes;
}

Error no_device() {
  return {ErrorCode::kDevice, "the device was lost and could not be opened again"};
}

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::load(const std::string& target_path,
                                               const std::string& drafter_path,
                                               const RuntimeOptions& options,
                                               const MakeBackend& make_backend) {
  auto target = load_target(target_path);
  if (!target) return target.error();
  std::unique_ptr<Runtime> runtime(new Runtime(options, make_backend));
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
      .drafts = models.drafter.has_value(),
      .context = models.target.config.context};
  if (auto prepared = runtime->prepare(outline); !prepared) return prepared.error();
  return runtime;
}

Result<std::unique_ptr<Runtime>> Runtime::outline(const ModelOutline& model,
                                                  const RuntimeOptions& options,
                                                  const MakeBackend& make_backend) {
  std::unique_ptr<Runtime> runtime(new Runtime(options, make_backend));
  if (auto prepared = runtime->prepare(model); !prepared) return prepared.error();
  return runtime;
}

std::uint64_t Runtime::weights_bytes() const {
  if (!models_) return 0;
  return tensor_bytes(models_->target.file) +
         (models_->drafter ? tensor_bytes(models_->drafter->file) : 0);
}

RuntimeMemory Runtime::memory() const {
  return {.weights_bytes = weights_bytes(),
          .workspace_bytes = workspace_bytes_,
          .kv = describe(budget_, *layout_)};
}

Result<KvBudget> Runtime::plan_pages(const ModelOutline& model, std::uint32_t context) const {
  const KvNeeds needs{.sequences = options_.sequences,
                      .sequence_rows = context,
                      .append_rows = std::min(options_.chunk_rows, context),
                      .window = model.reach};
  if (options_.kv_bytes) return plan_kv(*options_.kv_bytes, needs, *layout_);
  std::uint64_t bytes = kv_bytes_for_all(needs, *layout_);
  if (options_.memory_bytes) {
    const std::uint64_t weights = std::min(weights_bytes(), *options_.memory_bytes);
    bytes = std::min(bytes, (*options_.memory_bytes - weights) / 2);
  }
  return plan_kv(bytes, needs, *layout_);
}

// In whole pages where it is less than what the model was trained for; at least one.
std::uint32_t Runtime::longest_context(const ModelOutline& model) const {
  const std::uint32_t trained = std::clamp(model.context, 1u, kContextMax);
  const auto rows = [trained](std::uint32_t pages) { return std::min(pages * kPageRows, trained); };
  std::uint32_t fit = 1, too_many = divide_up(trained, kPageRows) + 1;
  while (too_many - fit > 1) {
    const std::uint32_t pages = fit + (too_many - fit) / 2;
    (plan_pages(model, rows(pages)) ? fit : too_many) = pages;
  }
  return rows(fit);
}

Result<void> Runtime::prepare(const ModelOutline& model) {
  if (options_.logit_rows == 0) {
    options_.logit_rows = options_.sequences * (model.drafts ? options_.drafts + 1 : 1);
    options_.chunk_rows = std::max(options_.chunk_rows, options_.logit_rows);
  }
  vocab_ = model.vocab;
  layout_.emplace(model.kv_layers, options_.kv_format);
  if (options_.context == 0) options_.context = longest_context(model);
  auto budget = plan_pages(model, options_.context);
  if (!budget) return budget.error();
  budget_ = *budget;
  pool_ = std::make_unique<KvPool>(budget_.limits);
  drafts_ = model.drafts;
  return reopen();
}

Result<void> Runtime::reopen() {
  target_plans_.reset();
  draft_plans_.reset();
  backend_.reset();  // before the new one: there may be memory for one only
  auto opened = make_backend_(*layout_, budget_.limits);
  if (!opened) return opened.error();
  std::unique_ptr<Backend> backend = std::move(*opened);
  device_ = backend->device();
  target_plans_.emplace(target_buckets(options_), [&](TargetShape shape) {
    return models_ ? make_plan(*backend, models_->target, shape)
                   : Plan<TargetShape>{shape, 0, nullptr};
  });
  if (auto reserved = backend->reserve(*target_plans_); !reserved) return reserved;
  if (drafts_) {
    draft_plans_.emplace(draft_buckets(options_), [&](DraftShape shape) {
      return models_ ? make_plan(*backend, *models_->drafter, models_->target, shape)
                     : Plan<DraftShape>{shape, 0, nullptr};
    });
    if (auto reserved = backend->reserve(*draft_plans_); !reserved) return reserved;
  }
  workspace_bytes_ =
      target_plans_->workspace_bytes() + (draft_plans_ ? draft_plans_->workspace_bytes() : 0);
  backend_ = std::move(backend);
  return {};
}

Result<TargetOutput> Runtime::run(const TargetBatch& batch) {
  if (!backend_) return no_device();
  return backend_->run(Launch<TargetShape>::bind(*target_plans_, batch, *pool_));
}

Result<DraftOutput> Runtime::run(const DraftBatch& batch) {
  require(drafts_, "drafting needs a drafter");
  if (!backend_) return no_device();
  return backend_->run(Launch<DraftShape>::bind(*draft_plans_, batch, *pool_));
}

}  // namespace outrider
