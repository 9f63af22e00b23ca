#include "core/tensor_type.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/contract.h"

namespace outrider {
namespace {

constexpr std::array kTypes = {
    TensorTypeInfo{TensorType::kF32, "F32", 1, 4},
    TensorTypeInfo{TensorType::kF16, "F16", 1, 2},
    TensorTypeInfo{TensorType::kQ4_0, "Q4_0", 32, 18},
    TensorTypeInfo{TensorType::kQ4_1, "Q4_1", 32, 20},
    TensorTypeInfo{TensorType::kQ5_0, "Q5_0", 32, 22},
    TensorTypeInfo{TensorType::kQ5_1, "Q5_1", 32, 24},
    TensorTypeInfo{TensorType::kQ8_0, "Q8_0", 32, 34},
    TensorTypeInfo{TensorType::kQ2_K, "Q2_K", 256, 84},
    TensorTypeInfo{TensorType::kQ3_K, "Q3_K", 256, 110},
    TensorTypeInfo{TensorType::kQ4_K, "Q4_K", 256, 144},
    TensorTypeInfo{TensorType::kQ5_K, "Q5_K", 256, 176},
    TensorTypeInfo{TensorType::kQ6_K, "Q6_K", 256, 210},
    TensorTypeInfo{TensorType::kIQ4_NL, "IQ4_NL", 32, 18},
    TensorTypeInfo{TensorType::kIQ4_XS, "IQ4_XS", 256, 136},
    TensorTypeInfo{TensorType::kI32, "I32", 1, 4},
    TensorTypeInfo{TensorType::kBF16, "BF16", 1, 2},
    TensorTypeInfo{TensorType::kMXFP4, "MXFP4", 32, 17},
};

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::toupper(x) == std::toupper(y);
  });
}

}  // namespace

std::optional<TensorTypeInfo> tensor_type_from_id(std::uint32_t id) {
  for (const TensorTypeInfo& entry : kTypes) {
    if (static_cast<std::uint32_t>(entry.type) == id) return entry;
  }
  return std::nullopt;
}

std::optional<TensorTypeInfo> tensor_type_from_name(std::string_view name) {
  for (const TensorTypeInfo& entry : kTypes) {
    if (same_letters(entry.name, name)) return entry;
  }
  return std::nullopt;
}

const TensorTypeInfo& info(TensorType type) {
  for (const TensorTypeInfo& entry : kTypes) {
    if (entry.type == type) return entry;
  }
  contract_failed("a tensor type is one of the listed ones");
}

std::uint64_t row_bytes(TensorType type, std::uint64_t values) {
  const TensorTypeInfo& entry = info(type);
  return divide_exact<std::uint64_t>(values, entry.block_values) * entry.block_bytes;
}

}  // namespace outrider
