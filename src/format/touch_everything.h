// What a user of the readers would touch of a file, for the mutation test and the fuzzers: a view
// that leaves the file shows as a crash here.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/contract.h"
#include "format/gguf.h"
#include "format/safetensors.h"

namespace outrider {

inline std::uint64_t touch(std::span<const std::byte> bytes) {
  if (bytes.empty()) return 0;
  return std::to_integer<std::uint64_t>(bytes.front()) ^
         std::to_integer<std::uint64_t>(bytes.back());
}

inline std::uint64_t touch(std::string_view text) {
  return touch(std::as_bytes(std::span(text)));
}

inline std::uint64_t touch(const GgufValue& value) {
  std::uint64_t sum = touch(value.describe()) + touch(value.encoded());
  sum += static_cast<std::uint64_t>(value.integer().value_or(0));
  if (value.number()) ++sum;
  if (value.boolean().value_or(false)) ++sum;
  if (value.string()) sum += touch(*value.string());
  const GgufArray* array = value.array();
  if (array == nullptr) return sum;
  require(!array->is_strings() || array->size() == array->strings().size(), "sizes agree");
  for (const std::string_view text : array->strings()) sum += touch(text);
  for (std::size_t i = 0; i < array->size(); ++i) {
    sum += static_cast<std::uint64_t>(array->integer(i).value_or(0));
    if (array->number(i)) ++sum;
  }
  return sum;
}

// A sum of what was read, so that the reads are not optimised away.
inline std::uint64_t touch_everything(const GgufFile& file) {
  std::uint64_t sum = file.file_bytes();
  for (const std::string_view key : file.keys()) {
    require(file.value(key) != nullptr, "a listed key has a value");
    sum += touch(key) + touch(*file.value(key));
  }
  for (const GgufTensor& tensor : file.tensors()) {
    require(file.find(tensor.name) == &tensor, "a listed tensor is found");
    require(tensor.bytes.size() ==
                row_bytes(tensor.type, tensor.ne[0]) * tensor.ne[1] * tensor.ne[2] * tensor.ne[3],
            "a tensor has the bytes of its shape");
    sum += touch(tensor.name) + touch(tensor.bytes);
  }
  return sum;
}

inline std::uint64_t touch_everything(const SafetensorsFile& file) {
  std::uint64_t sum = 0;
  for (const auto& [key, text] : file.metadata()) sum += touch(key) + touch(text);
  for (const SafetensorsTensor& tensor : file.tensors()) {
    require(file.find(tensor.name) == &tensor, "a listed tensor is found");
    std::uint64_t values = 1;
    for (const std::uint64_t extent : tensor.shape) values *= extent;
    require(values == tensor.values(), "a tensor has the values of its shape");
    sum += touch(tensor.name) + touch(tensor.bytes);
    if (const auto floats = read_floats(tensor)) sum += floats->size();
    if (const auto integers = read_integers(tensor)) sum += integers->size();
  }
  return sum;
}

}  // namespace outrider
