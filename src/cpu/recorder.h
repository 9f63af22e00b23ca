// The CPU's recorders: they turn what a model says into a list of operations over one workspace.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cpu/ops_matrix.h"
#include "cpu/packed_weights.h"
#include "cpu/phase.h"
#include "cpu/program.h"
#include "step/plan.h"
#include "step/recorder.h"

namespace outrider {

struct CpuOptions {
  std::uint32_t threads = 1;
  // Quantised weights meet activations rounded to eight bits; otherwise they are widened to float.
  bool integer_activations = true;
};

// What both recorders share, as a mixin over the interface that a model sees.
class CpuRecording {
 public:
  CpuRecording(std::size_t all_rows, std::size_t logit_rows, const CpuOptions& options,
               PackedWeights& weights);

  Rows scratch(RowSet set, std::uint32_t width);
  std::size_t mark() const { return used_; }
  void release(std::size_t mark);
  // Of the largest launch.
  std::size_t rows_in(RowSet set) const { return set == RowSet::kAll ? all_rows_ : logit_rows_; }
  // At least this much scratch for each thread.
  void need_scratch(std::size_t bytes);

  // Adds an operation that touches nothing but what is listed.
  template <class Op>
  void add(Op op, std::initializer_list<Access> accesses) {
    for (const Access& access : accesses) {
      if (access.kind == Access::Kind::kWrite) forget_codes_of(access.rows);
    }
    const bool meet = phase_.add(accesses);
    program_->steps.push_back({meet, false, std::make_unique<Op>(std::move(op))});
  }
  // Adds one whose work is handed out while it is done: any thread may touch any part of what it
  // writes.
  template <class Op>
  void add_guided(Op op, std::initializer_list<Access> accesses) {
    add(std::move(op), accesses);
    program_->steps.back().guided = true;
    ++program_->guided_steps;
  }
  // Adds an operation that writes `written` and may read anything.
  template <class Op>
  void add(Op op, const Rows& written) {
    forget_codes_of(written);
    const bool meet = phase_.add_unknown();
    program_->steps.push_back({meet, false, std::make_unique<Op>(std::move(op))});
  }
  Activations activations(Rows in, WeightMode mode);
  // How the current phase has written these rows.
  Split written(const Rows& rows) const { return phase_.written(rows); }
  // How a matrix reads its activations: all of every row, on every thread.
  Access reads(const Activations& x, WeightMode mode) const;
  WeightMode mode(const Weight& weight, const Rows& in);
  // Whether the weight is multiplied in its packed form, in parts of `unit` rows.
  bool packs(const Weight& weight, std::size_t unit) const {
    return options_.integer_activations && weights_->packs(weight, unit);
  }
  PackedWeights& weights() { return *weights_; }
  Rows angles(const Rope& rope);

  void output(Rows logits, Rows hidden);
  std::size_t workspace_bytes() const { return most_ * sizeof(float); }
  std::unique_ptr<CpuProgram> take_program() { return std::move(program_); }

 private:
  std::size_t take(std::size_t floats);
  Split split_for_rounding(const Rows& in) const;
  void forget_codes_of(const Rows& written);

  // Where codes of rows lie, in tiles as well if the launch has many.
  Rows code_rows(const Rows& in, std::size_t offset) const;
  struct Angles {
    const float* frequency;
    Rows rows;
  };
  std::size_t all_rows_, logit_rows_;
  Phase phase_;
  CpuOptions options_;
  PackedWeights* weights_;
  std::size_t used_ = 0, most_ = 0;  // floats
  // Rows already rounded, valid until they are written or the place of their codes is released.
  std::vector<Activations> rounded_;
  std::vector<Angles> angles_;
  std::unique_ptr<CpuProgram> program_ = std::make_unique<CpuProgram>();
};

std::unique_ptr<TargetRecorder> make_cpu_recorder(TargetShape shape, const CpuOptions& options,
                                                  PackedWeights& weights);
std::unique_ptr<DraftRecorder> make_cpu_recorder(DraftShape shape, const CpuOptions& options,
                                                 PackedWeights& weights);
Plan<TargetShape> finish_cpu_plan(std::unique_ptr<TargetRecorder> recorder);
Plan<DraftShape> finish_cpu_plan(std::unique_ptr<DraftRecorder> recorder);

}  // namespace outrider
