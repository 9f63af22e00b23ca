#include "cpu/recorder.h"

#include <algorithm>
#include <limits>

#include "cpu/ops_attention.h"
#include "cpu/ops_row.h"

namespace outrider {
namespace {

constexpr std::size_t kLine = 16;  // a cache line of floats

}  // namespace

CpuRecording::CpuRecording(std::size_t all_rows, std::size_t logit_rows, const CpuOptions& options,
                           PackedWeights& weights)
    : all_rows_(all_rows),
      logit_rows_(logit_rows),
      phase_(all_rows, logit_rows),
      options_(options),
      weights_(&weights) {}

std::size_t CpuRecording::take(std::size_t floats) {
  const std::size_t offset = used_;
  used_ += divide_up(floats, kLine) * kLine;
  most_ = std::max(most_, used_);
  return offset;
}

Rows CpuRecording::scratch(RowSet set, std::uint32_t width) {
  const std::uint32_t stride = divide_up(width, 16u) * 16;
  return {set, width, stride, take(rows_in(set) * stride)};
}

void CpuRecording::release(std::size_t mark) {
  used_ = mark;
  std::erase_if(rounded_, [&](const Activations& x) {
    return x.codes_offset >= mark || x.floats.offset >= mark;
  });
  std::erase_if(angles_, [&](const Angles& a) { return a.rows.offset >= mark; });
}

void CpuRecording::forget_codes_of(const Rows& written) {
  std::erase_if(rounded_, [&](const Activations& x) {
    return x.floats.offset < phase_.end_of(written) && written.offset < phase_.end_of(x.floats);
  });
}

WeightMode CpuRecording::mode(const Weight& weight, const Rows& in) {
  need_scratch(weight_scratch_bytes(weight));
  return weight_mode(weight, options_.integer_activations && in.width % 32 == 0);
}

// Behind the codes come tiles; all of it counts as rows of one width, so that nothing overlooks it.
Rows CpuRecording::code_rows(const Rows& in, std::size_t offset) const {
  const std::size_t rows = rows_in(in.set);
  std::size_t floats = rows * code_floats(in.width);
  if (weights_->tiles().take(rows)) {
    floats += kLine + code_tiles(rows, in.width / 32) * sizeof(CodeTile) / sizeof(float);
  }
  const auto stride = static_cast<std::uint32_t>(divide_up(floats, std::max<std::size_t>(rows, 1)));
  return {in.set, stride, stride, offset};
}

// By whoever has written a part of the rows, if that is known and blocks of codes stay whole: then
// nobody has to wait.
Split CpuRecording::split_for_rounding(const Rows& in) const {
  const Split written = phase_.written(in);
  if (written.kind == Split::Kind::kColumns) return written;
  const bool whole_blocks =
      written.kind == Split::Kind::kParts && in.width % (std::uint32_t{32} * written.parts) == 0;
  return whole_blocks ? written : Split::by_parts(1);
}

Activations CpuRecording::activations(Rows in, WeightMode mode) {
  if (mode != WeightMode::kCodes) return {in, 0};
  for (const Activations& x : rounded_) {
    if (x.floats.offset == in.offset && x.floats.width == in.width) return x;
  }
  const std::size_t rows = rows_in(in.set);
  RoundToCodesOp op;
  op.x.floats = in;
  op.x.codes_offset = take(rows * code_rows(in, 0).stride);
  if (weights_->tiles().take(rows)) {
    const std::size_t behind = op.x.codes_offset + rows * code_floats(in.width);
    op.x.tiles_offset = divide_up(behind, kLine) * kLine;
  }
  op.split = split_for_rounding(in);
  const Rows codes = code_rows(in, op.x.codes_offset);
  add(op, {Access::read(in, op.split), Access::write(codes, op.split)});
  rounded_.push_back(op.x);
  return op.x;
}

Access CpuRecording::reads(const Activations& x, WeightMode mode) const {
  const Rows rows = mode == WeightMode::kCodes ? code_rows(x.floats, x.codes_offset) : x.floats;
  return Access::read(rows, Split::anyhow());
}

void CpuRecording::need_scratch(std::size_t bytes) {
  program_->thread_scratch_bytes = std::max(program_->thread_scratch_bytes, bytes);
}

Rows CpuRecording::angles(const Rope& rope) {
  for (const Angles& made : angles_) {
    if (made.frequency == rope.frequency.data()) return made.rows;
  }
  AnglesOp op;
  op.frequency = rope.frequency;
  op.out = scratch(RowSet::kAll, rope.head_dim);
  add(op, {Access::write(op.out, Split::by_parts(1))});
  angles_.push_back({rope.frequency.data(), op.out});
  return op.out;
}

void CpuRecording::output(Rows logits, Rows hidden) {
  program_->logits = logits;
  program_->hidden = hidden;
}

namespace {

constexpr Split kWholeRows = Split::by_parts(1), kColumns = Split::by_columns();
// Launches of more rows than this keep all threads busy with whole rows.
constexpr std::size_t kRowsInStretches = 16;
// A launch of so many products takes one thread some 20 us, long enough to be handed out in pieces.
constexpr std::size_t kGuidedLeast = std::size_t{1} << 20;
// Stands for the stored keys and values, which lie outside the workspace.
constexpr Rows kStoredKv{RowSet::kAll, 1, 1, std::numeric_limits<std::size_t>::max() / 2};

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
    cpu_.add(op, {Access::write(out, kWholeRows)});
  }
  void rms_norm(Rows in, const Gain& gain, Rows out) override {
    RmsNormOp op;
    op.in = in, op.gain = gain, op.out = out;
    require(in.width % gain.width == 0 && in.width == out.width, "a norm covers whole heads");
    const Split split = Split::by_parts(in.width / gain.width);
    cpu_.add(op, {Access::read(in, split), Access::write(out, split)});
  }
  void matmul(Rows in, const Weight& w, Rows out) override {
    require(in.width == w.cols && out.width == w.rows && in.set == out.set,
            "a matrix fits its rows");
    if (cpu_.packs(w, w.rows)) {
      cpu_.need_scratch(cpu_.weights().tiles().scratch_bytes);
      PackedMatmulOp op;
      op.x = cpu_.activations(in, WeightMode::kCodes);
      op.w = cpu_.weights().of(w), op.out = out;
      return add_product(op, WeightMode::kCodes);
    }
    MatmulOp op;
    op.mode = cpu_.mode(w, in);
    op.x = cpu_.activations(in, op.mode);
    op.w = w, op.out = out;
    add_product(op, op.mode);
  }
  void rope(Rows heads, const Rope& rope) override {
    RopeOp op;
    op.heads = heads, op.head_dim = rope.head_dim, op.angles = cpu_.angles(rope);
    const Split split = Split::by_parts(heads.width / rope.head_dim);
    const bool own_angles = heads.set == RowSet::kAll;
    cpu_.add(op, {Access::write(heads, split),
                  Access::read(op.angles, own_angles ? split : Split::anyhow())});
  }
  void attend(Rows q, const KvTarget& kv, Rows out) override {
    require(q.width == out.width && kv.shape.head_dim % 8 == 0,
            "attention keeps its heads, multiples of 8 wide");
    if (cpu_.rows_in(q.set) > kRowsInStretches) {
      AttendOp op;
      op.q = q, op.kv = kv, op.out = out;
      cpu_.need_scratch(attention_scratch_bytes(q.width, kv.shape));
      return cpu_.add_guided(
          op, {Access::read(q, Split::anyhow()), Access::read(kStoredKv, Split::anyhow()),
               Access::write(out, Split::anyhow())});
    }
    const std::uint32_t heads = q.width / kv.shape.head_dim;
    const auto state = static_cast<std::uint32_t>(attention_stride(kv.shape.head_dim));
    AttendStretchesOp parts;
    parts.q = q, parts.kv = kv;
    parts.states = cpu_.scratch(q.set, kStretchesMost * heads * state);
    cpu_.add_guided(parts,
                    {Access::read(q, Split::anyhow()), Access::read(kStoredKv, Split::anyhow()),
                     Access::write(parts.states, Split::anyhow())});
    MergeStretchesOp op;
    op.kv = kv, op.states = parts.states, op.out = out;
    const Split split = Split::by_parts(heads);
    cpu_.add(op, {Access::write(parts.states, split), Access::write(out, split)});
  }
  void geglu(Rows gate, Rows up, Rows out) override {
    GegluOp op;
    op.gate = gate, op.up = up, op.out = out;
    require(gate.width == up.width && gate.width == out.width, "gate and up are of one width");
    cpu_.add(op, {Access::read(gate, kColumns), Access::read(up, kColumns),
                  Access::write(out, kColumns)});
  }
  void add(Rows in, Rows into) override {
    AddOp op;
    op.in = in, op.into = into;
    require(in.width == into.width && in.set == into.set, "rows add to rows of their kind");
    cpu_.add(op, {Access::read(in, kWholeRows), Access::write(into, kWholeRows)});
  }
  void scale(Rows rows, float factor) override {
    ScaleOp op;
    op.rows = rows, op.factor = factor;
    cpu_.add(op, {Access::write(rows, kWholeRows)});
  }
  void output(Rows logits, Rows hidden) override { cpu_.output(logits, hidden); }

  Plan<Shape> finish() { return {shape_, cpu_.workspace_bytes(), cpu_.take_program()}; }

 protected:
  CpuRecording& cpu() { return cpu_; }

 private:
  template <class Op>
  void add_product(const Op& op, WeightMode mode) {
    const std::size_t products = cpu_.rows_in(op.out.set) * op.out.width * op.x.floats.width;
    if (products < kGuidedLeast) {
      return cpu_.add(op, {cpu_.reads(op.x, mode), Access::write(op.out, kColumns)});
    }
    cpu_.add_guided(op, {cpu_.reads(op.x, mode), Access::write(op.out, Split::anyhow())});
  }

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
    const Split heads = cpu().written(k);
    op.parts = heads.kind == Split::Kind::kParts ? heads.parts : 1;
    const Split split = Split::by_parts(op.parts);
    cpu().add(op, {Access::read(k, split), Access::read(v, split),
                   Access::write(kStoredKv, Split::anyhow())});
  }
  void select_logit_rows(Rows in, Rows out) override {
    SelectOp op;
    op.in = in, op.out = out;
    require(in.set == RowSet::kAll && out.set == RowSet::kLogit && in.width == out.width,
            "all rows narrow to some");
    cpu().add(op, {Access::read(in, Split::anyhow()), Access::write(out, kWholeRows)});
  }
  Route route(Rows logits, std::uint32_t top, std::span<const float> expert_scale) override {
    RouteOp op;
    op.logits = logits, op.expert_scale = expert_scale;
    op.route = {cpu().scratch(logits.set, 2 * top), top};
    experts_ = logits.width;
    cpu().add(op, {Access::read(logits, kWholeRows), Access::write(op.route.rows, kWholeRows)});
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
      return add_experts(op, cpu().reads(op.x, WeightMode::kCodes));
    }
    ExpertMatmulOp op;
    op.mode = cpu().mode(stack, in);
    op.x = cpu().activations(in, op.mode);
    op.route = route, op.stack = stack, op.experts = experts_, op.out = out;
    add_experts(op, cpu().reads(op.x, op.mode));
  }
  void expert_sum(Rows in, const Route& route, Rows out) override {
    ExpertSumOp op;
    op.in = in, op.route = route, op.out = out;
    cpu().add(op, {Access::read(in, kWholeRows), Access::read(route.rows, kWholeRows),
                   Access::write(out, kWholeRows)});
  }
  void finish_logits(Rows logits, float cap, std::span<const std::uint32_t> suppressed) override {
    FinishLogitsOp op;
    op.logits = logits, op.cap = cap, op.suppressed = suppressed;
    cpu().add(op, {Access::write(logits, kColumns)});
  }

 private:
  template <class Op>
  void add_experts(const Op& op, const Access& input) {
    cpu().add_guided(op, {input, Access::read(op.route.rows, Split::anyhow()),
                          Access::write(op.out, Split::anyhow())});
  }

  std::uint32_t experts_ = 1;
};

class CpuDraftRecorder final : public CommonRecorder<DraftRecorder, DraftShape> {
 public:
  using CommonRecorder::CommonRecorder;

  void hidden_input(Rows out) override {
    HiddenInputOp op;
    op.out = out;
    cpu().add(op, {Access::write(out, kWholeRows)});
  }
  void centroid_logits(Rows in, const CentroidHead& head, const Weight& table,
                       Rows logits) override {
    const Rows scores = cpu().scratch(in.set, head.centroids.rows);
    matmul(in, head.centroids, scores);
    ClusterPickOp pick;
    pick.scores = scores, pick.picked = cpu().scratch(in.set, head.top), pick.logits = logits;
    cpu().add(pick, {Access::read(scores, kWholeRows), Access::write(pick.picked, kWholeRows),
                     Access::write(logits, kWholeRows)});
    score_clusters(in, head, table, pick);
  }
  void suppress(Rows logits, std::span<const std::uint32_t> suppressed) override {
    if (suppressed.empty()) return;
    FinishLogitsOp op;
    op.logits = logits, op.cap = 0, op.suppressed = suppressed;
    cpu().add(op, {Access::write(logits, kColumns)});
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
      return add_scores(op, WeightMode::kCodes);
    }
    ClusterLogitsOp op;
    op.mode = cpu().mode(table, in);
    op.x = cpu().activations(in, op.mode);
    op.picked = pick.picked, op.ordering = head.ordering, op.logits = pick.logits;
    op.cluster_size = size, op.table = table;
    add_scores(op, op.mode);
  }
  template <class Op>
  void add_scores(const Op& op, WeightMode mode) {
    cpu().add_guided(op, {cpu().reads(op.x, mode), Access::read(op.picked, Split::anyhow()),
                          Access::write(op.logits, Split::anyhow())});
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
