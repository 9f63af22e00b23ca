#include "format/gguf_writer.h"

#include <algorithm>
#include <bit>

#include "core/contract.h"

namespace outrider {
namespace {

static_assert(std::endian::native == std::endian::little, "files are written without swapping");

constexpr std::uint64_t kAlignment = 32;
constexpr std::uint32_t kVersion = 3;

template <class T>
void put(std::string& out, T value) {
  const auto bytes = std::bit_cast<std::array<char, sizeof value>>(value);
  out.append(bytes.data(), bytes.size());
}

void put_string(std::string& out, std::string_view text) {
  put(out, std::uint64_t{text.size()});
  out += text;
}

template <class T>
std::string encoded_number(GgufType type, T value) {
  std::string out;
  put(out, static_cast<std::uint32_t>(type));
  put(out, value);
  return out;
}

std::string array_start(GgufType element, std::uint64_t count) {
  std::string out;
  put(out, static_cast<std::uint32_t>(GgufType::kArray));
  put(out, static_cast<std::uint32_t>(element));
  put(out, count);
  return out;
}

template <class T>
std::string encoded_numbers(GgufType element, std::span<const T> values) {
  std::string out = array_start(element, values.size());
  for (const T value : values) put(out, value);
  return out;
}

template <class T>
std::string encoded_strings(std::span<const T> values) {
  std::string out = array_start(GgufType::kString, values.size());
  for (const T& value : values) put_string(out, value);
  return out;
}

std::uint64_t padded(std::uint64_t bytes) {
  return divide_up(bytes, kAlignment) * kAlignment;
}

}  // namespace

Result<GgufWriter> GgufWriter::create(const std::string& path) {
  auto output = OutputFile::create(path);
  if (!output) return output.error();
  return GgufWriter(std::move(*output));
}

void GgufWriter::set_encoded(std::string_view key, std::string encoded) {
  require(!data_begun_, "metadata is set before the first data");
  const auto known = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  if (known != entries_.end()) {
    known->second = std::move(encoded);
  } else {
    entries_.emplace_back(key, std::move(encoded));
  }
}

void GgufWriter::set_u32(std::string_view key, std::uint32_t value) {
  set_encoded(key, encoded_number(GgufType::kU32, value));
}

void GgufWriter::set_i32(std::string_view key, std::int32_t value) {
  set_encoded(key, encoded_number(GgufType::kI32, value));
}

void GgufWriter::set_f32(std::string_view key, float value) {
  set_encoded(key, encoded_number(GgufType::kF32, value));
}

void GgufWriter::set_bool(std::string_view key, bool value) {
  set_encoded(key, encoded_number(GgufType::kBool, static_cast<std::uint8_t>(value)));
}

void GgufWriter::set_string(std::string_view key, std::string_view value) {
  std::string encoded;
  put(encoded, static_cast<std::uint32_t>(GgufType::kString));
  put_string(encoded, value);
  set_encoded(key, std::move(encoded));
}

void GgufWriter::set_u32s(std::string_view key, std::span<const std::uint32_t> values) {
  set_encoded(key, encoded_numbers(GgufType::kU32, values));
}

void GgufWriter::set_i32s(std::string_view key, std::span<const std::int32_t> values) {
  set_encoded(key, encoded_numbers(GgufType::kI32, values));
}

void GgufWriter::set_f32s(std::string_view key, std::span<const float> values) {
  set_encoded(key, encoded_numbers(GgufType::kF32, values));
}

void GgufWriter::set_bools(std::string_view key, const std::vector<bool>& values) {
  std::string encoded = array_start(GgufType::kBool, values.size());
  for (const bool value : values) put(encoded, static_cast<std::uint8_t>(value));
  set_encoded(key, std::move(encoded));
}

void GgufWriter::set_strings(std::string_view key, std::span<const std::string_view> values) {
  set_encoded(key, encoded_strings(values));
}

void GgufWriter::set_strings(std::string_view key, std::span<const std::string> values) {
  set_encoded(key, encoded_strings(values));
}

void GgufWriter::set_value(std::string_view key, const GgufValue& value) {
  std::string encoded;
  put(encoded, static_cast<std::uint32_t>(value.type()));
  const auto bytes = value.encoded();
  encoded.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  set_encoded(key, std::move(encoded));
}

void GgufWriter::copy_metadata(const GgufFile& file) {
  for (const std::string_view key : file.keys()) {
    if (key != "general.alignment" && !key.starts_with("split.")) set_value(key, *file.value(key));
  }
}

void GgufWriter::declare_tensor(std::string_view name, TensorType type,
                                std::span<const std::uint64_t> ne) {
  require(!data_begun_, "tensors are declared before the first data");
  require(ne.size() >= 1 && ne.size() <= 4, "a tensor has 1 to 4 dimensions");
  std::uint64_t bytes = row_bytes(type, ne[0]);
  for (const std::uint64_t extent : ne.subspan(1)) bytes *= extent;
  require(bytes > 0, "a tensor has no empty dimension");
  for (const Declared& other : tensors_) require(other.name != name, "tensors' names differ");
  tensors_.push_back({std::string(name), type, {ne.begin(), ne.end()}, data_bytes_, bytes});
  data_bytes_ += padded(bytes);
}

void GgufWriter::declare_like(const GgufTensor& tensor, TensorType type) {
  declare_tensor(tensor.name, type, std::span(tensor.ne).first(tensor.dims));
}

std::string GgufWriter::encoded_header() const {
  std::string out = "GGUF";
  put(out, kVersion);
  put(out, std::uint64_t{tensors_.size()});
  put(out, std::uint64_t{entries_.size()});
  for (const auto& [key, encoded] : entries_) {
    put_string(out, key);
    out += encoded;
  }
  for (const Declared& tensor : tensors_) {
    put_string(out, tensor.name);
    put(out, static_cast<std::uint32_t>(tensor.ne.size()));
    for (const std::uint64_t extent : tensor.ne) put(out, extent);
    put(out, static_cast<std::uint32_t>(tensor.type));
    put(out, tensor.offset);
  }
  out.append(padded(out.size()) - out.size(), '\0');
  return out;
}

Result<void> GgufWriter::begin_data() {
  if (data_begun_) return {};
  data_begun_ = true;
  return output_.write(encoded_header());
}

Result<void> GgufWriter::write(std::string_view tensor, std::span<const std::byte> chunk) {
  if (auto begun = begin_data(); !begun) return begun;
  require(current_ < tensors_.size() && tensors_[current_].name == tensor,
          "tensors are written in the order of their declarations");
  const Declared& declared = tensors_[current_];
  require(chunk.size() <= declared.bytes - current_bytes_, "no more bytes than the tensor has");
  if (auto wrote = output_.write(chunk); !wrote) return wrote;
  current_bytes_ += chunk.size();
  if (current_bytes_ < declared.bytes) return {};
  ++current_;
  current_bytes_ = 0;
  return output_.write_zeros(padded(declared.bytes) - declared.bytes);
}

Result<void> GgufWriter::finish() {
  if (auto begun = begin_data(); !begun) return begun;
  require(current_ == tensors_.size(), "every declared tensor was written");
  return output_.finish();
}

}  // namespace outrider
