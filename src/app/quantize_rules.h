// Which type each tensor of a Gemma 4 file is stored in, by the rules of llama-quantize, so that a
// "Q4_K_M" means here what it means everywhere.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/tensor_type.h"

namespace outrider {

// What a type's name on the command line stands for.
struct QuantMix {
  std::string_view name;    // "Q4_K_M"
  TensorType base;          // of most matrices
  bool more_bits;           // some layers' attn_v and ffn_down get Q6_K
  std::uint32_t file_type;  // the number general.file_type gives it
};

// Ignores case; Q4_K and Q5_K stand for their _M mixes. An Error lists the names there are.
Result<QuantMix> quant_mix_from_name(std::string_view name);

struct RuleTensor {
  std::string_view name;
  std::span<const std::uint64_t> ne;
  TensorType stored;
};

class QuantRules {
 public:
  // `names` are those of all tensors of the file: which layers there are, and whether the token
  // embedding is the output matrix too, decides about some types.
  QuantRules(const QuantMix& mix, std::span<const std::string_view> names);

  // What the token embedding and the per-layer one are stored as, whatever the mix says.
  void set_token_embedding(TensorType type) { token_embedding_ = type; }

  // One whose block divides the tensor's width.
  TensorType type_of(const RuleTensor& tensor);

  // How often a row width kept a tensor from the type it should have: "Q4_K -> Q5_0" to tensors.
  const std::map<std::string, std::uint32_t>& fallbacks() const { return fallbacks_; }

 private:
  TensorType wanted(std::string_view name) const;
  TensorType fitting(TensorType type, std::uint64_t cols);

  QuantMix mix_;
  std::uint32_t layers_ = 0;
  std::vector<std::uint32_t> value_layers_;  // those with an attn_v, ascending
  bool tied_ = true;
  std::optional<TensorType> token_embedding_;
  std::map<std::string, std::uint32_t> fallbacks_;
};

// True for tensors that stay as they are stored in every mix: vectors, norms, the router, the
// per-layer projection, and whatever is no weight.
bool is_kept(const RuleTensor& tensor);

// True for types that have lost precision already.
bool is_quantized(TensorType type);

}  // namespace outrider
