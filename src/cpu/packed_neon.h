// The packed kernels' arithmetic on 64-bit Arm: the part of kernels_packed.cc that depends on the
// instruction set. Written twice: with the dot product instructions of Armv8.2, for whoever
// includes this with OUTRIDER_ARM_DOT_PRODUCTS defined (as the target that has them), and with what
// every 64-bit Arm has.
//
// A group is two vectors of four rows. Weights of one vector are unpacked, all 32 columns, and then
// every activation row passes: sums of one row at a time need one register.
#pragma once
#include <hwy/highway.h>

#if HWY_ARCH_ARM_A64
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/unrolled.h"

HWY_BEFORE_NAMESPACE();
#ifdef OUTRIDER_ARM_DOT_PRODUCTS
HWY_PUSH_ATTRIBUTES(OUTRIDER_ARM_DOT_PRODUCTS) static_assert(true, "ends the macro");
#endif
namespace outrider::HWY_NAMESPACE {
namespace {

inline constexpr std::size_t kGroup = 8;
inline constexpr std::size_t kTileRows = 8;
struct Floats {
  float32x4_t half[2];
};

HWY_INLINE Floats zero() {
  return {{vdupq_n_f32(0), vdupq_n_f32(0)}};
}
HWY_INLINE Floats load_floats(const float* at) {
  return {{vld1q_f32(at), vld1q_f32(at + 4)}};
}
HWY_INLINE void store_floats(const Floats& v, float* at) {
  vst1q_f32(at, v.half[0]);
  vst1q_f32(at + 4, v.half[1]);
}
HWY_INLINE Floats load_halves(const std::byte* at) {
  const float16x8_t v = vreinterpretq_f16_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(at)));
  return {{vcvt_f32_f16(vget_low_f16(v)), vcvt_high_f32_f16(v)}};
}
HWY_INLINE Floats unsigned_to_floats(const std::byte* at) {
  const uint16x8_t v = vmovl_u8(vld1_u8(reinterpret_cast<const std::uint8_t*>(at)));
  return {{vcvtq_f32_u32(vmovl_u16(vget_low_u16(v))), vcvtq_f32_u32(vmovl_high_u16(v))}};
}
HWY_INLINE Floats times(const Floats& a, const Floats& b) {
  return {{vmulq_f32(a.half[0], b.half[0]), vmulq_f32(a.half[1], b.half[1])}};
}

HWY_INLINE uint8x16_t load_bits(const std::byte* at) {
  return vld1q_u8(reinterpret_cast<const std::uint8_t*>(at));
}
HWY_INLINE int8x16_t low_nibbles(uint8x16_t v) {
  return vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(15)));
}
HWY_INLINE int8x16_t high_nibbles(uint8x16_t v) {
  return vreinterpretq_s8_u8(vshrq_n_u8(v, 4));
}

// Four rows of weights: one quad of each row, for 16 columns.
using Quads = int8x16_t[4];

// s plus the sums of 16 codes times activations of each row.
#ifdef OUTRIDER_ARM_DOT_PRODUCTS
HWY_INLINE int32x4_t add_products(const Quads& w, int8x16_t x, int32x4_t s) {
  s = vdotq_laneq_s32(s, w[0], x, 0);
  s = vdotq_laneq_s32(s, w[1], x, 1);
  s = vdotq_laneq_s32(s, w[2], x, 2);
  return vdotq_laneq_s32(s, w[3], x, 3);
}
#else
// The sum of two products of bytes fits 16 bits, as -128 is no activation; no sum of three does.
HWY_INLINE int32x4_t add_products(const Quads& w, int8x16_t x, int32x4_t s) {
  const int32x4_t quads = vreinterpretq_s32_s8(x);
  const int8x16_t x0 = vreinterpretq_s8_s32(vdupq_laneq_s32(quads, 0));
  const int8x16_t x1 = vreinterpretq_s8_s32(vdupq_laneq_s32(quads, 1));
  const int8x16_t x2 = vreinterpretq_s8_s32(vdupq_laneq_s32(quads, 2));
  const int8x16_t x3 = vreinterpretq_s8_s32(vdupq_laneq_s32(quads, 3));
  int16x8_t first = vmull_s8(vget_low_s8(w[0]), vget_low_s8(x0));
  int16x8_t last = vmull_high_s8(w[0], x0);
  first = vmlal_s8(first, vget_low_s8(w[1]), vget_low_s8(x1));
  last = vmlal_high_s8(last, w[1], x1);
  int32x4_t first_pairs = vpaddlq_s16(first), last_pairs = vpaddlq_s16(last);
  first = vmull_s8(vget_low_s8(w[2]), vget_low_s8(x2));
  last = vmull_high_s8(w[2], x2);
  first = vmlal_s8(first, vget_low_s8(w[3]), vget_low_s8(x3));
  last = vmlal_high_s8(last, w[3], x3);
  first_pairs = vpadalq_s16(first_pairs, first);
  last_pairs = vpadalq_s16(last_pairs, last);
  return vaddq_s32(s, vpaddq_s32(first_pairs, last_pairs));
}
#endif

// s plus those of all 32 columns of a block.
HWY_INLINE int32x4_t add_block(const Quads (&w)[2], const CodeActivation32& x, int32x4_t s) {
  s = add_products(w[0], vld1q_s8(x.code), s);
  return add_products(w[1], vld1q_s8(x.code + 16), s);
}

// sum + (float)ints * scale * x_scale
HWY_INLINE float32x4_t add_scaled(int32x4_t ints, float32x4_t scale, float x_scale,
                                  float32x4_t sum) {
  return vfmaq_f32(sum, vcvtq_f32_s32(ints), vmulq_n_f32(scale, x_scale));
}

// A row's activations, to be loaded when `before` is known. Left to itself, GCC begins all rows at
// once, keeps what it loaded for the other four weight rows, too, and spills most of it.
HWY_INLINE const CodeActivation32& load_after(float32x4_t before, const CodeActivation32* x) {
  asm("" : "+r"(x) : "w"(before));
  return *x;
}

HWY_INLINE void unpack_nibbles(const std::byte* q, Quads (&w)[2]) {
  OUTRIDER_UNROLLED for (std::size_t j = 0; j < 4; ++j) {
    const uint8x16_t packed = load_bits(q + 4 * kGroup * j);
    w[0][j] = low_nibbles(packed);
    w[1][j] = high_nibbles(packed);
  }
}

// acc[r] += d * (sum of (code - 8) times activation)
template <std::size_t kRows, class Scale>
HWY_INLINE void add_nibbles(const std::byte* q, const Scale& d,
                            const CodeActivation32* const (&x)[kRows], std::size_t b,
                            Floats (&acc)[kRows]) {
  const Floats scale = d();
  float32x4_t last = acc[0].half[0];
  OUTRIDER_UNROLLED for (std::size_t half = 0; half < 2; ++half) {
    Quads w[2];
    unpack_nibbles(q + 16 * half, w);
    OUTRIDER_UNROLLED for (std::size_t r = 0; r < kRows; ++r) {
      const CodeActivation32& block = load_after(last, &x[r][b]);
      const int32x4_t s = add_block(w, block, vdupq_n_s32(block.minus_sum8));
      last = acc[r].half[half] = add_scaled(s, scale.half[half], block.scale, acc[r].half[half]);
    }
  }
}

// acc[r] += scale * (sum of code times activation) - min * (sum of activations)
template <std::size_t kRows, class Scale, class Min>
HWY_INLINE void add_nibbles(const std::byte* q, const Scale& scale_of, const Min& min_of,
                            const CodeActivation32* const (&x)[kRows], std::size_t b,
                            Floats (&acc)[kRows]) {
  const Floats scale = scale_of(), min = min_of();
  float32x4_t last = acc[0].half[0];
  OUTRIDER_UNROLLED for (std::size_t half = 0; half < 2; ++half) {
    Quads w[2];
    unpack_nibbles(q + 16 * half, w);
    OUTRIDER_UNROLLED for (std::size_t r = 0; r < kRows; ++r) {
      const CodeActivation32& block = load_after(last, &x[r][b]);
      const int32x4_t s = add_block(w, block, vdupq_n_s32(0));
      const float32x4_t sum = add_scaled(s, scale.half[half], block.scale, acc[r].half[half]);
      last = acc[r].half[half] = vfmsq_n_f32(sum, min.half[half], block.sum);
    }
  }
}

// acc[r] += d * (sum of code times activation)
template <std::size_t kRows, class Scale>
HWY_INLINE void add_bytes(const std::byte* q, const Scale& d,
                          const CodeActivation32* const (&x)[kRows], std::size_t b,
                          Floats (&acc)[kRows]) {
  const Floats scale = d();
  float32x4_t last = acc[0].half[0];
  OUTRIDER_UNROLLED for (std::size_t half = 0; half < 2; ++half) {
    Quads w[2];
    OUTRIDER_UNROLLED for (std::size_t j = 0; j < 8; ++j) {
      w[j / 4][j % 4] = vreinterpretq_s8_u8(load_bits(q + 4 * kGroup * j + 16 * half));
    }
    OUTRIDER_UNROLLED for (std::size_t r = 0; r < kRows; ++r) {
      const CodeActivation32& block = load_after(last, &x[r][b]);
      const int32x4_t s = add_block(w, block, vdupq_n_s32(0));
      last = acc[r].half[half] = add_scaled(s, scale.half[half], block.scale, acc[r].half[half]);
    }
  }
}

// Scales of Q6_K, of 16 columns each: whole numbers, so they multiply before floats do.
struct HalfScales {
  int16x8_t each[2];

  HWY_INLINE HalfScales(const std::byte* first, const std::byte* second)
      : each{widen(first), widen(second)} {}
  static HWY_INLINE int16x8_t widen(const std::byte* at) {
    return vmovl_s8(vld1_s8(reinterpret_cast<const std::int8_t*>(at)));
  }
  HWY_INLINE int32x4_t of(std::size_t columns, std::size_t half) const {
    return half == 0 ? vmovl_s16(vget_low_s16(each[columns])) : vmovl_high_s16(each[columns]);
  }
};

// Codes from -32 on: four bits of `nibbles` and, above them, the lowest two of `upper`.
HWY_INLINE int8x16_t six_bits(int8x16_t nibbles, uint8x16_t upper) {
  const int8x16_t above = vreinterpretq_s8_u8(vandq_u8(upper, vdupq_n_u8(3)));
  return vsubq_s8(vsliq_n_s8(nibbles, above, 4), vdupq_n_s8(32));
}

// acc[r] += d * (scaled sums of 32 six-bit codes times activations)
template <std::size_t kRows>
HWY_INLINE void add_six_bits(const std::byte* q, const Floats& d, const HalfScales& scales,
                             const CodeActivation32* const (&x)[kRows], std::size_t b,
                             Floats (&acc)[kRows]) {
  float32x4_t last = acc[0].half[0];
  OUTRIDER_UNROLLED for (std::size_t half = 0; half < 2; ++half) {
    Quads w[2];
    OUTRIDER_UNROLLED for (std::size_t i = 0; i < 2; ++i) {
      const std::byte* at = q + 8 * kGroup * i + 16 * half;
      const uint8x16_t even = load_bits(at), odd = load_bits(at + 4 * kGroup);
      const uint8x16_t bits = load_bits(q + 16 * kGroup + 4 * kGroup * i + 16 * half);
      w[0][2 * i] = six_bits(low_nibbles(even), bits);
      w[1][2 * i] = six_bits(high_nibbles(even), vshrq_n_u8(bits, 2));
      w[0][2 * i + 1] = six_bits(low_nibbles(odd), vshrq_n_u8(bits, 4));
      w[1][2 * i + 1] = six_bits(high_nibbles(odd), vshrq_n_u8(bits, 6));
    }
    const int32x4_t first_scale = scales.of(0, half), second_scale = scales.of(1, half);
    OUTRIDER_UNROLLED for (std::size_t r = 0; r < kRows; ++r) {
      const CodeActivation32& block = load_after(last, &x[r][b]);
      const int32x4_t first = add_products(w[0], vld1q_s8(block.code), vdupq_n_s32(0));
      const int32x4_t second = add_products(w[1], vld1q_s8(block.code + 16), vdupq_n_s32(0));
      const int32x4_t s = vmlaq_s32(vmulq_s32(first, first_scale), second, second_scale);
      last = acc[r].half[half] = add_scaled(s, d.half[half], block.scale, acc[r].half[half]);
    }
  }
}

}  // namespace
}  // namespace outrider::HWY_NAMESPACE
#ifdef OUTRIDER_ARM_DOT_PRODUCTS
HWY_POP_ATTRIBUTES
#endif
HWY_AFTER_NAMESPACE();

#endif  // HWY_ARCH_ARM_A64
