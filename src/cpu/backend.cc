#include "cpu/backend.h"

#include <algorithm>
#include <cstring>

namespace outrider {

Result<std::unique_ptr<CpuBackend>> CpuBackend::create(const KvLayout& layout,
                                                       const KvLimits& limits,
                                                       const CpuOptions& options) {
  return create(layout, limits, options, best_cpu_kernels());
}

Result<std::unique_ptr<CpuBackend>> CpuBackend::create(const KvLayout& layout,
                                                       const KvLimits& limits,
                                                       const CpuOptions& options,
                                                       const CpuKernels& kernels) {
  std::unique_ptr<CpuBackend> backend(new CpuBackend(layout, options, kernels));
  const std::size_t pages[kKvGroups] = {limits.global_pages, limits.sliding_pages};
  for (std::size_t group = 0; group < kKvGroups; ++group) {
    const std::size_t page_bytes = layout.page_bytes(static_cast<KvGroup>(group));
    auto arena = AlignedBuffer::allocate(pages[group] * page_bytes, "the KV cache");
    if (!arena) return arena.error();
    backend->arenas_[group] = std::move(*arena);
  }
  return backend;
}

template <class Shape>
Result<void> CpuBackend::reserve_space(const PlanSet<Shape>& plans, AlignedBuffer& space) {
  if (auto packed = weights_.status(); !packed) return packed;
  auto workspace = AlignedBuffer::allocate(plans.workspace_bytes(), "the workspace");
  if (!workspace) return workspace.error();
  space = std::move(*workspace);
  for (const auto& plan : plans.plans()) {
    const auto& program = static_cast<const CpuProgram&>(*plan.program);
    thread_scratch_bytes_ =
        std::max(thread_scratch_bytes_, (program.thread_scratch_bytes + 63) / 64 * 64);
  }
  auto scratch =
      AlignedBuffer::allocate(thread_scratch_bytes_ * options_.threads, "the threads' scratch");
  if (!scratch) return scratch.error();
  thread_scratch_ = std::move(*scratch);
  return {};
}

Result<void> CpuBackend::reserve(const PlanSet<TargetShape>& plans) {
  return reserve_space(plans, target_space_);
}
Result<void> CpuBackend::reserve(const PlanSet<DraftShape>& plans) {
  return reserve_space(plans, draft_space_);
}

CpuLaunch CpuBackend::launch_on(AlignedBuffer& space, std::span<const Row> rows) {
  return {.kernels = kernels_,
          .workspace = reinterpret_cast<float*>(space.data()),
          .rows = rows,
          .logit_rows = {},
          .hidden = {},
          .layout = layout_,
          .pages = {arenas_[0].data(), arenas_[1].data()},
          .thread_scratch = thread_scratch_.bytes(),
          .thread_scratch_bytes = thread_scratch_bytes_};
}

// Rows as a dense tensor: where they lie if nothing is between them, else copied.
View<const float, 2> CpuBackend::packed(const AlignedBuffer& space, const Rows& rows,
                                        std::size_t count, std::vector<float>& into) const {
  const float* first = reinterpret_cast<const float*>(space.data()) + rows.offset;
  const std::array<std::uint32_t, 2> extent = {static_cast<std::uint32_t>(count), rows.width};
  if (rows.stride == rows.width) return {{first, count * rows.width}, extent};
  into.resize(count * rows.width);
  for (std::size_t i = 0; i < count; ++i)
    std::copy_n(first + i * rows.stride, rows.width, &into[i * rows.width]);
  return {into, extent};
}

Result<TargetOutput> CpuBackend::run(const Launch<TargetShape>& launch) {
  const auto& program = static_cast<const CpuProgram&>(*launch.plan().program);
  require(launch.plan().workspace_bytes <= target_space_.size(),
          "a launch fits the reserved workspace");
  CpuLaunch job = launch_on(target_space_, launch.rows().first(launch.live().rows));
  job.logit_rows = launch.logit_rows().first(launch.live().logit_rows);
  program.run(job, pool_);
  last_target_step_ = launch.step();
  target_hidden_ = {program.hidden, launch.live().logit_rows};
  return TargetOutput{launch.step(),
                      packed(target_space_, program.logits, job.logit_rows.size(), packed_logits_),
                      packed(target_space_, program.hidden, job.logit_rows.size(), packed_hidden_)};
}

Result<DraftOutput> CpuBackend::run(const Launch<DraftShape>& launch) {
  const auto& program = static_cast<const CpuProgram&>(*launch.plan().program);
  require(launch.plan().workspace_bytes <= draft_space_.size(),
          "a launch fits the reserved workspace");
  const std::size_t seqs = launch.live().seqs;
  CpuLaunch job = launch_on(draft_space_, launch.rows().first(seqs));
  hidden_inputs_.clear();
  for (const HiddenRow& hidden : launch.hidden()) hidden_inputs_.push_back(hidden_at(hidden));
  if (launch.hidden().empty()) {  // chained: each row goes on from its own last output
    require(draft_hidden_.count == seqs, "a chained draft step has the rows of the one before it");
    const std::size_t width = draft_hidden_.rows.width;
    const float* last =
        reinterpret_cast<const float*>(draft_space_.data()) + draft_hidden_.rows.offset;
    chained_.resize(seqs * width);  // copied: the step's scratch may lie where the last output was
    for (std::size_t i = 0; i < seqs; ++i) {
      std::copy_n(last + i * draft_hidden_.rows.stride, width, &chained_[i * width]);
      hidden_inputs_.push_back(&chained_[i * width]);
    }
  }
  job.hidden = hidden_inputs_;
  program.run(job, pool_);
  draft_hidden_ = {program.hidden, launch.live().seqs};
  return DraftOutput{packed(draft_space_, program.logits, seqs, packed_draft_logits_),
                     packed(draft_space_, program.hidden, seqs, packed_draft_hidden_)};
}

// Where one head's row is stored.
std::byte* CpuBackend::stored_row(const KvView& view, KvLayerId layer, std::uint32_t head,
                                  KvSide side, Pos pos) const {
  const KvLayerShape& shape = layout_.place(layer).shape;
  require(pos.value() < view.length(), "a stored row is a visible one");
  const PageId page = view.pages(shape.group)[pos.value() / kPageRows];
  require(page != KvPool::padding_page(), "a page that left the window is not touched");
  return arenas_[static_cast<std::size_t>(shape.group)].data() +
         page.value() * layout_.page_bytes(shape.group) + layout_.plane_offset(layer, head, side) +
         std::size_t{pos.value() % kPageRows} * shape.head_dim * kv_value_bytes(layout_.format());
}

void CpuBackend::read_kv(const KvView& view, KvLayerId layer, std::uint32_t head, KvSide side,
                         Pos pos, std::span<float> out) const {
  require(out.size() == layout_.place(layer).shape.head_dim, "a row is read whole");
  const std::byte* stored = stored_row(view, layer, head, side, pos);
  if (layout_.format() == KvFormat::kF32) {
    std::memcpy(out.data(), stored, out.size() * sizeof(float));
  } else {
    kernels_.widen_f16(reinterpret_cast<const std::uint16_t*>(stored), out.size(), out.data());
  }
}

void CpuBackend::write_kv(const KvView& view, KvLayerId layer, std::uint32_t head, KvSide side,
                          Pos pos, std::span<const float> row) {
  require(row.size() == layout_.place(layer).shape.head_dim, "a row is written whole");
  std::byte* stored = stored_row(view, layer, head, side, pos);
  if (layout_.format() == KvFormat::kF32) {
    std::memcpy(stored, row.data(), row.size() * sizeof(float));
  } else {
    kernels_.narrow_f16(row.data(), row.size(), reinterpret_cast<std::uint16_t*>(stored));
  }
}

float* CpuBackend::hidden_at(const HiddenRow& at) const {
  require(at.step() == last_target_step_ && at.logit_row() < target_hidden_.count,
          "a hidden row is one of the last target launch");
  return reinterpret_cast<float*>(target_space_.data()) + target_hidden_.rows.offset +
         std::size_t{at.logit_row()} * target_hidden_.rows.stride;
}

void CpuBackend::write_hidden(const HiddenRow& at, std::span<const float> row) {
  require(row.size() == target_hidden_.rows.width, "a hidden row is written whole");
  std::copy(row.begin(), row.end(), hidden_at(at));
}

}  // namespace outrider
