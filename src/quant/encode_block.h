// What the encoders share: cleaning a value, rounding a scale, rounding a code.
#pragma once
#include <algorithm>
#include <cmath>
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
  return (std::clamp(value, low, high) + kShift) - kShift;
}

}  // namespace outrider
