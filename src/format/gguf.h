// Reads GGUF v2 and v3 files, split ones too, over mapped memory. Nothing of a file is believed
// before it was checked: every count, offset, alignment and string lies inside the file, or opening
// it is an Error.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"
#include "core/tensor_type.h"

namespace outrider {

// An array of metadata. Numbers are read one by one, because nothing in the file is aligned.
class GgufArray {
 public:
  std::size_t size() const;
  bool is_strings() const;
  // Numbers and booleans; the element kinds convert as in GgufValue. Nothing for an array of
  // strings.
  std::optional<std::int64_t> integer(std::size_t i) const;
  std::optional<double> number(std::size_t i) const;
  // Empty for an array of numbers. Views into the mapped file.
  std::span<const std::string_view> strings() const;
};

// One value of metadata. Integer kinds of any width are one kind here, float kinds too.
class GgufValue {
 public:
  std::optional<std::int64_t> integer() const;  // integers and booleans; nothing above 2^63 - 1
  std::optional<double> number() const;         // floats and integers
  std::optional<bool> boolean() const;
  std::optional<std::string_view> string() const;
  const GgufArray* array() const;  // null when it is not one
  // For people: "u32 5", "array of 262144 strings".
  std::string describe() const;
};

struct GgufTensor {
  std::string_view name;
  TensorType type;
  std::uint32_t dims;                // 1 to 4
  std::array<std::uint64_t, 4> ne;   // ne[0] is the contiguous axis; 1 past `dims`
  std::span<const std::byte> bytes;  // exactly row_bytes(type, ne[0]) * ne[1] * ne[2] * ne[3]
};

class GgufFile {
 public:
  // Opens `path`, and its siblings if it is one part NAME-00001-of-0000N.gguf of a split file.
  // Errors name the file, the tensor or key, what was found and what was expected.
  static Result<GgufFile> open(const std::string& path);
  // Parses one unsplit file held in memory, for tests and fuzzing; `bytes` must outlive it.
  static Result<GgufFile> parse(std::span<const std::byte> bytes, const std::string& name);

  const std::string& path() const;
  std::uint64_t file_bytes() const;  // of all parts
  std::span<const GgufTensor> tensors() const;
  const GgufTensor* find(std::string_view tensor) const;  // null when absent
  const GgufValue* value(std::string_view key) const;     // null when absent
  std::vector<std::string_view> keys() const;             // in file order

  // Hints to the system about a part of tensors' bytes; see MappedFile.
  void expect_random(std::span<const std::byte> part) const;
};

}  // namespace outrider
