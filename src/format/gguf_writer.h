// Writes GGUF v3. Metadata and the tensor directory are declared first, tensor data follows in that
// order by chunks of any size, so a file of many gigabytes needs no memory.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "core/tensor_type.h"
#include "format/gguf.h"
#include "format/output_file.h"

namespace outrider {

class GgufWriter {
 public:
  // Writes PATH.partial until finish() renames it; a writer dropped unfinished leaves nothing.
  // Errors of this and all other calls are the system's: no such folder, disk full.
  static Result<GgufWriter> create(const std::string& path);

  // Metadata, before the first data. A key set again keeps its place and takes the new value.
  void set_u32(std::string_view key, std::uint32_t value);
  void set_i32(std::string_view key, std::int32_t value);
  void set_f32(std::string_view key, float value);
  void set_bool(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view value);
  void set_u32s(std::string_view key, std::span<const std::uint32_t> values);
  void set_i32s(std::string_view key, std::span<const std::int32_t> values);
  void set_f32s(std::string_view key, std::span<const float> values);
  void set_bools(std::string_view key, const std::vector<bool>& values);
  void set_strings(std::string_view key, std::span<const std::string_view> values);
  void set_strings(std::string_view key, std::span<const std::string> values);
  // The value with its own type, bit for bit.
  void set_value(std::string_view key, const GgufValue& value);
  // All of a file's keys but those about its layout (general.alignment, split.*), which this
  // writer decides itself.
  void copy_metadata(const GgufFile& file);

  // The directory, before the first data. `ne` has 1 to 4 extents, none 0, ne[0] a multiple of the
  // type's block. Names differ.
  void declare_tensor(std::string_view name, TensorType type, std::span<const std::uint64_t> ne);
  // Name, type and extents of an existing tensor, or the same in another type.
  void declare_like(const GgufTensor& tensor) { declare_like(tensor, tensor.type); }
  void declare_like(const GgufTensor& tensor, TensorType type);

  // The next bytes of `tensor`, which must be the first declared one that is not complete yet, and
  // no more than it still lacks.
  Result<void> write(std::string_view tensor, std::span<const std::byte> chunk);
  // Requires that every tensor is complete.
  Result<void> finish();

 private:
  struct Declared {
    std::string name;
    TensorType type;
    std::vector<std::uint64_t> ne;
    std::uint64_t offset;  // from the start of the data
    std::uint64_t bytes;
  };

  explicit GgufWriter(OutputFile output) : output_(std::move(output)) {}
  void set_encoded(std::string_view key, std::string encoded);
  std::string encoded_header() const;
  Result<void> begin_data();

  OutputFile output_;
  std::vector<std::pair<std::string, std::string>> entries_;  // key; type and value, encoded
  std::vector<Declared> tensors_;
  std::uint64_t data_bytes_ = 0;  // of the declared tensors, each padded
  bool data_begun_ = false;
  std::size_t current_ = 0;          // the tensor being written
  std::uint64_t current_bytes_ = 0;  // of it, already written
};

}  // namespace outrider
