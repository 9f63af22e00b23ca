// The element types a tensor can be stored in: ids, names and block sizes, as GGUF defines them.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace outrider {

// Values are GGUF's type ids.
enum class TensorType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ4_NL = 20,
  kIQ4_XS = 23,
  kI32 = 26,
  kBF16 = 30,
  kMXFP4 = 39,
};

struct TensorTypeInfo {
  TensorType type;
  std::string_view name;       // as llama.cpp's tools print it, in capitals
  std::uint32_t block_values;  // consecutive values along a row that are stored together
  std::uint32_t block_bytes;
};

// Nothing for ids this build does not know.
std::optional<TensorTypeInfo> tensor_type_from_id(std::uint32_t id);
// Ignores case: "q4_0" and "Q4_0" are the same.
std::optional<TensorTypeInfo> tensor_type_from_name(std::string_view name);
const TensorTypeInfo& info(TensorType type);

// The bytes of one row. `values` must be a multiple of the type's block.
std::uint64_t row_bytes(TensorType type, std::uint64_t values);

}  // namespace outrider
