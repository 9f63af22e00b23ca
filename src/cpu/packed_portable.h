// The packed kernels' vectors for machines without kernels of their own: lanes as arrays, which
// compilers turn into what vectors there are. The part of kernels_packed.cc that depends on the
// instruction set.
#pragma once
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "core/half.h"
#include "cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace outrider::HWY_NAMESPACE {
namespace {

inline constexpr std::size_t kGroup = 8;
inline constexpr std::size_t kTileRows = 8;
struct Ints {
  std::int32_t lane[kGroup];
};
struct Floats {
  float lane[kGroup];
};

template <class Of>
HWY_INLINE Floats floats_of(Of&& of) {
  Floats v;
  for (std::size_t i = 0; i < kGroup; ++i) v.lane[i] = of(i);
  return v;
}
HWY_INLINE Floats zero() {
  return {};
}
HWY_INLINE Floats load_floats(const float* at) {
  return floats_of([&](std::size_t i) { return at[i]; });
}
HWY_INLINE void store_floats(const Floats& v, float* at) {
  std::copy_n(v.lane, kGroup, at);
}
HWY_INLINE Floats load_halves(const std::byte* at) {
  return floats_of([&](std::size_t i) {
    std::uint16_t half;
    std::memcpy(&half, at + 2 * i, sizeof half);
    return f16_to_float(half);
  });
}
HWY_INLINE Floats unsigned_to_floats(const std::byte* at) {
  return floats_of([&](std::size_t i) { return static_cast<float>(static_cast<int>(at[i])); });
}
HWY_INLINE Floats times(const Floats& a, const Floats& b) {
  return floats_of([&](std::size_t i) { return a.lane[i] * b.lane[i]; });
}
HWY_INLINE Floats add_scaled(const Ints& ints, const Floats& scale, float x_scale,
                             const Floats& sum) {
  return floats_of([&](std::size_t i) {
    return sum.lane[i] + static_cast<float>(ints.lane[i]) * (scale.lane[i] * x_scale);
  });
}
HWY_INLINE Floats minus_offset(const Floats& offset, float x_sum, const Floats& sum) {
  return floats_of([&](std::size_t i) { return sum.lane[i] - offset.lane[i] * x_sum; });
}

// s += codes of one quad of each row times four activations; code(i) is byte i of the quad.
template <class Code>
HWY_INLINE void add_quad(const std::int8_t* x, Ints& s, Code&& code) {
  for (std::size_t lane = 0; lane < kGroup; ++lane) {
    for (std::size_t i = 0; i < 4; ++i) s.lane[lane] += code(4 * lane + i) * x[i];
  }
}

template <std::size_t kRows>
HWY_INLINE void nibble_sums(const std::byte* q, const CodeActivation32* const (&x)[kRows],
                            std::size_t b, Ints (&s)[kRows]) {
  for (std::size_t r = 0; r < kRows; ++r) {
    s[r] = {};
    for (std::size_t j = 0; j < 4; ++j) {
      const std::byte* packed = q + 4 * kGroup * j;
      const std::int8_t* codes = x[r][b].code + 4 * j;
      add_quad(codes, s[r], [&](std::size_t i) { return static_cast<int>(packed[i]) & 15; });
      add_quad(codes + 16, s[r], [&](std::size_t i) { return static_cast<int>(packed[i]) >> 4; });
    }
  }
}

template <std::size_t kRows>
HWY_INLINE void byte_sums(const std::byte* q, const CodeActivation32* const (&x)[kRows],
                          std::size_t b, Ints (&s)[kRows]) {
  for (std::size_t r = 0; r < kRows; ++r) {
    s[r] = {};
    for (std::size_t j = 0; j < 8; ++j) {
      const std::byte* bytes = q + 4 * kGroup * j;
      add_quad(x[r][b].code + 4 * j, s[r],
               [&](std::size_t i) { return static_cast<std::int8_t>(bytes[i]); });
    }
  }
}

HWY_INLINE Ints add_zero_point(Ints s, const CodeActivation32& x) {
  for (std::int32_t& lane : s.lane) lane += x.minus_sum8;
  return s;
}

struct HalfScales {
  const std::byte* each[2];
  HalfScales(const std::byte* first, const std::byte* second) : each{first, second} {}
};

template <std::size_t kRows>
HWY_INLINE void add_six_bits(const std::byte* q, const Floats& d, const HalfScales& scales,
                             const CodeActivation32* const (&x)[kRows], std::size_t b,
                             Floats (&acc)[kRows]) {
  for (std::size_t r = 0; r < kRows; ++r) {
    Ints scaled{};
    for (std::size_t half = 0; half < 2; ++half) {
      Ints s{};
      for (std::size_t j = 0; j < 4; ++j) {
        const std::byte* packed = q + 4 * kGroup * j;
        const std::byte* bits = q + 16 * kGroup + 4 * kGroup * (j / 2);
        const std::size_t at = j % 2 * 4 + half * 2;
        add_quad(x[r][b].code + 16 * half + 4 * j, s, [&](std::size_t i) {
          return ((static_cast<int>(packed[i]) >> (4 * half)) & 15) +
                 ((static_cast<int>(bits[i]) >> at) & 3) * 16 - 32;
        });
      }
      for (std::size_t lane = 0; lane < kGroup; ++lane) {
        scaled.lane[lane] += static_cast<std::int8_t>(scales.each[half][lane]) * s.lane[lane];
      }
    }
    acc[r] = add_scaled(scaled, d, x[r][b].scale, acc[r]);
  }
}

}  // namespace
}  // namespace outrider::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
