// Reads GGUF v2 and v3 files, split ones too, over mapped memory. Nothing of a file is believed
// before it was checked: every count, offset, alignment and string lies inside the file, or opening
// it is an Error.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "core/tensor_type.h"
#include "format/gguf_value.h"
#include "platform/mapped_file.h"

namespace outrider {

struct GgufTensor {
  std::string_view name;
  TensorType type;
  std::uint32_t dims;                // 1 to 4
  std::array<std::uint64_t, 4> ne;   // ne[0] is the contiguous axis; 1 past `dims`; none is 0
  std::span<const std::byte> bytes;  // exactly row_bytes(type, ne[0]) * ne[1] * ne[2] * ne[3]
};

struct GgufEntry {
  std::string_view key;
  GgufValue value;
};

struct GgufPart;  // of gguf_parse.h

// Everything it hands out points into the file's mapping: it stays valid while the GgufFile lives,
// moved or not.
class GgufFile {
 public:
  // Opens `path`, and its siblings if it is one part NAME-00001-of-0000N.gguf of a split file.
  // Errors name the file, the tensor or key, what was found and what was expected.
  static Result<GgufFile> open(const std::string& path);
  // Parses one unsplit file held in memory, for tests and fuzzing; `bytes` must outlive it.
  static Result<GgufFile> parse(std::span<const std::byte> bytes, const std::string& name);

  const std::string& path() const { return path_; }
  std::uint64_t file_bytes() const { return file_bytes_; }  // of all parts
  std::span<const GgufTensor> tensors() const { return tensors_; }
  const GgufTensor* find(std::string_view tensor) const;  // null when absent
  const GgufValue* value(std::string_view key) const;     // null when absent
  std::vector<std::string_view> keys() const;             // in file order; of the first part

  // Whether these bytes lie in a mapped file, not in memory that was passed to parse().
  bool is_mapped(std::span<const std::byte> part) const;
  // Hints to the system about a part of tensors' bytes; see platform/memory.h.
  void expect_sequential(std::span<const std::byte> part) const;
  void expect_random(std::span<const std::byte> part) const;

 private:
  GgufFile() = default;
  // The first part's keys are the file's; further parts only bring tensors.
  Result<void> add_part(GgufPart part, std::uint64_t bytes, const std::string& name);
  static Result<GgufFile> open_split(const std::string& stem, std::uint32_t parts);

  std::string path_;
  std::uint64_t file_bytes_ = 0;
  std::vector<MappedFile> mappings_;
  std::vector<GgufEntry> entries_;
  std::vector<GgufTensor> tensors_;
  std::unordered_map<std::string_view, std::size_t> tensor_index_;
};

}  // namespace outrider
