#include "app/convert_shape.h"

#include <algorithm>
#include <type_traits>

namespace outrider {
namespace {

// Puts the architecture before each key.
class Keys {
 public:
  Keys(MetadataList& list, std::string_view architecture)
      : list_(list), prefix_(std::string(architecture) + ".") {}

  void add(std::string_view key, MetadataValue value) {
    list_.emplace_back(prefix_ + std::string(key), std::move(value));
  }

  // One number if all layers agree, else one for each.
  template <class Member>
  void add_layers(std::string_view key, const std::vector<ShapeLayer>& layers, Member member) {
    std::vector<std::int32_t> values;
    values.reserve(layers.size());
    for (const ShapeLayer& layer : layers) {
      values.push_back(static_cast<std::int32_t>(layer.*member));
    }
    const bool same = std::equal(values.begin() + 1, values.end(), values.begin());
    if (same) {
      add(key, layers[0].*member);
    } else {
      add(key, std::move(values));
    }
  }

 private:
  MetadataList& list_;
  std::string prefix_;
};

void add_attention(Keys& keys, const ModelShape& shape) {
  std::vector<bool> sliding;
  for (const ShapeLayer& layer : shape.layers) sliding.push_back(layer.sliding);
  keys.add("attention.head_count", shape.heads);
  keys.add_layers("attention.head_count_kv", shape.layers, &ShapeLayer::kv_heads);
  keys.add("attention.key_length", shape.head_dim);
  keys.add("attention.value_length", shape.head_dim);
  keys.add("attention.key_length_swa", shape.head_dim_sliding);
  keys.add("attention.value_length_swa", shape.head_dim_sliding);
  keys.add("attention.layer_norm_rms_epsilon", shape.rms_eps);
  keys.add("attention.sliding_window", shape.window);
  keys.add("attention.sliding_window_pattern", std::move(sliding));
  keys.add("attention.shared_kv_layers", shape.shared_kv_layers);
  keys.add("rope.freq_base", shape.rope_base);
  keys.add("rope.freq_base_swa", shape.rope_base_sliding);
  keys.add("rope.dimension_count", shape.head_dim);
  keys.add("rope.dimension_count_swa", shape.head_dim_sliding);
}

void add_drafter(Keys& keys, const ModelShape& shape) {
  keys.add("embedding_length_out", shape.target_width);
  keys.add("nextn_predict_layers", static_cast<std::uint32_t>(shape.layers.size()));
  if (!shape.centroids) return;
  keys.add("use_ordered_embeddings", true);
  keys.add("n_centroids", shape.centroids->count);
  keys.add("centroid_top_k", shape.centroids->top);
}

}  // namespace

void set_metadata(GgufWriter& writer, const MetadataList& metadata) {
  for (const auto& [key, value] : metadata) {
    const auto set = [&, &name = key](const auto& known) {
      using T = std::decay_t<decltype(known)>;
      if constexpr (std::is_same_v<T, bool>) writer.set_bool(name, known);
      if constexpr (std::is_same_v<T, std::uint32_t>) writer.set_u32(name, known);
      if constexpr (std::is_same_v<T, std::int32_t>) writer.set_i32(name, known);
      if constexpr (std::is_same_v<T, float>) writer.set_f32(name, known);
      if constexpr (std::is_same_v<T, std::string>) writer.set_string(name, known);
      if constexpr (std::is_same_v<T, std::vector<std::int32_t>>) writer.set_i32s(name, known);
      if constexpr (std::is_same_v<T, std::vector<bool>>) writer.set_bools(name, known);
    };
    std::visit(set, value);
  }
}

MetadataList shape_metadata(const ModelShape& shape) {
  MetadataList list;
  list.emplace_back("general.architecture", std::string(shape.architecture()));
  list.emplace_back("general.type", std::string("model"));
  list.emplace_back("general.name", shape.name);
  Keys keys(list, shape.architecture());
  keys.add("block_count", static_cast<std::uint32_t>(shape.layers.size()));
  keys.add("context_length", shape.context);
  keys.add("embedding_length", shape.width);
  keys.add_layers("feed_forward_length", shape.layers, &ShapeLayer::ffn_width);
  add_attention(keys, shape);
  keys.add("embedding_length_per_layer_input", shape.per_layer_width);
  if (shape.softcap) keys.add("final_logit_softcapping", *shape.softcap);
  if (shape.experts) {
    keys.add("expert_count", shape.experts->count);
    keys.add("expert_used_count", shape.experts->used);
    keys.add("expert_feed_forward_length", shape.experts->ffn_width);
  }
  if (shape.is_drafter) add_drafter(keys, shape);
  return list;
}

std::vector<float> rope_divisors(std::uint32_t pairs, std::uint32_t rotated) {
  std::vector<float> divisors(pairs, 1e30F);
  std::fill_n(divisors.begin(), std::min(rotated, pairs), 1.0F);
  return divisors;
}

}  // namespace outrider
