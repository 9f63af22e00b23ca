// The tensors of a target and a drafter, checked against their configuration by name and borrowed
// from the mapped file. Gains are decoded to float once; everything else stays as stored.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "format/gguf.h"
#include "model/config.h"
#include "quant/weight.h"
#include "step/recorder.h"

namespace outrider {

struct AttentionWeights {
  std::span<const float> norm, q_norm, k_norm,
      post_norm;  // [width], [head_dim], [head_dim], [width]
  Weight q;       // [heads * head_dim, width]
  Weight k, v;    // [kv_heads * head_dim, width]; empty on layers without KV; v empty where v = k
  Weight out;     // [width, heads * head_dim]
};

struct FfnWeights {
  std::span<const float> norm, post_norm;  // [width]
  Weight gate, up;                         // [ffn_width, width]
  Weight down;                             // [width, ffn_width]
};

struct MoeWeights {
  Weight router;                        // [experts, width]
  std::vector<float> router_gain;       // [width]: the file's scale / sqrt(width)
  std::span<const float> expert_scale;  // [experts]
  std::span<const float> norm, dense_post_norm, post_norm;  // [width]
  Weight gate_up;                                           // [experts * 2 * ffn, width], or empty
  Weight gate, up;  // [experts * ffn, width] each, where stored apart
  Weight down;      // [experts * width, ffn]
};

struct PerLayerWeights {
  Weight gate;                       // [per_layer_width, width]
  Weight proj;                       // [width, per_layer_width]
  std::span<const float> post_norm;  // [width]
};

struct LayerWeights {
  AttentionWeights attention;
  FfnWeights ffn;
  std::optional<MoeWeights> moe;
  std::optional<PerLayerWeights> per_layer;
  float output_scale = 1;
};

// Gains decoded to float; a deque, so that spans into it stay put.
using Gains = std::deque<std::vector<float>>;

struct TargetWeights {
  Weight embed;   // [vocab, width]
  Weight output;  // [vocab, width]: the embedding again unless the file has its own
  std::span<const float> output_norm;  // [width]
  Weight per_layer_embed;  // [vocab, layers * per_layer_width]; gathered, never read whole
  Weight per_layer_proj;   // [layers * per_layer_width, width]
  std::span<const float> per_layer_norm;  // [per_layer_width]
  std::vector<float> rope_divisors;       // [head_dim / 2] of full layers; empty: none
  std::vector<LayerWeights> layers;
  Gains gains;
};

struct DrafterWeights {
  Weight pre;     // [width, 2 * target width]: embedding first, hidden state second
  Weight post;    // [target width, width]
  Weight output;  // [vocab, width]
  std::span<const float> output_norm;
  std::optional<Weight> centroids;      // [clusters, width]
  std::vector<std::uint32_t> ordering;  // [vocab]: token ids, cluster by cluster
  std::vector<float> rope_divisors;
  std::vector<LayerWeights> layers;
  Gains gains;
};

// Errors name the file, the tensor, the shape found and the shape expected. Tensors nobody needs
// are ignored.
Result<TargetWeights> read_target_weights(const GgufFile& file, const TargetConfig& config);
Result<DrafterWeights> read_drafter_weights(const GgufFile& file, const DrafterConfig& config);

}  // namespace outrider
