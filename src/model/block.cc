#include "model/block.h"

namespace outrider {

Block block_at(const DecoderConfig& model, std::span<const LayerWeights> weights,
               const RopeTables& rope, std::uint32_t index) {
  const LayerConfig& config = model.layers[index];
  return {
      model, config, weights[index], {config.head_dim, config.sliding ? rope.sliding : rope.full}};
}

void record_query(Recorder& r, const Block& block, Rows h, Rows x) {
  const ScratchScope scope(r);
  const AttentionWeights& w = block.weights.attention;
  const Rows q = r.scratch(x.set, block.config.q_width());
  const Rows mixed = r.scratch(x.set, block.config.q_width());
  const Rows out = r.scratch(x.set, x.width);

  r.matmul(h, w.q, q);
  r.rms_norm(q, block.gain(w.q_norm), q);
  r.rope(q, block.rope);
  r.attend(q, kv_target(block.model, block.config), mixed);
  r.matmul(mixed, w.out, out);
  r.rms_norm(out, block.gain(w.post_norm), out);
  r.add(out, x);
}

void record_mlp(Recorder& r, const Block& block, Rows x, Rows out) {
  const ScratchScope scope(r);
  const FfnWeights& w = block.weights.ffn;
  const Rows h = r.scratch(x.set, x.width);
  const Rows gate = r.scratch(x.set, block.config.ffn_width);
  const Rows up = r.scratch(x.set, block.config.ffn_width);

  r.rms_norm(x, block.gain(w.norm), h);
  r.matmul(h, w.gate, gate);
  r.matmul(h, w.up, up);
  r.geglu(gate, up, gate);
  r.matmul(gate, w.down, out);
}

}  // namespace outrider
