#include "cpu/recorder.h"

#include <algorithm>

#include "cpu/ops_row.h"

namespace outrider {

CpuRecording::CpuRecording(std::size_t all_rows, std::size_t logit_rows, const CpuOptions& options,
                           PackedWeights& weights)
    : all_rows_(all_rows), logit_rows_(logit_rows), options_(options), weights_(&weights) {}

std::size_t CpuRecording::take(std::size_t floats) {
  constexpr std::size_t kAlign = 16;  // a cache line of floats
  const std::size_t offset = used_;
  used_ += (floats + kAlign - 1) / kAlign * kAlign;
  most_ = std::max(most_, used_);
  return offset;
}

Rows CpuRecording::scratch(RowSet set, std::uint32_t width) {
  const std::uint32_t stride = divide_up(width, 16u) * 16;
  return {set, width, stride, take(rows_in(set) * stride)};
}

void CpuRecording::release(std::size_t mark) {
  used_ = mark;
  std::erase_if(rounded_,
                [&](const Rounded& r) { return r.offset >= mark || r.rows.offset >= mark; });
  std::erase_if(angles_, [&](const Angles& a) { return a.rows.offset >= mark; });
}

void CpuRecording::forget_codes_of(const Rows& written) {
  const auto end = [&](const Rows& r) { return r.offset + rows_in(r.set) * r.stride; };
  std::erase_if(rounded_, [&](const Rounded& r) {
    return r.rows.offset < end(written) && written.offset < end(r.rows);
  });
}

WeightMode CpuRecording::mode(const Weight& weight, const Rows& in) {
  program_->thread_scratch_bytes =
      std::max(program_->thread_scratch_bytes, weight_scratch_bytes(weight));
  return weight_mode(weight, options_.integer_activations && in.width % 32 == 0);
}

Activations CpuRecording::activations(Rows in, WeightMode mode) {
  if (mode != WeightMode::kCodes) return {in, 0};
  for (const Rounded& r : rounded_) {
    if (r.rows.offset == in.offset && r.rows.width == in.width) return {in, r.offset};
  }
  const Rows codes{in.set, code_floats(in.width), code_floats(in.width),
                   take(rows_in(in.set) * code_floats(in.width))};
  RoundToCodesOp op;
  op.x = {in, codes.offset};
  add(op, codes);
  rounded_.push_back({in, codes.offset});
  return op.x;
}

Rows CpuRecording::angles(const Rope& rope) {
  for (const Angles& made : angles_) {
    if (made.frequency == rope.frequency.data()) return made.rows;
  }
  AnglesOp op;
  op.frequency = rope.frequency;
  op.out = scratch(RowSet::kAll, rope.head_dim);
  add(op, op.out);
  angles_.push_back({rope.frequency.data(), op.out});
  return op.out;
}

void CpuRecording::output(Rows logits, Rows hidden) {
  program_->logits = logits;
  program_->hidden = hidden;
}

namespace {

// The operations target and drafter share, over whichever interface the model was given.
template <class Interface, class Shape>
class CommonRecorder : public Interface {
 public:
  CommonRecorder(Shape shape, CpuRecording recording) : shape_(shape), cpu_(std::move(recording)) {}

  Rows scratch(RowSet set, std::uint32_t width) override { return cpu_.scratch(set, width); }

  void embed(const Weight& table, float scale, Rows out) override {
    EmbedOp op;
    op.table = table;
    op.scale = scale;
    op.per_layer =
        embedded_++ > 0;  // the first table makes the stream, a second one its per-layer inputs
    op.out = out;
    cpu_.add(op, out);
  }
  void rms_norm(Rows in, const Gain& gain, Rows out) override {
    RmsNormOp op;
    op.in = in, op.gain = gain, op.out = out;
    require(in.width % gain.width == 0 && in.width == out.width, "a norm covers whole heads");
    cpu_.add(op, out);
  }
  void matmul(Rows in, const Weight& w, Rows out) override {
    require(in.width == w.cols && out.width == w.rows && in.set == out.set,
            "a matrix fits its rows");
    if (cpu_.packs(w, w.rows)) {
      PackedMatmulOp op;
      op.x = cpu_.activations(in, WeightMode::kCodes);
      op.w = cpu_.weights().of(w), op.out = out;
      return cpu_.add(op, out);
    }
    MatmulOp op;
    op.mode = cpu_.mode(w, in);
    op.x = cpu_.activations(in, op.mode);
    op.w = w, op.out = out;
    cpu_.add(op, out);
  }
  void rope(Rows heads, const Rope& rope) override {
    RopeOp op;
    op.heads = heads, op.head_dim = rope.head_dim, op.angles = cpu_.angles(rope);
    cpu_.add(op, heads);
  }
  void attend(Rows q, const KvTarget& kv, Rows out) override {
    AttendOp op;
    op.q = q, op.kv = kv, op.out = out;
    require(q.width == out.width && kv.shape.head_dim % 8 == 0,
            "attention keeps its heads, multiples of 8 wide");
    cpu_.add(op, out);
  }
  void geglu(Rows gate, Rows up, Rows out) override {
    GegluOp op;
    op.gate = gate, op.up = up, op.out = out;
    require(gate.width == up.width && gate.width == out.width, "gate and up are of one width");
    cpu_.add(op, out);
  }
  void add(Rows in, Rows into) override {
    AddOp op;
    op.in = in, op.into = into;
    require(in.width == into.width && in.set == into.set, "rows add to rows of their kind");
    cpu_.add(op, into);
  }
  void scale(Rows rows, float factor) override {
    ScaleOp op;
    op.rows = rows, op.factor = factor;
    cpu_.add(op, rows);
  }
  void output(Rows logits, Rows hidden) override { cpu_.output(logits, hidden); }

  Plan<Shape> finish() { return {shape_, cpu_.workspace_bytes(), cpu_.take_program()}; }

 protected:
  CpuRecording& cpu() { return cpu_; }

 private:
  std::size_t scratch_mark() const override { return cpu_.mark(); }
  void scratch_release(std::size_t mark) override { cpu_.release(mark); }
  Shape shape_;
  CpuRecording cpu_;
  int embedded_ = 0;
};

class CpuTargetRecorder final : public CommonRecorder<TargetRecorder, TargetShape> {
 public:
  using CommonRecorder::CommonRecorder;

  void store_kv(Rows k, Rows v, KvLayerId layer) override {
    StoreKvOp op;
    op.k = k, op.v = v, op.layer = layer;
    cpu().add(op, Rows{});
  }
  void select_logit_rows(Rows in, Rows out) override {
    SelectOp op;
    op.in = in, op.out = out;
    require(in.set == RowSet::kAll && out.set == RowSet::kLogit && in.width == out.width,
            "all rows narrow to some");
    cpu().add(op, out);
  }
  Route route(Rows logits, std::uint32_t top, std::span<const float> expert_scale) override {
    RouteOp op;
    op.logits = logits, op.expert_scale = expert_scale;
    op.route = {cpu().scratch(logits.set, 2 * top), top};
    experts_ = logits.width;
    cpu().add(op, op.route.rows);
    return op.route;
  }
  void expert_matmul(Rows in, const Route& route, const Weight& stack, Rows out) override {
    const std::uint32_t height = divide_exact(stack.rows, experts_);
    require(in.width == stack.cols || in.width == route.top * stack.cols,
            "experts share a row or have one each");
    require(out.width == route.top * height, "each chosen expert has its place");
    if (cpu().packs(stack, height)) {
      PackedExpertMatmulOp op;
      op.x = cpu().activations(in, WeightMode::kCodes);
      op.stack = cpu().weights().of(stack);
      op.route = route, op.experts = experts_, op.out = out;
      return cpu().add(op, out);
    }
    ExpertMatmulOp op;
    op.mode = cpu().mode(stack, in);
    op.x = cpu().activations(in, op.mode);
    op.route = route, op.stack = stack, op.experts = experts_, op.out = out;
    cpu().add(op, out);
  }
  void expert_sum(Rows in, const Route& route, Rows out) override {
    ExpertSumOp op;
    op.in = in, op.route = route, op.out = out;
    cpu().add(op, out);
  }
  void finish_logits(Rows logits, float cap, std::span<const std::uint32_t> suppressed) override {
    FinishLogitsOp op;
    op.logits = logits, op.cap = cap, op.suppressed = suppressed;
    cpu().add(op, logits);
  }

 private:
  std::uint32_t experts_ = 1;
};

class CpuDraftRecorder final : public CommonRecorder<DraftRecorder, DraftShape> {
 public:
  using CommonRecorder::CommonRecorder;

  void hidden_input(Rows out) override {
    HiddenInputOp op;
    op.out = out;
    cpu().add(op, out);
  }
  void centroid_logits(Rows in, const CentroidHead& head, const Weight& table,
                       Rows logits) override {
    const Rows scores = cpu().scratch(in.set, head.centroids.rows);
    matmul(in, head.centroids, scores);
    ClusterPickOp pick;
    pick.scores = scores, pick.picked = cpu().scratch(in.set, head.top), pick.logits = logits;
    cpu().add(pick, logits);
    score_clusters(in, head, table, pick);
  }
  void suppress(Rows logits, std::span<const std::uint32_t> suppressed) override {
    if (suppressed.empty()) return;
    FinishLogitsOp op;
    op.logits = logits, op.cap = 0, op.suppressed = suppressed;
    cpu().add(op, logits);
  }

 private:
  void score_clusters(Rows in, const CentroidHead& head, const Weight& table,
                      const ClusterPickOp& pick) {
    const std::uint32_t size = divide_exact(table.rows, head.centroids.rows);
    if (cpu().packs(table, size)) {
      PackedClusterLogitsOp op;
      op.x = cpu().activations(in, WeightMode::kCodes);
      op.picked = pick.picked, op.ordering = head.ordering, op.logits = pick.logits;
      op.cluster_size = size, op.table = cpu().weights().of(table, head.ordering);
      return cpu().add(op, pick.logits);
    }
    ClusterLogitsOp op;
    op.mode = cpu().mode(table, in);
    op.x = cpu().activations(in, op.mode);
    op.picked = pick.picked, op.ordering = head.ordering, op.logits = pick.logits;
    op.cluster_size = size, op.table = table;
    cpu().add(op, pick.logits);
  }
};

}  // namespace

std::unique_ptr<TargetRecorder> make_cpu_recorder(TargetShape shape, const CpuOptions& options,
                                                  PackedWeights& weights) {
  return std::make_unique<CpuTargetRecorder>(
      shape, CpuRecording(shape.rows, shape.logit_rows, options, weights));
}
std::unique_ptr<DraftRecorder> make_cpu_recorder(DraftShape shape, const CpuOptions& options,
                                                 PackedWeights& weights) {
  return std::make_unique<CpuDraftRecorder>(shape, CpuRecording(shape.seqs, 0, options, weights));
}
Plan<TargetShape> finish_cpu_plan(std::unique_ptr<TargetRecorder> recorder) {
  return static_cast<CpuTargetRecorder&>(*recorder).finish();
}
Plan<DraftShape> finish_cpu_plan(std::unique_ptr<DraftRecorder> recorder) {
  return static_cast<CpuDraftRecorder&>(*recorder).finish();
}

}  // namespace outrider
