#include "model/model.h"

#include <cmath>

namespace outrider {
namespace {

// frequency[i] = 1 / base^(2i / head_dim) / divisor[i], each operation rounded to float as the
// reference has it: at position 1000 one unit in the last place of a frequency is already 1e-4
// radians. Full layers without stored divisors turn only the first quarter of their pairs
// ("proportional" rope, factor 0.25).
std::vector<float> frequencies(float base, std::uint32_t head_dim, std::span<const float> divisors,
                               std::uint32_t turning) {
  std::vector<float> table(head_dim / 2);
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    const double exponent = 2.0 * i / head_dim;
    const float divisor = divisors.empty() ? (i < turning ? 1.0f : 1e30f) : divisors[i];
    const auto power = static_cast<float>(std::pow(static_cast<double>(base), exponent));
    table[i] =
        divisor > 1e20f ? 0.0f : 1.0f / power / divisor;  // divisors of 1e30 mean "does not turn"
  }
  return table;
}

RopeTables rope_tables(const DecoderConfig& config, std::span<const float> divisors) {
  RopeTables tables;
  for (const LayerConfig& layer : config.layers) {
    if (layer.sliding && tables.sliding.empty()) {
      tables.sliding =
          frequencies(config.rope_base_sliding, layer.head_dim, {}, layer.head_dim / 2);
    } else if (!layer.sliding && tables.full.empty()) {
      tables.full = frequencies(config.rope_base, layer.head_dim, divisors, layer.head_dim / 8);
    }
  }
  return tables;
}

}  // namespace

std::vector<KvLayerShape> TargetModel::kv_shapes() const {
  std::vector<KvLayerShape> shapes;
  for (const LayerConfig& layer : config.layers) {
    if (!layer.owns_kv) continue;
    shapes.push_back(
        {layer.sliding ? KvGroup::kSliding : KvGroup::kGlobal, layer.kv_heads, layer.head_dim});
  }
  return shapes;
}

KvTarget kv_target(const DecoderConfig& config, const LayerConfig& layer) {
  const KvGroup group = layer.sliding ? KvGroup::kSliding : KvGroup::kGlobal;
  // Owning layers come first in the model, so a layer's index is also its KV layer.
  return {KvLayerId(layer.kv_layer),
          {group, layer.kv_heads, layer.head_dim},
          layer.sliding ? config.reach : 0};
}

RowWork work_of_a_row(const TargetModel& model, bool logits) {
  const TargetWeights& w = model.weights;
  RowWork work;
  const auto add = [&work](const Weight& weight, std::uint64_t parts = 1, std::uint64_t of = 1) {
    work.bytes += weight.bytes.size() / of * parts;
    work.products += std::uint64_t{weight.rows} * weight.cols / of * parts;
  };
  add(w.per_layer_proj);
  if (logits) add(w.output);
  for (std::size_t i = 0; i < w.layers.size(); ++i) {
    const LayerWeights& layer = w.layers[i];
    add(layer.attention.k), add(layer.attention.v);
    if (!logits && i == model.config.last_kv_layer()) break;
    add(layer.attention.q), add(layer.attention.out);
    add(layer.ffn.gate), add(layer.ffn.up), add(layer.ffn.down);
    if (layer.per_layer) add(layer.per_layer->gate), add(layer.per_layer->proj);
    if (!layer.moe) continue;
    add(layer.moe->router);
    for (const Weight* stack :
         {&layer.moe->gate_up, &layer.moe->gate, &layer.moe->up, &layer.moe->down}) {
      add(*stack, model.config.moe->used, model.config.moe->experts);
    }
  }
  return work;
}

Result<TargetModel> load_target(const std::string& path) {
  auto file = GgufFile::open(path);
  if (!file) return file.error();
  auto config = read_target_config(*file);
  if (!config) return config.error();
  auto weights = read_target_weights(*file, *config);
  if (!weights) return weights.error();
  RopeTables rope = rope_tables(*config, weights->rope_divisors);
  return TargetModel{std::move(*file), std::move(*config), std::move(*weights), std::move(rope)};
}

Result<DrafterModel> load_drafter(const std::string& path, const TargetModel& target) {
  auto file = GgufFile::open(path);
  if (!file) return file.error();
  auto config = read_drafter_config(*file);
  if (!config) return config.error();
  if (auto fits = match(*config, target.config, path, target.file.path()); !fits)
    return fits.error();
  auto weights = read_drafter_weights(*file, *config);
  if (!weights) return weights.error();
  RopeTables rope = rope_tables(*config, weights->rope_divisors);
  return DrafterModel{std::move(*file), std::move(*config), std::move(*weights), std::move(rope)};
}

}  // namespace outrider
