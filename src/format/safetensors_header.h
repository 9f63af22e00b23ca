// The JSON header of a safetensors file, read event by event: whatever is not the one structure it
// may have stops the parser at once, so no header can make us build a large tree.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace outrider {

struct SafetensorsEntry {
  std::string name;
  std::string type;                  // as written
  std::vector<std::uint64_t> shape;  // at most 8 extents
  std::uint64_t begin = 0;           // within the data; neither is checked yet
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // names differ
  std::map<std::string, std::string, std::less<>> metadata;
};

// `file` is only for messages.
Result<SafetensorsHeader> parse_safetensors_header(std::string_view json, const std::string& file);

}  // namespace outrider
