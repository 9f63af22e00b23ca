// Parses and checks the header of one GGUF file; GgufFile joins the parts of split ones.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "format/gguf.h"

namespace outrider {

struct GgufPart {
  std::vector<GgufEntry> entries;   // keys differ
  std::vector<GgufTensor> tensors;  // names differ, bytes do not overlap
};

// `name` is only for messages. Everything returned points into `bytes`.
Result<GgufPart> parse_gguf(std::span<const std::byte> bytes, const std::string& name);

}  // namespace outrider
