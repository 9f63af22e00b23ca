#include "model/metadata.h"

#include <fmt/format.h>

namespace outrider {

const GgufValue* Metadata::find(std::string_view key) const {
  return file_.value(prefix_ + std::string(key));
}

Error Metadata::wrong(std::string_view key, std::string_view found_and_expected) const {
  return {ErrorCode::kBadModelFile,
          fmt::format("{}: key {}{} {}", file_.path(), prefix_, key, found_and_expected)};
}

Result<std::uint32_t> Metadata::u32(std::string_view key, std::uint32_t low,
                                    std::uint32_t high) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return wrong(key, "is missing");
  const auto number = value->integer();
  if (!number || *number < low || *number > high) {
    return wrong(
        key, fmt::format("is {}, expected an integer from {} to {}", value->describe(), low, high));
  }
  return static_cast<std::uint32_t>(*number);
}

Result<std::uint32_t> Metadata::u32_or(std::string_view key, std::uint32_t absent,
                                       std::uint32_t low, std::uint32_t high) const {
  if (!has(key)) return absent;
  return u32(key, low, high);
}

Result<float> Metadata::f32_or(std::string_view key, float absent) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return absent;
  const auto number = value->number();
  if (!number) return wrong(key, fmt::format("is {}, expected a number", value->describe()));
  return static_cast<float>(*number);
}

Result<std::vector<std::uint32_t>> Metadata::per_layer(std::string_view key, std::uint32_t count,
                                                       std::uint32_t low,
                                                       std::uint32_t high) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return wrong(key, "is missing");
  const GgufArray* array = value->array();
  if (array == nullptr) {
    auto one = u32(key, low, high);
    if (!one) return one.error();
    return std::vector<std::uint32_t>(count, *one);
  }
  if (array->size() < count) {
    return wrong(key, fmt::format("has {} values, expected one for each of {} layers",
                                  array->size(), count));
  }
  std::vector<std::uint32_t> values(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto number = array->integer(i);
    if (!number || *number < low || *number > high) {
      return wrong(key, fmt::format("has a bad value for layer {}, expected integers from {} to {}",
                                    i, low, high));
    }
    values[i] = static_cast<std::uint32_t>(*number);
  }
  return values;
}

Result<std::vector<bool>> Metadata::sliding_pattern(std::string_view key,
                                                    std::uint32_t count) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return wrong(key, "is missing");
  std::vector<bool> sliding(count);
  if (value->array() == nullptr) {
    auto period = u32(key, 1, 1024);
    if (!period) return period.error();
    for (std::uint32_t i = 0; i < count; ++i) sliding[i] = (i + 1) % *period != 0;
    return sliding;
  }
  auto flags = per_layer(key, count, 0, 1);
  if (!flags) return flags.error();
  for (std::uint32_t i = 0; i < count; ++i) sliding[i] = (*flags)[i] != 0;
  return sliding;
}

}  // namespace outrider
