#include "app/quantize_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace outrider {
namespace {

constexpr std::array kMixes = {
    QuantMix{"F32", TensorType::kF32, false, 0},
    QuantMix{"F16", TensorType::kF16, false, 1},
    QuantMix{"BF16", TensorType::kBF16, false, 32},
    QuantMix{"Q8_0", TensorType::kQ8_0, false, 7},
    QuantMix{"Q4_0", TensorType::kQ4_0, false, 2},
    QuantMix{"Q5_0", TensorType::kQ5_0, false, 8},
    QuantMix{"Q5_1", TensorType::kQ5_1, false, 9},
    QuantMix{"Q4_K_M", TensorType::kQ4_K, true, 15},
    QuantMix{"Q5_K_M", TensorType::kQ5_K, true, 17},
    QuantMix{"Q6_K", TensorType::kQ6_K, false, 18},
};

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

bool is_token_embedding(std::string_view name) {
  return name == "token_embd.weight" || name == "per_layer_token_embd.weight";
}

// The first and the last eighth of the layers, and every third between them.
bool deserves_more_bits(std::uint32_t layer, std::uint32_t layers) {
  const std::uint32_t eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

// N of "blk.N.rest".
std::uint32_t layer_of(std::string_view name) {
  std::uint32_t layer = 0;
  const std::size_t start = name.find("blk.") == 0 ? 4 : name.size();
  std::from_chars(name.data() + start, name.data() + name.size(), layer);
  return layer;
}

bool is_vector(std::span<const std::uint64_t> ne) {
  return std::all_of(ne.begin() + 1, ne.end(), [](std::uint64_t extent) { return extent == 1; });
}

TensorType next_type_for_width(TensorType type) {
  switch (type) {
    case TensorType::kQ4_K:
      return TensorType::kQ5_0;
    case TensorType::kQ5_K:
      return TensorType::kQ5_1;
    case TensorType::kQ6_K:
      return TensorType::kQ8_0;
    default:
      return TensorType::kF16;
  }
}

}  // namespace

Result<QuantMix> quant_mix_from_name(std::string_view name) {
  std::string wanted = upper(name);
  if (wanted == "Q4_K" || wanted == "Q5_K") wanted += "_M";
  std::string names;
  for (const QuantMix& mix : kMixes) {
    if (mix.name == wanted) return mix;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", mix.name);
  }
  return Error{ErrorCode::kBadRequest, fmt::format("type \"{}\" is not one of {}", name, names)};
}

bool is_quantized(TensorType type) {
  return info(type).block_values > 1;
}

bool is_kept(const RuleTensor& tensor) {
  const std::string_view name = tensor.name;
  return is_vector(tensor.ne) || !name.ends_with("weight") || name.ends_with("_norm.weight") ||
         name.find("ffn_gate_inp.weight") != name.npos ||
         name.find("per_layer_model_proj") != name.npos || tensor.stored == TensorType::kI32;
}

QuantRules::QuantRules(const QuantMix& mix, std::span<const std::string_view> names) : mix_(mix) {
  for (const std::string_view name : names) {
    if (name == "output.weight") tied_ = false;
    if (!name.starts_with("blk.")) continue;
    layers_ = std::max(layers_, layer_of(name) + 1);
    if (name.ends_with(".attn_v.weight")) value_layers_.push_back(layer_of(name));
  }
  std::sort(value_layers_.begin(), value_layers_.end());
}

TensorType QuantRules::wanted(std::string_view name) const {
  const bool embedding = is_token_embedding(name);
  if (embedding && token_embedding_) return *token_embedding_;
  if (!is_quantized(mix_.base)) return mix_.base;
  if (name == "output.weight" || (embedding && tied_)) {
    return mix_.base == TensorType::kQ8_0 ? mix_.base : TensorType::kQ6_K;
  }
  if (!mix_.more_bits) return mix_.base;
  bool more = false;
  if (name.ends_with(".attn_v.weight")) {
    const auto place = std::lower_bound(value_layers_.begin(), value_layers_.end(), layer_of(name));
    more = deserves_more_bits(static_cast<std::uint32_t>(place - value_layers_.begin()),
                              static_cast<std::uint32_t>(value_layers_.size()));
  } else if (name.find("ffn_down") != name.npos) {
    more = deserves_more_bits(layer_of(name), layers_);
  }
  return more ? TensorType::kQ6_K : mix_.base;
}

TensorType QuantRules::fitting(TensorType type, std::uint64_t cols) {
  const TensorType first = type;
  while (cols % info(type).block_values != 0) type = next_type_for_width(type);
  if (type != first) ++fallbacks_[fmt::format("{} -> {}", info(first).name, info(type).name)];
  return type;
}

TensorType QuantRules::type_of(const RuleTensor& tensor) {
  if (is_kept(tensor)) return tensor.stored;
  return fitting(wanted(tensor.name), tensor.ne[0]);
}

}  // namespace outrider
