// Block formats: exact scalar decoding of every stored type, and the encoders behind `outrider
// quantize`. This is the definition the fast kernels are tested against.
#pragma once
#include <cstddef>
#include <span>

#include "core/tensor_type.h"

namespace outrider {

// Decodes one row. `bytes` is row_bytes(type, out.size()) long; out.size() is a multiple of the
// block. Not for I32.
void decode_row(TensorType type, std::span<const std::byte> bytes, std::span<float> out);

// True for the types encode_row() can write: F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q5_0, Q5_1, Q5_K,
// Q6_K.
bool can_encode(TensorType type);

// Rounds one row into `bytes`, row_bytes(type, values.size()) long; values.size() is a multiple of
// the block. The same values always give the same bytes, and blocks do not influence each other.
// F32, F16 and BF16 keep NaN and infinities, and F16 turns what it cannot reach into infinity. The
// block formats have no way to say either: there a value that is not finite counts as zero, and
// scales beyond the largest f16 become that one, so every decoded value is finite.
void encode_row(TensorType type, std::span<const float> values, std::span<std::byte> bytes);

}  // namespace outrider
