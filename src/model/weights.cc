#include "model/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/tensor_reader.h"

namespace outrider {
namespace {

// Reads one layer's tensors under their GGUF names, blk.N.*.
class LayerReader {
 public:
  LayerReader(TensorReader& tensors, std::uint32_t index, const LayerConfig& config,
              std::uint32_t width)
      : tensors_(tensors), prefix_(fmt::format("blk.{}.", index)), config_(config), width_(width) {}

  AttentionWeights attention() {
    AttentionWeights w;
    w.norm = gain("attn_norm", width_);
    w.q_norm = gain("attn_q_norm", config_.head_dim);
    w.post_norm = gain("post_attention_norm", width_);
    w.q = matrix("attn_q", config_.q_width(), width_);
    w.out = matrix("attn_output", width_, config_.q_width());
    if (config_.owns_kv) {  // shared layers may carry k and v that nobody uses
      w.k_norm = gain("attn_k_norm", config_.head_dim);
      w.k = matrix("attn_k", config_.kv_width(), width_);
      w.v = tensors_.optional_matrix(name("attn_v"), config_.kv_width(), width_);
    }
    return w;
  }

  FfnWeights ffn() {
    FfnWeights w;
    w.norm = gain("ffn_norm", width_);
    w.post_norm = gain("post_ffw_norm", width_);
    w.gate = matrix("ffn_gate", config_.ffn_width, width_);
    w.up = matrix("ffn_up", config_.ffn_width, width_);
    w.down = matrix("ffn_down", width_, config_.ffn_width);
    return w;
  }

  MoeWeights moe(const MoeConfig& moe) {
    MoeWeights w;
    w.router = matrix("ffn_gate_inp", moe.experts, width_);
    const auto scale = tensors_.gain(prefix_ + "ffn_gate_inp.scale", width_);
    w.router_gain.assign(scale.begin(), scale.end());
    for (float& value : w.router_gain) value /= std::sqrt(static_cast<float>(width_));
    w.expert_scale = tensors_.gain(prefix_ + "ffn_down_exps.scale", moe.experts);
    w.norm = gain("pre_ffw_norm_2", width_);
    w.dense_post_norm = gain("post_ffw_norm_1", width_);
    w.post_norm = gain("post_ffw_norm_2", width_);
    const std::uint64_t rows = std::uint64_t{moe.experts} * moe.ffn_width;
    if (tensors_.has(name("ffn_gate_up_exps"))) {
      w.gate_up = matrix("ffn_gate_up_exps", 2 * rows, width_);
    } else {
      w.gate = matrix("ffn_gate_exps", rows, width_);
      w.up = matrix("ffn_up_exps", rows, width_);
    }
    w.down = matrix("ffn_down_exps", std::uint64_t{moe.experts} * width_, moe.ffn_width);
    return w;
  }

  PerLayerWeights per_layer(std::uint32_t per_layer_width) {
    return {matrix("inp_gate", per_layer_width, width_), matrix("proj", width_, per_layer_width),
            gain("post_norm", width_)};
  }

  float output_scale() {
    const auto scale = tensors_.optional_gain(name("layer_output_scale"), 1);
    return scale.empty() ? 1.0f : scale[0];
  }

 private:
  std::string name(const char* stem) const { return prefix_ + stem + ".weight"; }
  Weight matrix(const char* stem, std::uint64_t rows, std::uint64_t cols) {
    return tensors_.matrix(name(stem), rows, cols);
  }
  std::span<const float> gain(const char* stem, std::uint64_t width) {
    return tensors_.gain(name(stem), width);
  }

  TensorReader& tensors_;
  std::string prefix_;
  const LayerConfig& config_;
  std::uint32_t width_;
};

// The divisors of the full layers' frequencies, where the file has them.
std::vector<float> read_rope_divisors(TensorReader& tensors, const DecoderConfig& config) {
  for (const LayerConfig& layer : config.layers) {
    if (layer.sliding) continue;
    const auto divisors = tensors.optional_gain("rope_freqs.weight", layer.head_dim / 2);
    return {divisors.begin(), divisors.end()};
  }
  return {};
}

// One dialect stores, for each token, its cluster; the others list each cluster's tokens. Empty
// unless all clusters are of one size.
std::vector<std::uint32_t> invert_ordering(const std::vector<std::uint32_t>& cluster_of,
                                           std::uint32_t clusters) {
  std::vector<std::uint32_t> ordering;
  ordering.reserve(cluster_of.size());
  std::vector<std::vector<std::uint32_t>> members(clusters);
  for (std::uint32_t token = 0; token < cluster_of.size(); ++token)
    members[cluster_of[token]].push_back(token);
  for (const auto& cluster : members) {
    if (cluster.size() != members.front().size()) return {};
    ordering.insert(ordering.end(), cluster.begin(), cluster.end());
  }
  return ordering;
}

bool is_permutation(std::vector<std::uint32_t> ids) {
  std::sort(ids.begin(), ids.end());
  for (std::uint32_t i = 0; i < ids.size(); ++i) {
    if (ids[i] != i) return false;
  }
  return true;
}

void read_centroids(TensorReader& tensors, const GgufFile& file, const DrafterConfig& config,
                    DrafterWeights& w) {
  const std::string name = tensors.first_of(
      {"masked_embd_centroids.weight", "mtp.centroids.weight", "mtp_centroids.weight"});
  const GgufTensor* stored = file.find(name);
  if (stored == nullptr) return;
  const auto clusters = static_cast<std::uint32_t>(stored->ne[1]);
  if (clusters == 0 || config.vocab % clusters != 0 || clusters < config.centroid_top) {
    tensors.fail(
        name,
        fmt::format("has {} clusters, expected a divisor of the vocabulary {} and at least {}",
                    clusters, config.vocab, config.centroid_top));
    return;
  }
  w.centroids = tensors.matrix(name, clusters, config.width);
  const std::string order =
      tensors.first_of({"masked_embd_ordering", "masked_embd_ordering.weight",
                        "mtp.token_ordering.weight", "mtp_token_ordering.weight"});
  const bool inverted = order == "mtp_token_ordering.weight";
  w.ordering = tensors.ids(order, config.vocab, inverted ? clusters : config.vocab);
  if (inverted && !w.ordering.empty()) w.ordering = invert_ordering(w.ordering, clusters);
  if (inverted && !tensors.error() && w.ordering.empty()) {
    tensors.fail(order,
                 fmt::format("does not share the tokens out evenly among {} clusters", clusters));
  }
  if (!tensors.error() && !is_permutation(w.ordering)) {
    tensors.fail(order, "does not list every token exactly once");
  }
}

}  // namespace

Result<TargetWeights> read_target_weights(const GgufFile& file, const TargetConfig& config) {
  TargetWeights w;
  TensorReader tensors(file, w.gains);
  w.embed = tensors.matrix("token_embd.weight", config.vocab, config.width);
  w.output = tensors.optional_matrix("output.weight", config.vocab, config.width);
  if (w.output.empty()) w.output = w.embed;
  w.output_norm = tensors.gain("output_norm.weight", config.width);
  w.rope_divisors = read_rope_divisors(tensors, config);
  if (config.per_layer_width > 0) {
    const std::uint64_t total = config.layers.size() * std::uint64_t{config.per_layer_width};
    w.per_layer_embed = tensors.matrix("per_layer_token_embd.weight", config.vocab, total);
    w.per_layer_proj = tensors.matrix("per_layer_model_proj.weight", total, config.width);
    w.per_layer_norm = tensors.gain("per_layer_proj_norm.weight", config.per_layer_width);
    file.expect_random(w.per_layer_embed.bytes);
  }
  for (std::uint32_t i = 0; i < config.layers.size() && !tensors.error(); ++i) {
    LayerReader reader(tensors, i, config.layers[i], config.width);
    LayerWeights layer;
    layer.attention = reader.attention();
    layer.ffn = reader.ffn();
    if (config.moe) layer.moe = reader.moe(*config.moe);
    if (config.per_layer_width > 0) layer.per_layer = reader.per_layer(config.per_layer_width);
    layer.output_scale = reader.output_scale();
    w.layers.push_back(std::move(layer));
  }
  if (tensors.error()) return *tensors.error();
  return w;
}

Result<DrafterWeights> read_drafter_weights(const GgufFile& file, const DrafterConfig& config) {
  DrafterWeights w;
  TensorReader tensors(file, w.gains);
  w.pre = tensors.matrix(tensors.first_of({"nextn.pre_projection.weight",
                                           "mtp.pre_projection.weight", "mtp_pre_proj.weight"}),
                         config.width, std::uint64_t{config.target_width} * 2);
  w.post = tensors.matrix(tensors.first_of({"nextn.post_projection.weight",
                                            "mtp.post_projection.weight", "mtp_post_proj.weight"}),
                          config.target_width, config.width);
  w.output = tensors.matrix("token_embd.weight", config.vocab, config.width);
  w.output_norm = tensors.gain("output_norm.weight", config.width);
  w.rope_divisors = read_rope_divisors(tensors, config);
  for (std::uint32_t i = 0; i < config.layers.size() && !tensors.error(); ++i) {
    LayerReader reader(tensors, i, config.layers[i], config.width);
    LayerWeights layer;
    layer.attention = reader.attention();
    layer.ffn = reader.ffn();
    layer.output_scale = reader.output_scale();
    w.layers.push_back(std::move(layer));
  }
  if (!tensors.error()) read_centroids(tensors, file, config, w);
  if (tensors.error()) return *tensors.error();
  return w;
}

}  // namespace outrider
