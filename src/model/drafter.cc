// The drafter, top to bottom: four query-only layers on the target's keys and values.
#include <cmath>

#include "model/block.h"
#include "model/forward.h"

namespace outrider {
namespace {

void record_layer(DraftRecorder& r, const DrafterModel& m, std::uint32_t index, Rows x) {
  const ScratchScope scope(r);
  const Block b = block_at(m.config, m.weights.layers, m.rope, index);
  const Rows h = r.scratch(x.set, x.width);

  r.rms_norm(x, b.gain(b.weights.attention.norm), h);
  record_query(r, b, h, x);
  record_mlp(r, b, x, h);
  r.rms_norm(h, b.gain(b.weights.ffn.post_norm), h);
  r.add(h, x);
  r.scale(x, b.weights.output_scale);
}

}  // namespace

void record_drafter(DraftRecorder& r, const DrafterModel& m, const TargetModel& target) {
  const DrafterConfig& c = m.config;
  const std::uint32_t wide = c.target_width;
  const Rows pair =
      r.scratch(RowSet::kAll, 2 * wide);  // the target's embedding first, its hidden state second
  const Rows x = r.scratch(RowSet::kAll, c.width);
  const Rows logits = r.scratch(RowSet::kAll, c.vocab);
  const Rows hidden = r.scratch(RowSet::kAll, wide);

  r.embed(target.weights.embed, std::sqrt(static_cast<float>(wide)), pair.columns(0, wide));
  r.hidden_input(pair.columns(wide, wide));
  r.matmul(pair, m.weights.pre, x);
  for (std::uint32_t i = 0; i < c.layers.size(); ++i) record_layer(r, m, i, x);
  r.rms_norm(x, {m.weights.output_norm, c.width, c.rms_eps}, x);
  r.matmul(x, m.weights.post, hidden);
  if (m.weights.centroids) {
    r.centroid_logits(x, {*m.weights.centroids, m.weights.ordering, c.centroid_top},
                      m.weights.output, logits);
  } else {
    r.matmul(x, m.weights.output, logits);
  }
  r.suppress(logits, target.config.suppressed);
  r.output(logits, hidden);
}

Plan<DraftShape> make_plan(Backend& backend, const DrafterModel& drafter, const TargetModel& target,
                           DraftShape shape) {
  auto recorder = backend.record(shape);
  record_drafter(*recorder, drafter, target);
  return backend.finish(std::move(recorder));
}

}  // namespace outrider
