// The CPU backend: KV arenas, workspaces and the thread pool that walks plans.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cpu/buffer.h"
#include "cpu/kernels.h"
#include "cpu/packed_weights.h"
#include "cpu/program.h"
#include "cpu/recorder.h"
#include "sample/sampler.h"
#include "step/backend.h"

namespace outrider {

class CpuBackend final : public Backend {
 public:
  // Arenas for the pool's pages. Fails (kExhausted) when there is no memory for them.
  static Result<std::unique_ptr<CpuBackend>> create(const KvLayout& layout, const KvLimits& limits,
                                                    const CpuOptions& options);
  // The same with a given kernel table, for tests of one instruction set.
  static Result<std::unique_ptr<CpuBackend>> create(const KvLayout& layout, const KvLimits& limits,
                                                    const CpuOptions& options,
                                                    const CpuKernels& kernels);

  std::string device() const override;  // "AMD EPYC 7B13 (AVX2, 2 threads)"
  std::unique_ptr<TargetRecorder> record(TargetShape shape) override {
    return make_cpu_recorder(shape, options_, weights_);
  }
  std::unique_ptr<DraftRecorder> record(DraftShape shape) override {
    return make_cpu_recorder(shape, options_, weights_);
  }
  Plan<TargetShape> finish(std::unique_ptr<TargetRecorder> recorder) override {
    return finish_cpu_plan(std::move(recorder));
  }
  Plan<DraftShape> finish(std::unique_ptr<DraftRecorder> recorder) override {
    return finish_cpu_plan(std::move(recorder));
  }
  Result<void> reserve(const PlanSet<TargetShape>& plans) override;
  Result<void> reserve(const PlanSet<DraftShape>& plans) override;
  Result<TargetOutput> run(const Launch<TargetShape>& launch) override;
  Result<DraftOutput> run(const Launch<DraftShape>& launch) override;
  void read_kv(const KvView& view, KvLayerId layer, std::uint32_t head, KvSide side, Pos pos,
               std::span<float> out) const override;
  void write_kv(const KvView& view, KvLayerId layer, std::uint32_t head, KvSide side, Pos pos,
                std::span<const float> row) override;
  void write_hidden(const HiddenRow& at, std::span<const float> row) override;

  const char* target() const { return kernels_.target; }
  std::size_t kv_bytes() const { return arenas_[0].size() + arenas_[1].size(); }
  std::size_t workspace_bytes() const { return target_space_.size() + draft_space_.size(); }

 private:
  // One model's scratch: separate for target and drafter, so that hidden rows outlive the draft
  // steps they start.
  struct Output {
    Rows rows;
    std::uint32_t count = 0;
  };
  CpuBackend(const KvLayout& layout, const CpuOptions& options, const CpuKernels& kernels)
      : layout_(layout),
        options_(options),
        kernels_(kernels),
        pool_(options.threads),
        weights_(kernels_, pool_),
        samplers_(options.threads) {}

  template <class Shape>
  Result<void> reserve_space(const PlanSet<Shape>& plans, AlignedBuffer& space);
  CpuLaunch launch_on(AlignedBuffer& space, std::span<const Row> rows);
  void copy_pages(std::span<const PageCopy> copies);
  template <class Pick>
  void for_each_pick(std::size_t count, Pick&& pick);
  void start_round(const Launch<DraftShape>& launch);
  void chain(std::span<const std::uint32_t> rows);
  DraftOutput run_draft_step(const Launch<DraftShape>& launch);
  void pick_drafts(const Launch<DraftShape>& launch, const View<const float, 2>& logits);
  std::byte* stored_row(const KvView& view, KvLayerId layer, std::uint32_t head, KvSide side,
                        Pos pos) const;
  float* hidden_at(const HiddenRow& at) const;
  View<const float, 2> packed(const AlignedBuffer& space, const Rows& rows, std::size_t count,
                              std::vector<float>& into) const;

  KvLayout layout_;
  CpuOptions options_;
  CpuKernels kernels_;
  ThreadPool pool_;
  PackedWeights weights_;
  AlignedBuffer arenas_[kKvGroups];
  AlignedBuffer target_space_, draft_space_, thread_scratch_;
  std::size_t thread_scratch_bytes_ = 0;
  std::vector<GuidedWork> guided_;

  StepId last_target_step_{0};
  Output target_hidden_, draft_hidden_;
  std::vector<Sampler> samplers_;  // one per thread
  Picks picks_{StepId(0), {}};

  // The draft round in progress: the rows that still draft, and whose they are.
  std::vector<Row> round_rows_;
  std::vector<std::uint32_t> round_seqs_, staying_;
  std::vector<std::uint8_t> goes_on_;  // per drafting row
  std::vector<Drafted> drafted_;       // per sequence
  std::vector<Distribution>
      distributions_;  // [sequences, kDraftsMax], where drafts are for rejection
  std::vector<const float*> hidden_inputs_;
  std::vector<float> packed_logits_, packed_hidden_, packed_draft_logits_, packed_draft_hidden_,
      chained_;
};

}  // namespace outrider
