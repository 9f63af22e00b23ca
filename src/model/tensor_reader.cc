#include "model/tensor_reader.h"

#include <fmt/format.h>

#include <cstring>

#include "quant/codec.h"

namespace outrider {
namespace {

std::uint64_t rows_of(const GgufTensor& tensor) {
  return tensor.ne[1] * tensor.ne[2] * tensor.ne[3];
}

std::string shape_text(const GgufTensor& tensor) {
  std::string text = fmt::format("{} [{}", info(tensor.type).name, tensor.ne[0]);
  for (std::uint32_t axis = 1; axis < tensor.dims; ++axis)
    text += fmt::format(", {}", tensor.ne[axis]);
  return text + "]";
}

}  // namespace

void TensorReader::fail(const std::string& name, const std::string& found_and_expected) {
  if (error_) return;
  error_ = Error{ErrorCode::kBadModelFile,
                 fmt::format("{}: tensor {} {}", file_.path(), name, found_and_expected)};
}

const GgufTensor* TensorReader::required(const std::string& name) {
  if (error_) return nullptr;
  const GgufTensor* tensor = file_.find(name);
  if (tensor == nullptr) fail(name, "is missing");
  return tensor;
}

Weight TensorReader::matrix(const std::string& name, std::uint64_t rows, std::uint64_t cols) {
  const GgufTensor* tensor = required(name);
  if (tensor == nullptr) return {};
  const std::size_t alignment = tensor->type == TensorType::kF32 ? 4 : 2;
  if (tensor->ne[0] != cols || rows_of(*tensor) != rows || tensor->type == TensorType::kI32) {
    fail(name, fmt::format("is {}, expected [{}, {}]", shape_text(*tensor), cols, rows));
    return {};
  }
  if (reinterpret_cast<std::uintptr_t>(tensor->bytes.data()) % alignment != 0) {
    fail(name, fmt::format("does not start at a multiple of {} bytes", alignment));
    return {};
  }
  return {tensor->type, static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(cols),
          tensor->bytes, file_.is_mapped(tensor->bytes)};
}

Weight TensorReader::optional_matrix(const std::string& name, std::uint64_t rows,
                                     std::uint64_t cols) {
  return has(name) ? matrix(name, rows, cols) : Weight{};
}

std::span<const float> TensorReader::gain(const std::string& name, std::uint64_t width) {
  const GgufTensor* tensor = required(name);
  if (tensor == nullptr) return {};
  if (tensor->ne[0] != width || rows_of(*tensor) != 1 || tensor->type == TensorType::kI32) {
    fail(name, fmt::format("is {}, expected [{}]", shape_text(*tensor), width));
    return {};
  }
  std::vector<float>& values = gains_.emplace_back(width);
  decode_row(tensor->type, tensor->bytes, values);
  return values;
}

std::span<const float> TensorReader::optional_gain(const std::string& name, std::uint64_t width) {
  return has(name) ? gain(name, width) : std::span<const float>{};
}

std::vector<std::uint32_t> TensorReader::ids(const std::string& name, std::uint64_t count,
                                             std::uint32_t limit) {
  const GgufTensor* tensor = required(name);
  if (tensor == nullptr) return {};
  if (tensor->type != TensorType::kI32 || tensor->ne[0] * rows_of(*tensor) != count) {
    fail(name, fmt::format("is {}, expected I32 [{}]", shape_text(*tensor), count));
    return {};
  }
  std::vector<std::uint32_t> ids(count);
  std::memcpy(ids.data(), tensor->bytes.data(), count * sizeof(std::uint32_t));
  for (const std::uint32_t id : ids) {
    if (id >= limit) {
      fail(name,
           fmt::format("holds {}, expected values below {}", static_cast<std::int32_t>(id), limit));
      return {};
    }
  }
  return ids;
}

std::string TensorReader::first_of(std::initializer_list<const char*> names) const {
  for (const char* name : names) {
    if (has(name)) return name;
  }
  return *names.begin();
}

}  // namespace outrider
