#include "format/safetensors_tensor.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "core/contract.h"
#include "core/half.h"
#include "format/printable.h"

namespace outrider {
namespace {

struct TypeFacts {
  SafetensorsType type;
  std::string_view name;
  std::size_t bytes;
};

constexpr std::array kTypes = {
    TypeFacts{SafetensorsType::kF32, "F32", 4},
    TypeFacts{SafetensorsType::kF16, "F16", 2},
    TypeFacts{SafetensorsType::kBF16, "BF16", 2},
    TypeFacts{SafetensorsType::kI32, "I32", 4},
    TypeFacts{SafetensorsType::kI64, "I64", 8},
    TypeFacts{SafetensorsType::kBool, "BOOL", 1},
    TypeFacts{SafetensorsType::kU8, "U8", 1},
    TypeFacts{SafetensorsType::kI8, "I8", 1},
    TypeFacts{SafetensorsType::kF8E5M2, "F8_E5M2", 1},
    TypeFacts{SafetensorsType::kF8E4M3, "F8_E4M3", 1},
    TypeFacts{SafetensorsType::kI16, "I16", 2},
    TypeFacts{SafetensorsType::kU16, "U16", 2},
    TypeFacts{SafetensorsType::kU32, "U32", 4},
    TypeFacts{SafetensorsType::kF64, "F64", 8},
    TypeFacts{SafetensorsType::kU64, "U64", 8},
};

const TypeFacts& facts(SafetensorsType type) {
  const auto index = static_cast<std::size_t>(type);
  require(index < kTypes.size() && kTypes[index].type == type, "the types are listed in order");
  return kTypes[index];
}

template <class T>
T load(std::span<const std::byte> bytes, std::uint64_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
  return value;
}

void require_range(const SafetensorsTensor& tensor, std::uint64_t first, std::size_t count) {
  require(first <= tensor.values() && count <= tensor.values() - first,
          "values are read inside the tensor");
}

Error wrong_type(const SafetensorsTensor& tensor, const char* wanted) {
  return {ErrorCode::kBadModelFile,
          fmt::format("tensor {} is {}, expected {}", printable(tensor.name),
                      safetensors_type_name(tensor.type), wanted)};
}

}  // namespace

std::string_view safetensors_type_name(SafetensorsType type) {
  return facts(type).name;
}

std::optional<SafetensorsType> safetensors_type_from_name(std::string_view name) {
  for (const TypeFacts& entry : kTypes) {
    if (entry.name == name) return entry.type;
  }
  return std::nullopt;
}

std::size_t safetensors_type_bytes(SafetensorsType type) {
  return facts(type).bytes;
}

Result<void> read_floats(const SafetensorsTensor& tensor, std::uint64_t first,
                         std::span<float> out) {
  require_range(tensor, first, out.size());
  switch (tensor.type) {
    case SafetensorsType::kF32:
      if (out.empty()) return {};
      std::memcpy(out.data(), tensor.bytes.data() + first * sizeof(float), out.size_bytes());
      return {};
    case SafetensorsType::kF16:
      for (float& value : out) value = f16_to_float(load<std::uint16_t>(tensor.bytes, first++));
      return {};
    case SafetensorsType::kBF16:
      for (float& value : out) value = bf16_to_float(load<std::uint16_t>(tensor.bytes, first++));
      return {};
    default:
      return wrong_type(tensor, "F32, F16 or BF16");
  }
}

Result<void> read_integers(const SafetensorsTensor& tensor, std::uint64_t first,
                           std::span<std::int64_t> out) {
  require_range(tensor, first, out.size());
  if (tensor.type == SafetensorsType::kI32) {
    for (std::int64_t& value : out) value = load<std::int32_t>(tensor.bytes, first++);
  } else if (tensor.type == SafetensorsType::kI64) {
    for (std::int64_t& value : out) value = load<std::int64_t>(tensor.bytes, first++);
  } else {
    return wrong_type(tensor, "I32 or I64");
  }
  return {};
}

Result<std::vector<float>> read_floats(const SafetensorsTensor& tensor) {
  std::vector<float> values(tensor.values());
  if (auto read = read_floats(tensor, 0, values); !read) return read.error();
  return values;
}

Result<std::vector<std::int64_t>> read_integers(const SafetensorsTensor& tensor) {
  std::vector<std::int64_t> values(tensor.values());
  if (auto read = read_integers(tensor, 0, values); !read) return read.error();
  return values;
}

}  // namespace outrider
