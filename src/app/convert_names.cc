#include "app/convert_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace outrider {
namespace {

using NamePair = std::pair<std::string_view, std::string_view>;

constexpr std::array kGlobals = {
    NamePair{"embed_tokens.weight", "token_embd.weight"},
    NamePair{"embed_tokens_per_layer.weight", "per_layer_token_embd.weight"},
    NamePair{"per_layer_model_projection.weight", "per_layer_model_proj.weight"},
    NamePair{"per_layer_projection_norm.weight", "per_layer_proj_norm.weight"},
    NamePair{"norm.weight", "output_norm.weight"},
    NamePair{"lm_head.weight", "output.weight"},
    NamePair{"pre_projection.weight", "nextn.pre_projection.weight"},
    NamePair{"post_projection.weight", "nextn.post_projection.weight"},
    NamePair{"masked_embedding.centroids.weight", "masked_embd_centroids.weight"},
    NamePair{"masked_embedding.token_ordering", "masked_embd_ordering"},
};

// Behind "layers.N." and "blk.N.".
constexpr std::array kLayer = {
    NamePair{"input_layernorm.weight", "attn_norm.weight"},
    NamePair{"self_attn.q_proj.weight", "attn_q.weight"},
    NamePair{"self_attn.k_proj.weight", "attn_k.weight"},
    NamePair{"self_attn.v_proj.weight", "attn_v.weight"},
    NamePair{"self_attn.o_proj.weight", "attn_output.weight"},
    NamePair{"self_attn.q_norm.weight", "attn_q_norm.weight"},
    NamePair{"self_attn.k_norm.weight", "attn_k_norm.weight"},
    NamePair{"post_attention_layernorm.weight", "post_attention_norm.weight"},
    NamePair{"pre_feedforward_layernorm.weight", "ffn_norm.weight"},
    NamePair{"post_feedforward_layernorm.weight", "post_ffw_norm.weight"},
    NamePair{"pre_feedforward_layernorm_2.weight", "pre_ffw_norm_2.weight"},
    NamePair{"post_feedforward_layernorm_1.weight", "post_ffw_norm_1.weight"},
    NamePair{"post_feedforward_layernorm_2.weight", "post_ffw_norm_2.weight"},
    NamePair{"mlp.gate_proj.weight", "ffn_gate.weight"},
    NamePair{"mlp.up_proj.weight", "ffn_up.weight"},
    NamePair{"mlp.down_proj.weight", "ffn_down.weight"},
    NamePair{"layer_scalar", "layer_output_scale.weight"},
    NamePair{"per_layer_input_gate.weight", "inp_gate.weight"},
    NamePair{"per_layer_projection.weight", "proj.weight"},
    NamePair{"post_per_layer_input_norm.weight", "post_norm.weight"},
    NamePair{"router.proj.weight", "ffn_gate_inp.weight"},
    NamePair{"router.scale", "ffn_gate_inp.scale"},
    NamePair{"router.per_expert_scale", "ffn_down_exps.scale"},
    NamePair{"experts.gate_up_proj", "ffn_gate_up_exps.weight"},
    NamePair{"experts.down_proj", "ffn_down_exps.weight"},
};

template <std::size_t Count>
std::optional<std::string_view> look_up(const std::array<NamePair, Count>& table,
                                        std::string_view name) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const NamePair& p) { return p.first == name; });
  if (found == table.end()) return std::nullopt;
  return found->second;
}

// The name inside the text model, whatever the checkpoint wraps it in.
std::string_view without_wrapping(std::string_view name) {
  for (const std::string_view prefix :
       {"model.language_model.", "language_model.model.", "language_model.", "model."}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  }
  return name;
}

}  // namespace

std::optional<std::string> gguf_tensor_name(std::string_view checkpoint_name) {
  constexpr std::string_view kLayers = "layers.";
  const std::string_view name = without_wrapping(checkpoint_name);
  if (!name.starts_with(kLayers)) {
    const auto global = look_up(kGlobals, name);
    return global ? std::optional<std::string>(*global) : std::nullopt;
  }
  const std::string_view rest = name.substr(kLayers.size());
  const std::size_t dot = rest.find('.');
  const std::string_view index = rest.substr(0, dot);
  const bool is_number =
      !index.empty() && index.size() <= 4 &&
      std::all_of(index.begin(), index.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (dot == rest.npos || !is_number) return std::nullopt;
  const auto leaf = look_up(kLayer, rest.substr(dot + 1));
  return leaf ? std::optional<std::string>(fmt::format("blk.{}.{}", index, *leaf)) : std::nullopt;
}

bool is_left_out(std::string_view name) {
  if (name.ends_with("rotary_emb.inv_freq")) return true;
  if (name.find("language_model.") != name.npos) return false;
  const auto has = [&](std::string_view part) { return name.find(part) != name.npos; };
  return has("vision") || has("audio") || has("image") || has("multi_modal");
}

}  // namespace outrider
