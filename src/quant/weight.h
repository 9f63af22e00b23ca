// Weight: a matrix as it is stored, borrowed from a mapped file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/contract.h"
#include "core/tensor_type.h"

namespace outrider {

// [rows, cols]: `rows` outputs of `cols` inputs each, y[r] = sum over c of W[r][c] * x[c].
// Rows are contiguous; the bytes belong to whoever loaded the model and outlive the weight.
struct Weight {
  TensorType type = TensorType::kF32;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  std::span<const std::byte> bytes;
  bool file_backed = false;  // bytes of a mapped file: memory given back is read again when needed

  bool empty() const { return bytes.empty(); }
  std::span<const std::byte> row(std::uint32_t r) const {
    require(r < rows, "a row is inside its weight");
    const std::size_t stride = row_bytes(type, cols);
    return bytes.subspan(r * stride, stride);
  }
  // Rows [from, from + count) as a weight of their own: one expert of a stack, one half of a fused
  // pair.
  Weight slice(std::uint32_t from, std::uint32_t count) const {
    require(from <= rows && count <= rows - from, "a slice is inside its weight");
    const std::size_t stride = row_bytes(type, cols);
    return {type, count, cols, bytes.subspan(from * stride, count * stride), file_backed};
  }
};

}  // namespace outrider
