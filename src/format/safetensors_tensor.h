// One tensor of a safetensors file, and its values as floats or integers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace outrider {

enum class SafetensorsType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kI32,
  kI64,
  // These are listed, but nothing below converts them.
  kBool,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kI16,
  kU16,
  kU32,
  kF64,
  kU64,
};

// "F32", as in the file.
std::string_view safetensors_type_name(SafetensorsType type);
// Nothing for a name this build does not know.
std::optional<SafetensorsType> safetensors_type_from_name(std::string_view name);
std::size_t safetensors_type_bytes(SafetensorsType type);  // of one value

struct SafetensorsTensor {
  std::string name;
  SafetensorsType type;
  std::vector<std::uint64_t> shape;  // the last axis is the contiguous one; empty for a scalar
  std::span<const std::byte> bytes;  // exactly the shape's product of values; not aligned

  std::uint64_t values() const { return bytes.size() / safetensors_type_bytes(type); }
};

// The values from `first` on, as many as `out` holds (they must be there). An Error naming the
// tensor and its type unless that is F32, F16 or BF16.
Result<void> read_floats(const SafetensorsTensor& tensor, std::uint64_t first,
                         std::span<float> out);
// The same for I32 and I64.
Result<void> read_integers(const SafetensorsTensor& tensor, std::uint64_t first,
                           std::span<std::int64_t> out);
// All values at once.
Result<std::vector<float>> read_floats(const SafetensorsTensor& tensor);
Result<std::vector<std::int64_t>> read_integers(const SafetensorsTensor& tensor);

}  // namespace outrider
