#include "format/gguf_value.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "core/contract.h"
#include "format/printable.h"

namespace outrider {
namespace {

struct TypeFacts {
  std::string_view name;
  std::size_t bytes;
};

constexpr std::array<TypeFacts, kGgufTypes> kFacts = {{
    {"u8", 1},
    {"i8", 1},
    {"u16", 2},
    {"i16", 2},
    {"u32", 4},
    {"i32", 4},
    {"f32", 4},
    {"bool", 1},
    {"string", 0},
    {"array", 0},
    {"u64", 8},
    {"i64", 8},
    {"f64", 8},
}};

template <class T>
T load(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::optional<std::int64_t> load_integer(GgufType type, std::span<const std::byte> bytes) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kBool:
      return load<std::uint8_t>(bytes);
    case GgufType::kI8:
      return load<std::int8_t>(bytes);
    case GgufType::kU16:
      return load<std::uint16_t>(bytes);
    case GgufType::kI16:
      return load<std::int16_t>(bytes);
    case GgufType::kU32:
      return load<std::uint32_t>(bytes);
    case GgufType::kI32:
      return load<std::int32_t>(bytes);
    case GgufType::kI64:
      return load<std::int64_t>(bytes);
    case GgufType::kU64: {
      const auto value = load<std::uint64_t>(bytes);
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return {};
      return static_cast<std::int64_t>(value);
    }
    case GgufType::kF32:
    case GgufType::kF64:
    case GgufType::kString:
    case GgufType::kArray:
      return {};
  }
  return {};
}

std::optional<double> load_number(GgufType type, std::span<const std::byte> bytes) {
  if (type == GgufType::kBool) return {};
  if (type == GgufType::kF32) return static_cast<double>(load<float>(bytes));
  if (type == GgufType::kF64) return load<double>(bytes);
  if (type == GgufType::kU64) return static_cast<double>(load<std::uint64_t>(bytes));
  const auto value = load_integer(type, bytes);
  if (!value) return {};
  return static_cast<double>(*value);
}

}  // namespace

std::size_t gguf_type_bytes(GgufType type) {
  return kFacts[static_cast<std::size_t>(type)].bytes;
}

std::string_view gguf_type_name(GgufType type) {
  return kFacts[static_cast<std::size_t>(type)].name;
}

GgufArray::GgufArray(GgufType element, std::span<const std::byte> elements)
    : element_(element), elements_(elements) {
  require(gguf_type_bytes(element) > 0, "an array of numbers has elements of one size");
  size_ = divide_exact(elements.size(), gguf_type_bytes(element));
}

GgufArray::GgufArray(std::vector<std::string_view> strings)
    : element_(GgufType::kString), size_(strings.size()), strings_(std::move(strings)) {}

std::span<const std::byte> GgufArray::at(std::size_t i) const {
  require(i < size_, "an index is inside the array");
  const std::size_t bytes = gguf_type_bytes(element_);
  return elements_.subspan(i * bytes, bytes);
}

std::optional<std::int64_t> GgufArray::integer(std::size_t i) const {
  if (is_strings()) return {};
  return load_integer(element_, at(i));
}

std::optional<double> GgufArray::number(std::size_t i) const {
  if (is_strings()) return {};
  return load_number(element_, at(i));
}

GgufValue::GgufValue(GgufType type, std::span<const std::byte> encoded, GgufArray array)
    : type_(type), encoded_(encoded), array_(std::move(array)) {
  const std::size_t bytes = gguf_type_bytes(type);
  require(bytes == 0 || bytes == encoded.size(), "a value's bytes are those of its type");
}

std::optional<std::int64_t> GgufValue::integer() const {
  return load_integer(type_, encoded_);
}

std::optional<double> GgufValue::number() const {
  return load_number(type_, encoded_);
}

std::optional<bool> GgufValue::boolean() const {
  if (type_ != GgufType::kBool) return {};
  return encoded_[0] != std::byte{0};
}

std::optional<std::string_view> GgufValue::string() const {
  if (type_ != GgufType::kString) return {};
  const auto text = encoded_.subspan(sizeof(std::uint64_t));
  return std::string_view(reinterpret_cast<const char*>(text.data()), text.size());
}

const GgufArray* GgufValue::array() const {
  return type_ == GgufType::kArray ? &array_ : nullptr;
}

std::string GgufValue::describe() const {
  if (type_ == GgufType::kArray) {
    const char* plural = array_.size() == 1 ? "" : "s";
    return fmt::format("array of {} {}{}", array_.size(), gguf_type_name(array_.element()), plural);
  }
  const std::string_view name = gguf_type_name(type_);
  if (const auto text = string()) return fmt::format("{} {}", name, in_quotes(*text));
  if (const auto flag = boolean()) return fmt::format("{} {}", name, *flag);
  if (const auto whole = integer()) return fmt::format("{} {}", name, *whole);
  if (type_ == GgufType::kU64) return fmt::format("{} {}", name, load<std::uint64_t>(encoded_));
  if (type_ == GgufType::kF32) return fmt::format("{} {}", name, load<float>(encoded_));
  return fmt::format("{} {}", name, load<double>(encoded_));
}

}  // namespace outrider
