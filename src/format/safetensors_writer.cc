#include "format/safetensors_writer.h"

#include <array>
#include <bit>
#include <boost/json.hpp>
#include <utility>

#include "core/contract.h"
#include "format/output_file.h"

namespace outrider {

void SafetensorsWriter::add_f32(std::string_view name, std::vector<std::uint64_t> shape,
                                std::span<const float> values) {
  add(name, SafetensorsType::kF32, std::move(shape), std::as_bytes(values));
}

void SafetensorsWriter::add_i32(std::string_view name, std::vector<std::uint64_t> shape,
                                std::span<const std::int32_t> values) {
  add(name, SafetensorsType::kI32, std::move(shape), std::as_bytes(values));
}

void SafetensorsWriter::add_i64(std::string_view name, std::vector<std::uint64_t> shape,
                                std::span<const std::int64_t> values) {
  add(name, SafetensorsType::kI64, std::move(shape), std::as_bytes(values));
}

void SafetensorsWriter::add_bf16(std::string_view name, std::vector<std::uint64_t> shape,
                                 std::span<const std::uint16_t> values) {
  add(name, SafetensorsType::kBF16, std::move(shape), std::as_bytes(values));
}

void SafetensorsWriter::add(std::string_view name, SafetensorsType type,
                            std::vector<std::uint64_t> shape, std::span<const std::byte> bytes) {
  std::uint64_t expected = safetensors_type_bytes(type);
  for (const std::uint64_t extent : shape) expected *= extent;
  require(expected == bytes.size(), "a tensor has the bytes of its shape");
  require(name != "__metadata__", "a tensor is not named as the metadata");
  for (const auto& other : tensors_) require(other.name != name, "tensors' names differ");
  tensors_.push_back({std::string(name), type, std::move(shape), bytes});
}

void SafetensorsWriter::set_metadata(std::string_view key, std::string_view text) {
  metadata_.insert_or_assign(std::string(key), std::string(text));
}

// The JSON with its size before it, padded so that the data begins at a multiple of 8.
std::string SafetensorsWriter::header() const {
  namespace json = boost::json;
  json::object root;
  if (!metadata_.empty()) {
    json::object texts;
    for (const auto& [key, text] : metadata_) texts[key] = text;
    root["__metadata__"] = std::move(texts);
  }
  std::uint64_t offset = 0;
  for (const SafetensorsTensor& tensor : tensors_) {
    json::array shape(tensor.shape.begin(), tensor.shape.end());
    const std::uint64_t end = offset + tensor.bytes.size();
    root[tensor.name] = json::object{{"dtype", safetensors_type_name(tensor.type)},
                                     {"shape", std::move(shape)},
                                     {"data_offsets", json::array{offset, end}}};
    offset = end;
  }
  std::string text = json::serialize(root);
  text.append((8 - text.size() % 8) % 8, ' ');
  const auto size = std::bit_cast<std::array<char, 8>>(std::uint64_t{text.size()});
  return std::string(size.data(), size.size()) + text;
}

Result<void> SafetensorsWriter::write(const std::string& path) const {
  auto output = OutputFile::create(path);
  if (!output) return output.error();
  if (auto wrote = output->write(header()); !wrote) return wrote;
  for (const SafetensorsTensor& tensor : tensors_) {
    if (auto wrote = output->write(tensor.bytes); !wrote) return wrote;
  }
  return output->finish();
}

}  // namespace outrider
