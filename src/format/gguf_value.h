// Values of GGUF metadata, read in place from the mapped file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outrider {

// Values are GGUF's type ids.
enum class GgufType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

constexpr std::uint32_t kGgufTypes = 13;

// Bytes of one number or boolean in the file; 0 for strings and arrays, whose size varies.
std::size_t gguf_type_bytes(GgufType type);
// "u32", "string", ...
std::string_view gguf_type_name(GgufType type);

// An array of metadata. Numbers are read one by one, because nothing in the file is aligned.
class GgufArray {
 public:
  GgufArray() = default;
  // Numbers or booleans; `elements` is a whole number of them.
  GgufArray(GgufType element, std::span<const std::byte> elements);
  explicit GgufArray(std::vector<std::string_view> strings);

  std::size_t size() const { return size_; }
  bool is_strings() const { return element_ == GgufType::kString; }
  GgufType element() const { return element_; }
  // Numbers and booleans; the element kinds convert as in GgufValue. Nothing for an array of
  // strings. `i` must be below size().
  std::optional<std::int64_t> integer(std::size_t i) const;
  std::optional<double> number(std::size_t i) const;
  // Empty for an array of numbers. Views into the mapped file.
  std::span<const std::string_view> strings() const { return strings_; }

 private:
  std::span<const std::byte> at(std::size_t i) const;
  GgufType element_ = GgufType::kU8;
  std::size_t size_ = 0;
  std::span<const std::byte> elements_;  // of numbers and booleans
  std::vector<std::string_view> strings_;
};

// One value of metadata. Integer kinds of any width are one kind here, float kinds too.
class GgufValue {
 public:
  // `encoded` is the value as the file holds it, already checked: little-endian, a string with its
  // length before it, an array with its element type and count before it (and repeated in `array`).
  GgufValue(GgufType type, std::span<const std::byte> encoded, GgufArray array = {});

  std::optional<std::int64_t> integer() const;  // integers and booleans; nothing above 2^63 - 1
  std::optional<double> number() const;         // floats and integers
  std::optional<bool> boolean() const;
  std::optional<std::string_view> string() const;
  const GgufArray* array() const;  // null when it is not one
  // For people: "u32 5", "array of 262144 strings".
  std::string describe() const;

  // The value's own type and bytes, to write it back unchanged.
  GgufType type() const { return type_; }
  std::span<const std::byte> encoded() const { return encoded_; }

 private:
  GgufType type_;
  std::span<const std::byte> encoded_;
  GgufArray array_;
};

}  // namespace outrider
