// The forward passes are written once, against these interfaces. Nothing here computes: a model
// tells a recorder what to do to which rows; the CPU recorder keeps a list that a thread pool
// walks, a GPU recorder fills a command buffer. Recording is how a plan is made, so reserving
// memory and executing a step cannot describe different graphs.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/contract.h"
#include "kv/layout.h"
#include "quant/weight.h"

namespace outrider {

// Which of a launch's rows an operation covers.
enum class RowSet : std::uint32_t {
  kAll,    // every row of the launch
  kLogit,  // the rows whose logits and hidden state are wanted
};

// Float rows in the workspace: [rows of `set`, width], `stride` floats from one row to the next.
struct Rows {
  RowSet set = RowSet::kAll;
  std::uint32_t width = 0;
  std::uint32_t stride = 0;
  std::size_t offset = 0;  // floats from the start of the plan's workspace

  // Columns [from, from + count) of the same rows.
  Rows columns(std::uint32_t from, std::uint32_t count) const {
    require(from <= width && count <= width - from, "columns are inside their rows");
    return {set, count, stride, offset + from};
  }
};

// A learned gain; `values` empty means 1 everywhere.
struct Gain {
  std::span<const float> values;
  std::uint32_t width;  // values normed together: a row, or one head of it
  float eps;
};

// Rotates pairs (i, i + head_dim / 2) by position * frequency[i]; head_dim / 2 frequencies in
// radians per position.
struct Rope {
  std::uint32_t head_dim;
  std::span<const float> frequency;
};

// One KV-owning layer as an attention layer sees it.
struct KvTarget {
  KvLayerId layer;
  KvLayerShape shape;
  std::uint32_t window;  // positions visible, the row's own included; 0 means all
};

// Expert choice of a mixture: [rows, top] expert ids and weights, as a recorder keeps them.
struct Route {
  Rows rows;
  std::uint32_t top;
};

class Recorder {
 public:
  virtual ~Recorder() = default;

  // Float rows for use until the enclosing ScratchScope ends. Contents start undefined.
  virtual Rows scratch(RowSet set, std::uint32_t width) = 0;

  // out[row] = table[token] * scale; a row that brings an embedding takes that, unscaled.
  virtual void embed(const Weight& table, float scale, Rows out) = 0;
  // out = in / sqrt(mean(in^2) + eps) * gain, over each gain.width values of a row. May run in
  // place.
  virtual void rms_norm(Rows in, const Gain& gain, Rows out) = 0;
  // out = in * W^T.
  virtual void matmul(Rows in, const Weight& w, Rows out) = 0;
  // Rotates every head of the rows in place, by each row's own position.
  virtual void rope(Rows heads, const Rope& rope) = 0;
  // out = softmax(q . k) . v over the keys each row's own view makes visible; no scaling. Query
  // head h reads KV head h / (query heads / KV heads). A row with no visible key yields zeros.
  virtual void attend(Rows q, const KvTarget& kv, Rows out) = 0;
  // out = gelu(gate) * up, gelu by its tanh approximation.
  virtual void geglu(Rows gate, Rows up, Rows out) = 0;
  virtual void add(Rows in, Rows into) = 0;         // into += in
  virtual void scale(Rows rows, float factor) = 0;  // in place

 private:
  friend class ScratchScope;
  virtual std::size_t scratch_mark() const = 0;
  virtual void scratch_release(std::size_t mark) = 0;
};

// Scratch taken inside a scope is free again after it.
class ScratchScope {
 public:
  explicit ScratchScope(Recorder& recorder) : recorder_(recorder), mark_(recorder.scratch_mark()) {}
  ~ScratchScope() { recorder_.scratch_release(mark_); }
  ScratchScope(const ScratchScope&) = delete;
  ScratchScope& operator=(const ScratchScope&) = delete;

 private:
  Recorder& recorder_;
  std::size_t mark_;
};

// What only the target does: write KV, gather its per-layer embeddings, route experts, narrow to
// logit rows.
class TargetRecorder : public Recorder {
 public:
  // Appends k and v, [rows, kv_heads * head_dim], at each row's own position. Before attend: a row
  // sees itself.
  virtual void store_kv(Rows k, Rows v, KvLayerId layer) = 0;
  // The logit rows of `in`, which covers all rows.
  virtual void select_logit_rows(Rows in, Rows out) = 0;
  // Softmax over the experts, the `top` largest renormalised to sum 1, each times its expert's
  // scale.
  virtual Route route(Rows logits, std::uint32_t top, std::span<const float> expert_scale) = 0;
  // The chosen experts' outputs side by side: out[row] = [top, w.rows / experts]. `in` is [rows,
  // w.cols], shared by a row's experts, or [rows, top * w.cols]. `stack` holds the experts'
  // matrices one after another.
  virtual void expert_matmul(Rows in, const Route& route, const Weight& stack, Rows out) = 0;
  // out = sum over the chosen experts of weight * in[expert], in [rows, top * out.width].
  virtual void expert_sum(Rows in, const Route& route, Rows out) = 0;

  // logits = cap * tanh(logits / cap), then minus infinity for tokens that are never to be picked.
  virtual void finish_logits(Rows logits, float cap, std::span<const std::uint32_t> suppressed) = 0;
  // What the launch gives back: [logit rows, vocabulary] and [logit rows, hidden width].
  virtual void output(Rows logits, Rows hidden) = 0;
};

// Centroids over a vocabulary: cluster c holds token ids ordering[c * size, (c + 1) * size).
struct CentroidHead {
  Weight centroids;  // [clusters, width]
  std::span<const std::uint32_t> ordering;
  std::uint32_t top;  // clusters whose tokens are scored
};

// What only the drafter does. It has no way to write KV.
class DraftRecorder : public Recorder {
 public:
  // The hidden row each sequence drafts from: the judgement's at first, then the row's own last
  // output.
  virtual void hidden_input(Rows out) = 0;
  // logits[token] = table[token] . in for the tokens of the `top` best clusters, minus infinity
  // elsewhere.
  virtual void centroid_logits(Rows in, const CentroidHead& head, const Weight& table,
                               Rows logits) = 0;
  virtual void suppress(Rows logits, std::span<const std::uint32_t> suppressed) = 0;
  // What a draft step gives back, and what the next one starts from.
  virtual void output(Rows logits, Rows hidden) = 0;
};

}  // namespace outrider
