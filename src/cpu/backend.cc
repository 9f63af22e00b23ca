#include "cpu/backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "platform/machine_name.h"

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

std::string CpuBackend::device() const {
  return fmt::format("{} ({}, {} thread{})", cpu_name(), kernels_.target, options_.threads,
                     options_.threads == 1 ? "" : "s");
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
    if (program.guided_steps > guided_.size()) {
      guided_ = std::vector<GuidedWork>(program.guided_steps);
    }
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
          .thread_scratch_bytes = thread_scratch_bytes_,
          .guided = guided_};
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

// The first rows of each plane of a page, one page to a thread at a time.
void CpuBackend::copy_pages(std::span<const PageCopy> copies) {
  if (copies.empty()) return;
  pool_.run([&](std::uint32_t thread) {
    const Range part = share_of(copies.size(), thread, options_.threads);
    for (std::size_t i = part.begin; i < part.end; ++i) {
      const PageCopy& copy = copies[i];
      const std::size_t bytes = layout_.page_bytes(copy.group);
      std::byte* pages = arenas_[static_cast<std::size_t>(copy.group)].data();
      const std::byte* from = pages + copy.from.value() * bytes;
      std::byte* to = pages + copy.to.value() * bytes;
      for (std::uint32_t index = 0; index < layout_.layers(); ++index) {
        const KvLayerId layer(index);
        const KvLayerShape& shape = layout_.place(layer).shape;
        if (shape.group != copy.group) continue;
        const std::size_t rows =
            std::size_t{copy.rows} * shape.head_dim * kv_value_bytes(layout_.format());
        for (std::uint32_t head = 0; head < shape.kv_heads; ++head) {
          for (const KvSide side : {KvSide::kKey, KvSide::kValue}) {
            const std::size_t plane = layout_.plane_offset(layer, head, side);
            std::memcpy(to + plane, from + plane, rows);
          }
        }
      }
    }
  });
}

// Calls pick(i, sampler) for every i in [0, count), spread over the threads.
template <class Pick>
void CpuBackend::for_each_pick(std::size_t count, Pick&& pick) {
  pool_.run([&](std::uint32_t thread) {
    const Range part = share_of(count, thread, options_.threads);
    for (std::size_t i = part.begin; i < part.end; ++i) pick(i, samplers_[thread]);
  });
}

Result<TargetOutput> CpuBackend::run(const Launch<TargetShape>& launch) {
  const auto& program = static_cast<const CpuProgram&>(*launch.plan().program);
  require(launch.plan().workspace_bytes <= target_space_.size(),
          "a launch fits the reserved workspace");
  CpuLaunch job = launch_on(target_space_, launch.rows());
  job.logit_rows = launch.logit_rows();
  copy_pages(launch.batch().copies());
  program.run(job, pool_);
  last_target_step_ = launch.step();
  target_hidden_ = {program.hidden, launch.live().logit_rows};
  const TargetOutput output{
      launch.step(), packed(target_space_, program.logits, job.logit_rows.size(), packed_logits_),
      packed(target_space_, program.hidden, job.logit_rows.size(), packed_hidden_), &picks_};

  const TargetBatch& batch = launch.batch();
  const std::span<TokenId> picked = picks_.restart(launch.step(), job.logit_rows.size());
  for_each_pick(picked.size(), [&](std::size_t i, Sampler& sampler) {
    const auto row = static_cast<std::uint32_t>(i);
    picked[i] = sampler.pick(output.logits[i], batch.rule(row), batch.pick_pos(row),
                             batch.drafts_before(row));
  });
  return output;
}

// The hidden rows that a round's first draft step starts from: the judgements', or when a round
// goes on, each row's own last output.
void CpuBackend::start_round(const Launch<DraftShape>& launch) {
  const std::size_t seqs = launch.live().seqs;
  round_rows_.assign(launch.rows().begin(), launch.rows().end());
  round_seqs_.resize(seqs);
  std::iota(round_seqs_.begin(), round_seqs_.end(), 0u);
  drafted_.assign(seqs, Drafted{});
  hidden_inputs_.clear();
  for (const HiddenRow& hidden : launch.hidden()) hidden_inputs_.push_back(hidden_at(hidden));
  if (launch.hidden().empty()) {
    require(draft_hidden_.count == seqs, "a chained draft step has the rows of the one before it");
    chain(round_seqs_);
  }
}

// Each of these rows of the last draft step goes on from its own output. Copied: the next step's
// scratch may lie where that output was.
void CpuBackend::chain(std::span<const std::uint32_t> rows) {
  const std::size_t width = draft_hidden_.rows.width;
  const float* last =
      reinterpret_cast<const float*>(draft_space_.data()) + draft_hidden_.rows.offset;
  chained_.resize(rows.size() * width);
  hidden_inputs_.clear();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(last + std::size_t{rows[i]} * draft_hidden_.rows.stride, width,
                &chained_[i * width]);
    hidden_inputs_.push_back(&chained_[i * width]);
  }
}

DraftOutput CpuBackend::run_draft_step(const Launch<DraftShape>& launch) {
  const std::size_t seqs = round_rows_.size();
  const Plan<DraftShape>& plan = launch.plan(static_cast<std::uint32_t>(seqs));
  const auto& program = static_cast<const CpuProgram&>(*plan.program);
  CpuLaunch job = launch_on(draft_space_, round_rows_);
  job.hidden = hidden_inputs_;
  program.run(job, pool_);
  draft_hidden_ = {program.hidden, static_cast<std::uint32_t>(seqs)};
  return {drafted_, packed(draft_space_, program.logits, seqs, packed_draft_logits_),
          packed(draft_space_, program.hidden, seqs, packed_draft_hidden_)};
}

// Picks each drafting row's token; whether the row drafts on is left in goes_on_.
void CpuBackend::pick_drafts(const Launch<DraftShape>& launch, const View<const float, 2>& logits) {
  goes_on_.assign(round_seqs_.size(), 0);
  for_each_pick(round_seqs_.size(), [&](std::size_t i, Sampler& sampler) {
    const std::uint32_t seq = round_seqs_[i];
    const DraftRule& rule = launch.rules()[seq];
    Drafted& drafted = drafted_[seq];
    const std::size_t step = drafted.tokens.size();
    const PickRule& pick = rule.picks[step];
    const Pos pos(launch.rows()[seq].pos.value() + 1 + static_cast<std::uint32_t>(step));
    const TokenId token = sampler.pick(logits[i], pick, pos, drafted.tokens);
    const bool asked = rule.probabilities || rule.p_min > 0;
    const float chance = asked ? probability(logits[i], token) : 0.0f;
    if (rule.p_min > 0 && draft_confidence(logits[i], token, pick.noise) < rule.p_min) return;
    if (pick.noise == Noise::kDraft) {
      sampler.distribution(logits[i], pick, drafted.tokens,
                           distributions_[seq * kDraftsMax + step]);
    }
    drafted.tokens.push_back(token);
    drafted.probabilities.push_back(chance);
    const bool ends = std::find(rule.ends.begin(), rule.ends.end(), token) != rule.ends.end();
    goes_on_[i] = !ends && step + 1 < rule.picks.size() ? 1 : 0;
  });
}

Result<DraftOutput> CpuBackend::run(const Launch<DraftShape>& launch) {
  start_round(launch);
  const auto for_rejection = [](const DraftRule& rule) {
    return rule.picks.front().noise == Noise::kDraft;
  };
  if (std::any_of(launch.rules().begin(), launch.rules().end(), for_rejection)) {
    distributions_.resize(std::max(distributions_.size(), drafted_.size() * kDraftsMax));
  }
  while (true) {
    const DraftOutput output = run_draft_step(launch);
    pick_drafts(launch, output.logits);
    // Rows that draft on close ranks.
    staying_.clear();
    for (std::uint32_t i = 0; i < round_seqs_.size(); ++i) {
      if (goes_on_[i] == 0) continue;
      const std::uint32_t seq = round_seqs_[i];
      round_rows_[staying_.size()] = launch.rows()[seq];
      round_rows_[staying_.size()].source = RowSource(drafted_[seq].tokens.back());
      round_seqs_[staying_.size()] = seq;
      staying_.push_back(i);
    }
    if (staying_.empty()) {
      for (std::size_t seq = 0; seq < drafted_.size(); ++seq) {
        if (!for_rejection(launch.rules()[seq])) continue;
        drafted_[seq].drawn_from =
            std::span(distributions_).subspan(seq * kDraftsMax, drafted_[seq].tokens.size());
      }
      return output;
    }
    round_rows_.resize(staying_.size(), round_rows_.front());
    round_seqs_.resize(staying_.size());
    chain(staying_);
  }
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
