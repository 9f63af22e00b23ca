// Reads safetensors: one file, or a folder whose index names several. The header is checked before
// anything of it is used; tensors are views into the mapped files.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "format/safetensors_tensor.h"
#include "platform/mapped_file.h"

namespace outrider {

class SafetensorsFile {
 public:
  // `path` is a .safetensors file, a model.safetensors.index.json, or a folder that holds either;
  // the index goes first. Errors name the file, the tensor, what was found and what was expected.
  static Result<SafetensorsFile> open(const std::string& path);
  // Parses one file held in memory, for tests and fuzzing; `bytes` must outlive it.
  static Result<SafetensorsFile> parse(std::span<const std::byte> bytes, const std::string& name);

  const std::string& path() const { return path_; }
  std::span<const SafetensorsTensor> tensors() const { return tensors_; }
  const SafetensorsTensor* find(std::string_view name) const;  // null when absent
  // The texts under "__metadata__"; of the first file that has the key.
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }

 private:
  SafetensorsFile() = default;
  static Result<SafetensorsFile> open_index(const std::string& path);
  Result<void> add(std::span<const std::byte> bytes, const std::string& name);
  Result<void> open_part(const std::string& path);

  std::string path_;
  std::vector<MappedFile> mappings_;
  std::vector<SafetensorsTensor> tensors_;
  std::map<std::string, std::string, std::less<>> metadata_;
  std::map<std::string, std::size_t, std::less<>> tensor_index_;
};

}  // namespace outrider
