// The integer view of the block formats: what a quantised row holds before its scales are applied.
// decode_row() is this view multiplied out, so the integer matmul and the float path cannot differ.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/tensor_type.h"

namespace outrider {

// 32 consecutive values of a row: value[i] = scale[i / 16] * code[i] + offset[i / 16], computed in
// float and in this order, is the exact decoded value. Formats without a minimum have codes signed
// so that offset is zero (stored as -0.0f, which leaves a sum unchanged even at -0.0f).
// code is in [-128, 127] for Q8_0 and IQ4, [-32, 31] for Q6_K, at most five bits elsewhere.
struct CodeBlock32 {
  std::int8_t code[32];
  float scale[2];
  float offset[2];
};

// Fills out[0, cols / 32) from one row. `row` needs no alignment; `cols` is a multiple of the
// type's block (32 or 256).
using UnpackFn = void (*)(const std::byte* row, std::uint32_t cols, CodeBlock32* out);

// nullptr for the types that hold no codes: F32, F16, BF16, I32.
UnpackFn unpack_codes_for(TensorType type);

// The checked form: `bytes` must be row_bytes(type, cols) long and the type must hold codes.
// `out` has room for cols / 32 blocks.
void unpack_codes(TensorType type, std::span<const std::byte> bytes, std::uint32_t cols,
                  CodeBlock32* out);

}  // namespace outrider
