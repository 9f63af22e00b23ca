// What the encoders share: cleaning a block, rounding a scale, rounding a code; and the encoders of
// the blocks of 256, which search for their scales in files of their own.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/half.h"

namespace outrider {

inline float finite_or_zero(float value) {
  return std::isfinite(value) ? value : 0.0f;
}

// The nearest f16 to `value`; beyond the largest one the largest one, never infinity, and never
// minus zero, so that a block of zeros decodes to plain zeros.
inline std::uint16_t scale_to_f16(float value) {
  constexpr float kLargest = 65504.0f;
  const std::uint16_t half = float_to_f16(std::clamp(value, -kLargest, kLargest));
  return half == 0x8000u ? std::uint16_t{0} : half;
}

// The whole number nearest to `value` (ties to even) within [low, high], both below 2^22 in
// magnitude. Adding 1.5 * 2^23 pushes the fraction out of the mantissa; unlike a call of
// nearbyint() the compiler can do it in vectors on every x86-64.
inline float round_code(float value, float low, float high) {
  constexpr float kShift = 12582912.0f;
  return (std::min(std::max(value, low), high) + kShift) - kShift;
}

// A block of 256 divided by its largest magnitude: every x is in [-1, 1], so sums of squares
// neither overflow nor vanish and the search is the same at every size of the weights.
struct UnitBlock {
  float size = 0.0f;  // the largest magnitude; 0 for a block of zeros, whose x are zeros too
  std::array<float, 256> x{};
};

inline UnitBlock read_unit_block(const float* values) {
  UnitBlock block;
  for (std::size_t i = 0; i < 256; ++i) {
    block.x[i] = finite_or_zero(values[i]);
    block.size = std::max(block.size, std::fabs(block.x[i]));
  }
  if (block.size == 0.0f) return block;
  for (float& x : block.x) x /= block.size;
  return block;
}

// Below this a step among unit values counts as none, so that (its inverse) * 2 is finite. The
// largest f16 as the scale of a block of the largest floats is still above.
inline constexpr float kSmallestStep = 1e-36f;

// A block's own scale as it is stored, and what that is worth among the values divided by `size`.
struct StoredScale {
  std::uint16_t half = 0;
  float unit = 0.0f;
};

inline StoredScale store_scale(float unit, float size) {
  const std::uint16_t half = scale_to_f16(unit * size);
  return {half, half == 0 ? 0.0f : f16_to_float(half) / size};
}

// The sum of term(0) ... term(count - 1), count a multiple of 8, in eight running sums: an order
// that is fixed and that the compiler can still vectorise.
template <std::size_t kCount, class Term>
float sum_of(Term term) {
  static_assert(kCount % 8 == 0);
  std::array<float, 8> lanes{};
  for (std::size_t i = 0; i < kCount; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) lanes[lane] += term(i + lane);
  }
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
         ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

// 256 values into one block.
void encode_q4_k(const float* values, std::uint8_t* out);
void encode_q5_k(const float* values, std::uint8_t* out);
void encode_q6_k(const float* values, std::uint8_t* out);

}  // namespace outrider
