// Makes a smaller GGUF file from a larger one.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "core/result.h"
#include "core/tensor_type.h"

namespace outrider {

struct QuantizeOptions {
  std::string input;
  std::string output;
  std::string type;             // see quant_mix_from_name()
  std::string token_embedding;  // type of the embeddings; empty: as the rules say
  std::uint32_t threads = 0;    // 0: one per core
  bool allow_requantize = false;
  bool quiet = false;
};

struct QuantizeSummary {
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  std::map<TensorType, std::uint32_t> tensors;     // how many are of each type
  std::map<std::string, std::uint32_t> fallbacks;  // see QuantRules::fallbacks()
};

// Memory stays bounded: tensors stream through. Fails (kBadRequest) for an unknown type, for an
// output that is the input, and for tensors that lost precision before unless that is allowed.
Result<QuantizeSummary> quantize_file(const QuantizeOptions& options);

// For people, several lines.
std::string describe(const QuantizeSummary& summary);

}  // namespace outrider
