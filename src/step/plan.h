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

// A batch padded out to its plan: the only thing a backend accepts. Padding is a real row on a page
// nobody owns; a backend that can stop early computes the live rows only.
template <class Shape>
class Launch;

template <>
class Launch<TargetShape> {
 public:
  template <class Batch>
  requires std::same_as<typename Batch::Shape, TargetShape>
  static Launch bind(const PlanSet<TargetShape>& plans, const Batch& batch, const KvPool& pool) {
    return Launch(plans.covering(batch.shape()), batch, pool);
  }
  const Plan<TargetShape>& plan() const { return *plan_; }
  StepId step() const { return step_; }
  TargetShape live() const { return live_; }
  std::span<const Row> rows() const { return rows_; }  // plan().shape.rows of them
  std::span<const std::uint32_t> logit_rows() const {
    return logit_rows_;
  }  // likewise; padding repeats row 0

 private:
  Launch(const Plan<TargetShape>& plan, const TargetBatch& batch, const KvPool& pool);
  const Plan<TargetShape>* plan_;
  StepId step_;
  TargetShape live_;
  std::vector<Row> rows_;
  std::vector<std::uint32_t> logit_rows_;
};

template <>
class Launch<DraftShape> {
 public:
  template <class Batch>
  requires std::same_as<typename Batch::Shape, DraftShape>
  static Launch bind(const PlanSet<DraftShape>& plans, const Batch& batch, const KvPool& pool) {
    return Launch(plans.covering(batch.shape()), batch, pool);
  }
  const Plan<DraftShape>& plan() const { return *plan_; }
  DraftShape live() const { return live_; }
  std::span<const Row> rows() const { return rows_; }
  std::span<const HiddenRow> hidden() const {
    return hidden_;
  }  // one per live row, or none: chained

 private:
  Launch(const Plan<DraftShape>& plan, const DraftBatch& batch, const KvPool& pool);
  const Plan<DraftShape>* plan_;
  DraftShape live_;
  std::vector<Row> rows_;
  std::vector<HiddenRow> hidden_;
};

}  // namespace outrider
