#include "app/synth_shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/random_weights.h"

namespace outrider {
namespace {

constexpr std::uint32_t kVocab = 262144;
constexpr std::uint32_t kHeadDim = 512;
constexpr std::uint32_t kHeadDimSliding = 256;
constexpr std::uint32_t kPerLayerWidth = 256;
constexpr std::uint32_t kRotatedPairs = 64;  // a quarter of kHeadDim / 2
constexpr std::uint32_t kDrafterLayers = 4;

struct Released {
  std::string_view size;
  std::string_view name;
  std::uint32_t layers, period;  // every period-th layer is full
  std::uint32_t width, heads, kv_heads, kv_heads_full, ffn_width;
  std::uint32_t window, context, shared_kv_layers;
  bool per_layer_inputs;  // and a feed-forward part twice as wide where KV is shared: E2B only
  bool double_wide;
  bool values_are_keys;
  std::optional<ShapeExperts> experts;
  std::uint32_t drafter_width, drafter_ffn_width, drafter_heads;
};

constexpr ShapeExperts kExperts = {128, 8, 704};
constexpr std::array kReleased = {
    Released{"e2b",
             "E2B",
             35,
             5,
             1536,
             8,
             1,
             1,
             6144,
             512,
             131072,
             20,
             true,
             true,
             false,
             {},
             256,
             2048,
             4},
    Released{"e4b",
             "E4B",
             42,
             6,
             2560,
             8,
             2,
             2,
             10240,
             512,
             131072,
             18,
             true,
             false,
             false,
             {},
             256,
             2048,
             4},
    Released{"12b",
             "12B",
             48,
             6,
             3840,
             16,
             8,
             1,
             15360,
             1024,
             262144,
             0,
             false,
             false,
             true,
             {},
             1024,
             8192,
             16},
    Released{"26b-a4b", "26B-A4B", 30, 6, 2816, 16, 8, 2, 2112, 1024, 262144, 0, false, false, true,
             kExperts, 1024, 8192, 16},
    Released{"31b",
             "31B",
             60,
             6,
             5376,
             32,
             16,
             4,
             21504,
             1024,
             262144,
             0,
             false,
             false,
             true,
             {},
             1024,
             8192,
             32},
};

ModelShape common_shape(const Released& model) {
  ModelShape shape;
  shape.vocab = kVocab;
  shape.context = model.context;
  shape.head_dim = kHeadDim;
  shape.head_dim_sliding = kHeadDimSliding;
  shape.window = model.window;
  shape.rotated = kRotatedPairs;
  return shape;
}

ModelShape target_shape(const Released& model, std::uint32_t layers) {
  ModelShape shape = common_shape(model);
  shape.name = fmt::format("gemma-4-{}-it, random weights", model.name);
  shape.width = model.width;
  shape.heads = model.heads;
  shape.per_layer_width = model.per_layer_inputs ? kPerLayerWidth : 0;
  shape.softcap = 30.0F;
  shape.values_are_keys = model.values_are_keys;
  shape.experts = model.experts;
  // A first full layer that owns KV must be left for those that share it.
  shape.shared_kv_layers =
      std::min(layers * model.shared_kv_layers / model.layers, layers - model.period);
  for (std::uint32_t i = 0; i < layers; ++i) {
    const bool sliding = (i + 1) % model.period != 0;
    const bool wide = model.double_wide && i >= layers - shape.shared_kv_layers;
    shape.layers.push_back({sliding, sliding ? model.kv_heads : model.kv_heads_full,
                            model.ffn_width * (wide ? 2 : 1)});
  }
  return shape;
}

ModelShape assistant_shape(const Released& model) {
  ModelShape shape = common_shape(model);
  shape.is_drafter = true;
  shape.name = fmt::format("gemma-4-{}-it-assistant, random weights", model.name);
  shape.width = model.drafter_width;
  shape.target_width = model.width;
  shape.heads = model.drafter_heads;
  shape.shared_kv_layers = kDrafterLayers;
  for (std::uint32_t i = 0; i < kDrafterLayers; ++i) {
    const bool sliding = i + 1 < kDrafterLayers;
    shape.layers.push_back(
        {sliding, sliding ? model.kv_heads : model.kv_heads_full, model.drafter_ffn_width});
  }
  return shape;
}

// Collects tensors, with the values that role_of() gives their names.
class TensorList {
 public:
  TensorList(const ModelShape& shape, std::vector<SynthTensor>& list)
      : shape_(shape), list_(list) {}

  void add_globals() {
    const std::uint64_t d = shape_.width;
    SynthTensor& rope = add("rope_freqs.weight", {shape_.head_dim / 2});
    rope.fill = SynthFill::kRopeFreqs;
    rope.rotated = shape_.rotated;
    add("token_embd.weight", {d, shape_.vocab});
    add("output_norm.weight", {d});
    if (shape_.per_layer_width > 0) add_per_layer_globals();
    if (!shape_.is_drafter) return;
    add("nextn.pre_projection.weight", {std::uint64_t{2} * shape_.target_width, d});
    add("nextn.post_projection.weight", {d, shape_.target_width});
    if (!shape_.centroids) return;
    add("masked_embd_centroids.weight", {d, shape_.centroids->count});
    SynthTensor& ordering = add("masked_embd_ordering", {shape_.vocab}, TensorType::kI32);
    ordering.fill = SynthFill::kPermutedId;
  }

  void add_layer(std::uint32_t index) {
    const ShapeLayer& layer = shape_.layers[index];
    const std::uint64_t d = shape_.width;
    prefix_ = fmt::format("blk.{}.", index);
    for (const char* norm : {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"}) {
      add(fmt::format("{}.weight", norm), {d});
    }
    add_attention(layer);
    add("ffn_gate.weight", {d, layer.ffn_width});
    add("ffn_up.weight", {d, layer.ffn_width});
    add("ffn_down.weight", {layer.ffn_width, d});
    add("layer_output_scale.weight", {1});
    if (shape_.per_layer_width > 0) {
      add("inp_gate.weight", {d, shape_.per_layer_width});
      add("proj.weight", {shape_.per_layer_width, d});
      add("post_norm.weight", {d});
    }
    if (shape_.experts) add_experts(*shape_.experts);
  }

 private:
  SynthTensor& add(std::string_view leaf, std::vector<std::uint64_t> ne,
                   TensorType type = TensorType::kF32) {
    SynthTensor tensor;
    tensor.name = prefix_ + std::string(leaf);
    tensor.type = type;
    const RandomRole role = role_of(tensor.name, ne[0]);
    tensor.ne = std::move(ne);
    tensor.mean = role.mean;
    tensor.std = role.std;
    list_.push_back(std::move(tensor));
    return list_.back();
  }

  void add_per_layer_globals() {
    const std::uint64_t all = std::uint64_t{shape_.per_layer_width} * shape_.layers.size();
    add("per_layer_token_embd.weight", {all, shape_.vocab});
    add("per_layer_model_proj.weight", {shape_.width, all}, TensorType::kBF16);
    add("per_layer_proj_norm.weight", {shape_.per_layer_width});
  }

  // Layers that share KV carry keys and values all the same, as released files do.
  void add_attention(const ShapeLayer& layer) {
    const std::uint64_t d = shape_.width;
    const std::uint64_t head_dim = shape_.head_dim_of(layer);
    add("attn_q.weight", {d, shape_.heads * head_dim});
    add("attn_q_norm.weight", {head_dim});
    add("attn_output.weight", {shape_.heads * head_dim, d});
    if (shape_.is_drafter) return;
    add("attn_k.weight", {d, layer.kv_heads * head_dim});
    add("attn_k_norm.weight", {head_dim});
    const bool has_values = layer.sliding || !shape_.values_are_keys;
    if (has_values) add("attn_v.weight", {d, layer.kv_heads * head_dim});
  }

  void add_experts(const ShapeExperts& experts) {
    const std::uint64_t d = shape_.width;
    add("ffn_gate_inp.weight", {d, experts.count});
    add("ffn_gate_inp.scale", {d});
    add("ffn_gate_up_exps.weight", {d, std::uint64_t{2} * experts.ffn_width, experts.count});
    add("ffn_down_exps.weight", {experts.ffn_width, d, experts.count});
    add("ffn_down_exps.scale", {experts.count});
    for (const char* norm : {"pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"}) {
      add(fmt::format("{}.weight", norm), {d});
    }
  }

  const ModelShape& shape_;
  std::vector<SynthTensor>& list_;
  std::string prefix_;
};

}  // namespace

Result<ReleasedPair> released_shapes(std::string_view size, std::uint32_t layers) {
  const auto model = std::find_if(kReleased.begin(), kReleased.end(),
                                  [&](const Released& released) { return released.size == size; });
  if (model == kReleased.end()) {
    return Error{ErrorCode::kBadRequest,
                 fmt::format("size \"{}\" is not one of e2b, e4b, 12b, 26b-a4b, 31b", size)};
  }
  if (layers == 0) layers = model->layers;
  if (layers < model->period || layers > model->layers) {
    return Error{ErrorCode::kBadRequest, fmt::format("{} can have {} to {} layers, not {}", size,
                                                     model->period, model->layers, layers)};
  }
  return ReleasedPair{target_shape(*model, layers), assistant_shape(*model)};
}

bool has_centroids(std::string_view size) {
  return size == "e2b" || size == "e4b";
}

SynthModel synth_of(const ModelShape& shape, std::uint64_t seed) {
  SynthModel model;
  model.seed = seed;
  model.metadata = shape_metadata(shape);
  model.metadata.emplace_back("general.file_type", std::uint32_t{0});
  model.metadata.emplace_back("general.sampling.top_k", std::int32_t{64});
  model.metadata.emplace_back("general.sampling.top_p", 0.95F);
  model.metadata.emplace_back("general.sampling.temp", 1.0F);
  TensorList tensors(shape, model.tensors);
  tensors.add_globals();
  for (std::uint32_t layer = 0; layer < shape.layers.size(); ++layer) tensors.add_layer(layer);
  return model;
}

}  // namespace outrider
