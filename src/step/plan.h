// A plan is a pure function of a model and a shape. Reserving memory means asking every bucket's
// plan how much it needs; executing means picking one of those same plans.
#pragma once
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/contract.h"
#include "kv/pool.h"
#include "step/batch.h"
#include "step/shape.h"

namespace outrider {

// What a backend recorded: its own list of operations or command buffers.
class Program {
 public:
  virtual ~Program() = default;
};

template <class Shape>
struct Plan {
  Shape shape;
  std::size_t workspace_bytes;
  std::unique_ptr<Program> program;
};

template <class Shape>
class PlanSet {
 public:
  // Buckets smallest first; the first that covers a batch is used. `make` maps a Shape to its Plan.
  template <class Make>
  PlanSet(std::span<const Shape> buckets, Make&& make) {
    for (const Shape& bucket : buckets) plans_.push_back(make(bucket));
  }

  std::size_t workspace_bytes() const {
    std::size_t most = 0;
    for (const auto& plan : plans_) most = std::max(most, plan.workspace_bytes);
    return most;
  }
  const Shape& largest() const { return plans_.back().shape; }
  std::span<const Plan<Shape>> plans() const { return plans_; }

  const Plan<Shape>& covering(Shape need) const {
    for (const auto& plan : plans_) {
      if (plan.shape.covers(need)) return plan;
    }
    contract_failed("the scheduler keeps every batch within the largest bucket");
  }

 private:
  std::vector<Plan<Shape>> plans_;
};

// A batch bound to the plan that covers it: the only thing a backend accepts. It borrows the batch,
// which stays as it is until the launch has run. A plan has more rows than the batch where no
// bucket fits; the rest are padding, a real row on a page nobody owns. A backend that can stop
// early computes the live rows only.
template <class Shape>
class Launch;

inline Row padding_row(const KvPool& pool) {
  return {TokenId(0), Pos(0), pool.padding()};
}

template <>
class Launch<TargetShape> {
 public:
  template <class Batch>
  requires std::same_as<typename Batch::Shape, TargetShape>
  static Launch bind(const PlanSet<TargetShape>& plans, const Batch& batch, const KvPool& pool) {
    return Launch(plans.covering(batch.shape()), batch, pool);
  }
  const Plan<TargetShape>& plan() const { return *plan_; }
  StepId step() const { return batch().step(); }
  TargetShape live() const { return live_; }
  std::span<const Row> rows() const { return batch().rows(); }  // the live ones
  std::span<const std::uint32_t> logit_rows() const { return batch().logit_rows(); }  // likewise
  const TargetBatch& batch() const {
    require(batch_->shape() == live_, "a batch stays as it is until its launch has run");
    return *batch_;
  }
  const Row& padding() const { return padding_; }  // stands for rows behind the live ones

 private:
  Launch(const Plan<TargetShape>& plan, const TargetBatch& batch, const KvPool& pool)
      : plan_(&plan), batch_(&batch), live_(batch.shape()), padding_(padding_row(pool)) {}
  const Plan<TargetShape>* plan_;
  const TargetBatch* batch_;
  TargetShape live_;
  Row padding_;
};

// A whole round: every sequence drafts until its rule ends it, in one launch.
template <>
class Launch<DraftShape> {
 public:
  template <class Batch>
  requires std::same_as<typename Batch::Shape, DraftShape>
  static Launch bind(const PlanSet<DraftShape>& plans, const Batch& batch, const KvPool& pool) {
    return Launch(plans, batch, pool);
  }
  // The plan for a draft step in which so many sequences still draft.
  const Plan<DraftShape>& plan(std::uint32_t drafting) const {
    require(drafting <= live_.seqs, "no sequence joins a round later");
    return plans_->covering({drafting});
  }
  const Plan<DraftShape>& plan() const { return plan(live_.seqs); }
  DraftShape live() const { return live_; }
  std::span<const Row> rows() const { return batch().rows(); }
  // One per live row, or none: chained to the round before.
  std::span<const HiddenRow> hidden() const { return batch().hidden(); }
  std::span<const DraftRule> rules() const { return batch().rules(); }
  const Row& padding() const { return padding_; }

 private:
  Launch(const PlanSet<DraftShape>& plans, const DraftBatch& batch, const KvPool& pool)
      : plans_(&plans), batch_(&batch), live_(batch.shape()), padding_(padding_row(pool)) {
    static_cast<void>(plans.covering(live_));
  }
  const DraftBatch& batch() const {
    require(batch_->shape() == live_, "a batch stays as it is until its launch has run");
    return *batch_;
  }
  const PlanSet<DraftShape>* plans_;
  const DraftBatch* batch_;
  DraftShape live_;
  Row padding_;
};

}  // namespace outrider
