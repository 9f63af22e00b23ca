// The halves of a decoder layer that target and drafter share.
#pragma once
#include "model/model.h"
#include "step/recorder.h"

namespace outrider {

// One layer's configuration, weights and rotation, as both forward passes walk them.
struct Block {
  const DecoderConfig& model;
  const LayerConfig& config;
  const LayerWeights& weights;
  Rope rope;

  Gain gain(std::span<const float> values) const {
    return {values, static_cast<std::uint32_t>(values.size()), model.rms_eps};
  }
};

Block block_at(const DecoderConfig& model, std::span<const LayerWeights> weights,
               const RopeTables& rope, std::uint32_t index);

// x += post_norm(out * attention(rope(q_norm(q * h)))), where h is the normed input.
void record_query(Recorder& r, const Block& block, Rows h, Rows x);

// out = down * (gelu(gate * h) * (up * h)), h = norm(x).
void record_mlp(Recorder& r, const Block& block, Rows x, Rows out);

}  // namespace outrider
