// Writes small safetensors files, for tests and tools.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "format/safetensors.h"

namespace outrider {

class SafetensorsWriter {
 public:
  // The values are borrowed until write(). Names differ, and the shape's product is the number of
  // values. BF16 values are given as their bits.
  void add_f32(std::string_view name, std::vector<std::uint64_t> shape,
               std::span<const float> values);
  void add_i32(std::string_view name, std::vector<std::uint64_t> shape,
               std::span<const std::int32_t> values);
  void add_i64(std::string_view name, std::vector<std::uint64_t> shape,
               std::span<const std::int64_t> values);
  void add_bf16(std::string_view name, std::vector<std::uint64_t> shape,
                std::span<const std::uint16_t> values);
  void add(std::string_view name, SafetensorsType type, std::vector<std::uint64_t> shape,
           std::span<const std::byte> bytes);
  // A text for "__metadata__".
  void set_metadata(std::string_view key, std::string_view text);

  // Writes all of it, in the order added. Errors name the path and the system's reason; a failed
  // write leaves nothing behind.
  Result<void> write(const std::string& path) const;

 private:
  std::string header() const;
  std::vector<SafetensorsTensor> tensors_;
  std::map<std::string, std::string, std::less<>> metadata_;
};

}  // namespace outrider
