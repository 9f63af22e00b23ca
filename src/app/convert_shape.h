// What a Gemma 4 model's shape is, and the metadata keys that say so in a GGUF file.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "format/gguf_writer.h"

namespace outrider {

using MetadataValue = std::variant<std::uint32_t, std::int32_t, float, bool, std::string,
                                   std::vector<std::int32_t>, std::vector<bool>>;
using MetadataList = std::vector<std::pair<std::string, MetadataValue>>;
void set_metadata(GgufWriter& writer, const MetadataList& metadata);

struct ShapeLayer {
  bool sliding;
  std::uint32_t kv_heads;
  std::uint32_t ffn_width;
};

struct ShapeExperts {
  std::uint32_t count;
  std::uint32_t used;
  std::uint32_t ffn_width;
};

struct ShapeCentroids {
  std::uint32_t count;
  std::uint32_t top;
};

struct ModelShape {
  bool is_drafter = false;
  std::string name;
  std::uint32_t vocab = 0;
  std::uint32_t context = 0;
  std::uint32_t width = 0;
  std::uint32_t target_width = 0;  // of a drafter
  std::uint32_t heads = 0;
  std::uint32_t head_dim = 0;          // of full layers
  std::uint32_t head_dim_sliding = 0;  // of the others
  std::uint32_t window = 0;
  std::uint32_t shared_kv_layers = 0;  // the last so many own no KV
  std::uint32_t per_layer_width = 0;   // 0: no per-layer inputs
  float rms_eps = 1e-6F;
  float rope_base = 1e6F;
  float rope_base_sliding = 1e4F;
  std::uint32_t rotated = 0;  // of the head_dim / 2 pairs of full layers
  std::optional<float> softcap;
  bool values_are_keys = false;  // full layers have no v_proj
  std::optional<ShapeExperts> experts;
  std::optional<ShapeCentroids> centroids;
  std::vector<ShapeLayer> layers;

  std::uint32_t head_dim_of(const ShapeLayer& layer) const {
    return layer.sliding ? head_dim_sliding : head_dim;
  }
  std::string_view architecture() const { return is_drafter ? "gemma4-assistant" : "gemma4"; }
};

// Every key but those about types, sampling and the tokenizer. Numbers that are the same for all
// layers are one number, others a list, as llama.cpp's converter writes them.
MetadataList shape_metadata(const ModelShape& shape);

// The divisors of full layers' rotations, [head_dim / 2]: ones, then 1e30, which stops a rotation.
std::vector<float> rope_divisors(std::uint32_t pairs, std::uint32_t rotated);

}  // namespace outrider
