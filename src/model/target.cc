// The target, top to bottom. What each step computes, and the sources that agree on it, is in
// docs/model.md.
#include <cmath>

#include "model/block.h"
#include "model/forward.h"

namespace outrider {
namespace {

// The residual stream, and beside it the inputs that small models give to each layer.
struct Stream {
  Rows x;          // [rows, width]
  Rows per_layer;  // [rows, layers * per_layer_width]; no columns where the model has none
};

float root(std::uint32_t width) {
  return std::sqrt(static_cast<float>(width));
}

Stream make_stream(TargetRecorder& r, const TargetConfig& c, RowSet set) {
  const auto layers = static_cast<std::uint32_t>(c.layers.size());
  return {r.scratch(set, c.width),
          c.per_layer_width > 0 ? r.scratch(set, layers * c.per_layer_width) : Rows{}};
}

void record_embedding(TargetRecorder& r, const TargetModel& m, const Stream& s) {
  r.embed(m.weights.embed, root(m.config.width), s.x);
  if (m.config.per_layer_width == 0) return;

  const ScratchScope scope(r);
  const Rows context = r.scratch(s.x.set, s.per_layer.width);
  const Gain norm{m.weights.per_layer_norm, m.config.per_layer_width, m.config.rms_eps};
  r.matmul(s.x, m.weights.per_layer_proj, context);
  r.scale(context, 1.0f / root(m.config.width));
  r.rms_norm(context, norm, context);
  r.embed(m.weights.per_layer_embed, root(m.config.per_layer_width), s.per_layer);
  r.add(context, s.per_layer);
  r.scale(s.per_layer, std::sqrt(0.5f));
}

void record_keys_and_values(TargetRecorder& r, const Block& b, Rows h) {
  const ScratchScope scope(r);
  const AttentionWeights& w = b.weights.attention;
  const Rows k = r.scratch(h.set, b.config.kv_width());
  const Rows v = r.scratch(h.set, b.config.kv_width());

  r.matmul(h, w.k, k);
  if (w.v.empty()) {  // v is k before its norm and rotation
    r.rms_norm(k, {{}, b.config.head_dim, b.model.rms_eps}, v);
  } else {
    r.matmul(h, w.v, v);
    r.rms_norm(v, {{}, b.config.head_dim, b.model.rms_eps}, v);
  }
  r.rms_norm(k, b.gain(w.k_norm), k);
  r.rope(k, b.rope);
  r.store_kv(k, v, KvLayerId(b.config.kv_layer));
}

// Experts beside the dense MLP: out = norm_1(dense) + norm_2(experts), where `out` holds the dense
// part.
void record_experts(TargetRecorder& r, const Block& b, const MoeConfig& moe, Rows x, Rows out) {
  const ScratchScope scope(r);
  const MoeWeights& w = *b.weights.moe;
  const Rows h = r.scratch(x.set, x.width);
  const Rows scores = r.scratch(x.set, moe.experts);
  const Rows gate_up = r.scratch(x.set, moe.used * 2 * moe.ffn_width);
  const Rows hidden = r.scratch(x.set, moe.used * moe.ffn_width);
  const Rows each = r.scratch(x.set, moe.used * x.width);

  r.rms_norm(x, b.gain(w.router_gain), h);
  r.matmul(h, w.router, scores);
  const Route route = r.route(scores, moe.used, w.expert_scale);

  r.rms_norm(x, b.gain(w.norm), h);
  if (w.gate_up.empty()) {
    r.expert_matmul(h, route, w.gate, gate_up.columns(0, hidden.width));
    r.expert_matmul(h, route, w.up, gate_up.columns(hidden.width, hidden.width));
    r.geglu(gate_up.columns(0, hidden.width), gate_up.columns(hidden.width, hidden.width), hidden);
  } else {
    r.expert_matmul(h, route, w.gate_up, gate_up);
    for (std::uint32_t i = 0; i < moe.used; ++i) {
      const std::uint32_t at = i * 2 * moe.ffn_width;
      r.geglu(gate_up.columns(at, moe.ffn_width),
              gate_up.columns(at + moe.ffn_width, moe.ffn_width),
              hidden.columns(i * moe.ffn_width, moe.ffn_width));
    }
  }
  r.expert_matmul(hidden, route, w.down, each);
  r.expert_sum(each, route, h);

  r.rms_norm(out, b.gain(w.dense_post_norm), out);
  r.rms_norm(h, b.gain(w.post_norm), h);
  r.add(h, out);
}

void record_per_layer_input(TargetRecorder& r, const Block& b, Rows x, Rows input) {
  const ScratchScope scope(r);
  const PerLayerWeights& w = *b.weights.per_layer;
  const Rows gate = r.scratch(x.set, input.width);
  const Rows out = r.scratch(x.set, x.width);

  r.matmul(x, w.gate, gate);
  r.geglu(gate, input, gate);
  r.matmul(gate, w.proj, out);
  r.rms_norm(out, b.gain(w.post_norm), out);
  r.add(out, x);
}

// Returns the stream after the layer. Behind the last keys and values that anybody stores, only
// rows whose logits are wanted go on, so the last owning layer narrows the stream once its own are
// stored.
Stream record_layer(TargetRecorder& r, const TargetModel& m, std::uint32_t index, Stream s,
                    const Stream& narrow) {
  const ScratchScope scope(r);
  const Block b = block_at(m.config, m.weights.layers, m.rope, index);
  Rows h = r.scratch(s.x.set, s.x.width);

  r.rms_norm(s.x, b.gain(b.weights.attention.norm), h);
  if (b.config.owns_kv) record_keys_and_values(r, b, h);
  if (index == m.config.last_kv_layer()) {
    const Rows wide = h;
    h = r.scratch(RowSet::kLogit, wide.width);
    r.select_logit_rows(wide, h);
    r.select_logit_rows(s.x, narrow.x);
    if (narrow.per_layer.width > 0) r.select_logit_rows(s.per_layer, narrow.per_layer);
    s = narrow;
  }
  record_query(r, b, h, s.x);

  const Rows f = r.scratch(s.x.set, s.x.width);
  record_mlp(r, b, s.x, f);
  if (b.weights.moe) record_experts(r, b, *m.config.moe, s.x, f);
  r.rms_norm(f, b.gain(b.weights.ffn.post_norm), f);
  r.add(f, s.x);

  if (b.weights.per_layer) {
    const std::uint32_t width = m.config.per_layer_width;
    record_per_layer_input(r, b, s.x, s.per_layer.columns(index * width, width));
  }
  r.scale(s.x, b.weights.output_scale);
  return s;
}

}  // namespace

void record_target(TargetRecorder& r, const TargetModel& m) {
  const TargetConfig& c = m.config;
  Stream s = make_stream(r, c, RowSet::kAll);
  const Stream narrow = make_stream(r, c, RowSet::kLogit);
  const Rows hidden = r.scratch(RowSet::kLogit, c.width);
  const Rows logits = r.scratch(RowSet::kLogit, c.vocab);

  record_embedding(r, m, s);
  for (std::uint32_t i = 0; i < c.layers.size(); ++i) s = record_layer(r, m, i, s, narrow);
  r.rms_norm(s.x, {m.weights.output_norm, c.width, c.rms_eps}, hidden);
  r.matmul(hidden, m.weights.output, logits);
  r.finish_logits(logits, c.logit_softcap, c.suppressed);
  r.output(logits, hidden);
}

Plan<TargetShape> make_plan(Backend& backend, const TargetModel& model, TargetShape shape) {
  auto recorder = backend.record(shape);
  record_target(*recorder, model);
  return backend.finish(std::move(recorder));
}

}  // namespace outrider
