// Makes a GGUF file from a Hugging Face folder of Gemma 4 or of one of its assistants.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "core/result.h"

namespace outrider {

struct ConvertOptions {
  std::string folder;  // config.json, *.safetensors, tokenizer.json, ...
  std::string output;
  std::string type;           // see quant_mix_from_name(); empty: as stored
  std::uint32_t threads = 0;  // 0: one per core
  bool drop_centroids = false;
  bool quiet = false;
};

struct ConvertSummary {
  std::uint64_t bytes = 0;  // of the new file
  std::uint32_t tensors = 0;
  std::uint32_t left_out = 0;                      // tensors of image and sound encoders
  std::map<std::string, std::uint32_t> fallbacks;  // see QuantRules::fallbacks()
};

// Vectors and the router become F32, as all readers expect; other tensors keep their type unless
// options name one. The result was read back: what this returns without an error can be served.
// Errors are about the folder, in one sentence.
Result<ConvertSummary> convert_folder(const ConvertOptions& options);

}  // namespace outrider
