// Packed weight rows against activations in codes: dot products of a group of weight rows with one
// activation row in the lanes of a vector, and with up to eight activation rows at a time, so that
// one load and unpack of weights serves them all. A lane adds up block after block in the order of
// the columns, whatever the number of rows, so a row's bits are those it has alone.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kernels_packed.cc"
#include "hwy/foreach_target.h"  // must precede highway.h: compiles this file once per target

#include "hwy/highway.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "cpu/kernels.h"
#include "cpu/unrolled.h"

// Instructions that Highway 1.0.3 has no name for are written as intrinsics.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET <= HWY_AVX3_DL
#include <immintrin.h>
#elif HWY_ARCH_ARM_A64
#include "cpu/packed_neon.h"
#else
#include "cpu/packed_portable.h"
#endif

#if HWY_TARGET <= HWY_AVX3_DL && defined(HWY_TARGET_STR)
// The target has these instructions, but Highway 1.0.3 leaves them out of its name.
HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512vnni") static_assert(true, "ends the macro");
#elif defined(OUTRIDER_ARM_DOT_PRODUCTS)
HWY_PUSH_ATTRIBUTES(OUTRIDER_ARM_DOT_PRODUCTS) static_assert(true, "ends the macro");
#else
HWY_BEFORE_NAMESPACE();
#endif
namespace outrider::HWY_NAMESPACE {
namespace {

// More rows than a tile has: the activations of a tile, over a panel of columns, stay in the
// nearest cache while a stretch of weights goes past, which the next tile finds in the second
// nearest.
constexpr std::size_t kPanelBlocks = 64;  // 2048 columns
constexpr std::size_t kStretchBytes = std::size_t{128} << 10;
constexpr std::size_t kAheadBytes = 6144;  // weights are asked for that long before: tried out

#if HWY_TARGET == HWY_AVX2

constexpr std::size_t kGroup = 8;
constexpr std::size_t kTileRows = 6;  // more sums than these leave no register for weights
using Ints = __m256i;
using Floats = __m256;

// Left alone, GCC adds products in an order that keeps all of them alive at once and spills most.
HWY_INLINE void keep_order(Ints& v) {
  asm("" : "+x"(v));
}
HWY_INLINE Ints load(const std::byte* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}
template <class T>
HWY_INLINE Ints spread(const T* four_bytes) {
  std::int32_t value;
  std::memcpy(&value, four_bytes, sizeof value);
  return _mm256_set1_epi32(value);
}
HWY_INLINE Floats zero() {
  return _mm256_setzero_ps();
}
HWY_INLINE Floats load_floats(const float* at) {
  return _mm256_loadu_ps(at);
}
HWY_INLINE void store_floats(Floats v, float* at) {
  _mm256_storeu_ps(at, v);
}
HWY_INLINE __m128i load_half_vector(const std::byte* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}
HWY_INLINE __m128i load_bytes(const std::byte* at) {  // one per row
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at));
}
HWY_INLINE Floats load_halves(const std::byte* at) {
  return _mm256_cvtph_ps(load_half_vector(at));
}
HWY_INLINE Floats unsigned_to_floats(const std::byte* at) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(load_bytes(at)));
}
HWY_INLINE Floats times(Floats a, Floats b) {
  return _mm256_mul_ps(a, b);
}
// sum + (float)ints * scale * x_scale
HWY_INLINE Floats add_scaled(Ints ints, Floats scale, float x_scale, Floats sum) {
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(ints), _mm256_mul_ps(scale, _mm256_set1_ps(x_scale)),
                         sum);
}
HWY_INLINE Floats minus_offset(Floats offset, float x_sum, Floats sum) {
  return _mm256_fnmadd_ps(offset, _mm256_set1_ps(x_sum), sum);
}
HWY_INLINE Ints low_nibbles(Ints v) {
  return _mm256_and_si256(v, _mm256_set1_epi8(15));
}
HWY_INLINE Ints high_nibbles(Ints v) {
  return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
}
HWY_INLINE Ints add_pairs(Ints shorts) {
  return _mm256_madd_epi16(shorts, _mm256_set1_epi16(1));
}

// s[r] = the sum of code times activation over 32 columns. Each of the 16 products in a lane's half
// is at most 15 * 127, so 16 bits hold their sum.
template <std::size_t kRows>
HWY_INLINE void nibble_sums(const std::byte* q, const CodeActivation32* const (&x)[kRows],
                            std::size_t b, Ints (&s)[kRows]) {
  for (std::size_t j = 0; j < 4; ++j) {
    const Ints packed = load(q + 4 * kGroup * j);
    const Ints low = low_nibbles(packed), high = high_nibbles(packed);
    for (std::size_t r = 0; r < kRows; ++r) {
      const Ints products = _mm256_maddubs_epi16(low, spread(x[r][b].code + 4 * j));
      s[r] = j == 0 ? products : _mm256_add_epi16(s[r], products);
      keep_order(s[r]);
      s[r] = _mm256_add_epi16(s[r], _mm256_maddubs_epi16(high, spread(x[r][b].code + 4 * j + 16)));
      keep_order(s[r]);
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) s[r] = add_pairs(s[r]);
}

// The same for bytes of either sign. 128 * 127 * 2 still fits 16 bits, but no sum of two such does.
template <std::size_t kRows>
HWY_INLINE void byte_sums(const std::byte* q, const CodeActivation32* const (&x)[kRows],
                          std::size_t b, Ints (&s)[kRows]) {
  for (std::size_t j = 0; j < 8; ++j) {
    const Ints w = load(q + 4 * kGroup * j);
    const Ints size = _mm256_abs_epi8(w);
    for (std::size_t r = 0; r < kRows; ++r) {
      const Ints signed_x = _mm256_sign_epi8(spread(x[r][b].code + 4 * j), w);
      const Ints products = add_pairs(_mm256_maddubs_epi16(size, signed_x));
      s[r] = j == 0 ? products : _mm256_add_epi32(s[r], products);
      keep_order(s[r]);
    }
  }
}

HWY_INLINE Ints add_zero_point(Ints s, const CodeActivation32& x) {
  return _mm256_add_epi32(s, spread(&x.minus_sum8));
}

// What scales of Q6_K do to sums of 16 columns: whole numbers, so they multiply before floats do.
struct HalfScales {
  Ints each[2];     // a half's scale in both parts of a lane
  Ints zero_point;  // 32 times the halves' scales, beside each other in a lane

  HWY_INLINE HalfScales(const std::byte* first, const std::byte* second) {
    const Ints a = _mm256_cvtepi8_epi32(load_bytes(first));
    const Ints b = _mm256_cvtepi8_epi32(load_bytes(second));
    const Ints a_above = _mm256_slli_epi32(a, 16), b_above = _mm256_slli_epi32(b, 16);
    each[0] = _mm256_blend_epi16(a, a_above, 0xaa);
    each[1] = _mm256_blend_epi16(b, b_above, 0xaa);
    zero_point = _mm256_slli_epi16(_mm256_blend_epi16(a, b_above, 0xaa), 5);
  }
};

// acc[r] += d * (scaled sums of 32 six-bit codes times activations). Two products of 63 * 127 * 2
// fit 16 bits together.
template <std::size_t kRows>
HWY_INLINE void add_six_bits(const std::byte* q, Floats d, const HalfScales& scales,
                             const CodeActivation32* const (&x)[kRows], std::size_t b,
                             Floats (&acc)[kRows]) {
  const Ints upper = _mm256_set1_epi8(0x30);
  Ints s[kRows];
  for (std::size_t i = 0; i < 2; ++i) {
    const Ints even = load(q + 8 * kGroup * i), odd = load(q + 8 * kGroup * i + 4 * kGroup);
    const Ints bits = load(q + 16 * kGroup + 4 * kGroup * i);
    const Ints quad[4] = {
        _mm256_or_si256(low_nibbles(even), _mm256_and_si256(_mm256_slli_epi16(bits, 4), upper)),
        _mm256_or_si256(high_nibbles(even), _mm256_and_si256(_mm256_slli_epi16(bits, 2), upper)),
        _mm256_or_si256(low_nibbles(odd), _mm256_and_si256(bits, upper)),
        _mm256_or_si256(high_nibbles(odd), _mm256_and_si256(_mm256_srli_epi16(bits, 2), upper))};
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::int8_t* codes = x[r][b].code + 8 * i;
      Ints first = _mm256_maddubs_epi16(quad[0], spread(codes));
      first = _mm256_add_epi16(first, _mm256_maddubs_epi16(quad[2], spread(codes + 4)));
      first = _mm256_madd_epi16(first, scales.each[0]);
      s[r] = i == 0 ? first : _mm256_add_epi32(s[r], first);
      keep_order(s[r]);
      Ints second = _mm256_maddubs_epi16(quad[1], spread(codes + 16));
      second = _mm256_add_epi16(second, _mm256_maddubs_epi16(quad[3], spread(codes + 20)));
      s[r] = _mm256_add_epi32(s[r], _mm256_madd_epi16(second, scales.each[1]));
      keep_order(s[r]);
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    const Ints zero = _mm256_madd_epi16(scales.zero_point, spread(x[r][b].half_sum));
    acc[r] = add_scaled(_mm256_sub_epi32(s[r], zero), d, x[r][b].scale, acc[r]);
  }
}

#elif HWY_TARGET <= HWY_AVX3_DL

constexpr std::size_t kGroup = 16;
constexpr std::size_t kTileRows = 8;
using Ints = __m512i;
using Floats = __m512;

HWY_INLINE Ints load(const std::byte* at) {
  return _mm512_loadu_si512(at);
}
template <class T>
HWY_INLINE Ints spread(const T* four_bytes) {
  std::int32_t value;
  std::memcpy(&value, four_bytes, sizeof value);
  return _mm512_set1_epi32(value);
}
HWY_INLINE Floats zero() {
  return _mm512_setzero_ps();
}
HWY_INLINE Floats load_floats(const float* at) {
  return _mm512_loadu_ps(at);
}
HWY_INLINE void store_floats(Floats v, float* at) {
  _mm512_storeu_ps(at, v);
}
HWY_INLINE Floats load_halves(const std::byte* at) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
}
HWY_INLINE __m128i load_bytes(const std::byte* at) {  // one per row
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}
HWY_INLINE Floats unsigned_to_floats(const std::byte* at) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load_bytes(at)));
}
HWY_INLINE Floats times(Floats a, Floats b) {
  return _mm512_mul_ps(a, b);
}
HWY_INLINE Floats add_scaled(Ints ints, Floats scale, float x_scale, Floats sum) {
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(ints), _mm512_mul_ps(scale, _mm512_set1_ps(x_scale)),
                         sum);
}
HWY_INLINE Floats minus_offset(Floats offset, float x_sum, Floats sum) {
  return _mm512_fnmadd_ps(offset, _mm512_set1_ps(x_sum), sum);
}
HWY_INLINE Ints low_nibbles(Ints v) {
  return _mm512_and_si512(v, _mm512_set1_epi8(15));
}
HWY_INLINE Ints high_nibbles(Ints v) {
  return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15));
}

template <std::size_t kRows>
HWY_INLINE void nibble_sums(const std::byte* q, const CodeActivation32* const (&x)[kRows],
                            std::size_t b, Ints (&s)[kRows]) {
  for (std::size_t r = 0; r < kRows; ++r) s[r] = _mm512_setzero_si512();
  for (std::size_t j = 0; j < 4; ++j) {
    const Ints packed = load(q + 4 * kGroup * j);
    const Ints low = low_nibbles(packed), high = high_nibbles(packed);
    for (std::size_t r = 0; r < kRows; ++r) {
      s[r] = _mm512_dpbusd_epi32(s[r], low, spread(x[r][b].code + 4 * j));
      s[r] = _mm512_dpbusd_epi32(s[r], high, spread(x[r][b].code + 4 * j + 16));
    }
  }
}

// Codes as bytes from 0 on; 128 times the activations' sum was added, and is taken off first.
template <std::size_t kRows>
HWY_INLINE void byte_sums(const std::byte* q, const CodeActivation32* const (&x)[kRows],
                          std::size_t b, Ints (&s)[kRows]) {
  for (std::size_t r = 0; r < kRows; ++r) {
    s[r] = _mm512_slli_epi32(spread(&x[r][b].minus_sum8), 4);
  }
  for (std::size_t j = 0; j < 8; ++j) {
    const Ints w = _mm512_xor_si512(load(q + 4 * kGroup * j), _mm512_set1_epi8(-128));
    for (std::size_t r = 0; r < kRows; ++r) {
      s[r] = _mm512_dpbusd_epi32(s[r], w, spread(x[r][b].code + 4 * j));
    }
  }
}

HWY_INLINE Ints add_zero_point(Ints s, const CodeActivation32& x) {
  return _mm512_add_epi32(s, spread(&x.minus_sum8));
}

struct HalfScales {
  Floats each[2];

  HWY_INLINE HalfScales(const std::byte* first, const std::byte* second)
      : each{_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_bytes(first))),
             _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_bytes(second)))} {}
};

template <std::size_t kRows>
HWY_INLINE void add_six_bits(const std::byte* q, Floats d, const HalfScales& scales,
                             const CodeActivation32* const (&x)[kRows], std::size_t b,
                             Floats (&acc)[kRows]) {
  const Ints upper = _mm512_set1_epi8(0x30);
  Ints first[kRows], second[kRows];
  for (std::size_t r = 0; r < kRows; ++r) {  // minus 32 times the sum of each half
    const Ints sums = spread(x[r][b].half_sum);
    first[r] = _mm512_madd_epi16(sums, _mm512_set1_epi32(0xffe0));
    second[r] = _mm512_madd_epi16(sums, _mm512_set1_epi32(-32 * 0x10000));
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const Ints even = load(q + 8 * kGroup * i), odd = load(q + 8 * kGroup * i + 4 * kGroup);
    const Ints bits = load(q + 16 * kGroup + 4 * kGroup * i);
    const Ints quad[4] = {
        _mm512_or_si512(low_nibbles(even), _mm512_and_si512(_mm512_slli_epi16(bits, 4), upper)),
        _mm512_or_si512(high_nibbles(even), _mm512_and_si512(_mm512_slli_epi16(bits, 2), upper)),
        _mm512_or_si512(low_nibbles(odd), _mm512_and_si512(bits, upper)),
        _mm512_or_si512(high_nibbles(odd), _mm512_and_si512(_mm512_srli_epi16(bits, 2), upper))};
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::int8_t* codes = x[r][b].code + 8 * i;
      first[r] = _mm512_dpbusd_epi32(first[r], quad[0], spread(codes));
      first[r] = _mm512_dpbusd_epi32(first[r], quad[2], spread(codes + 4));
      second[r] = _mm512_dpbusd_epi32(second[r], quad[1], spread(codes + 16));
      second[r] = _mm512_dpbusd_epi32(second[r], quad[3], spread(codes + 20));
    }
  }
  const Floats d_first = times(d, scales.each[0]), d_second = times(d, scales.each[1]);
  for (std::size_t r = 0; r < kRows; ++r) {
    acc[r] = add_scaled(first[r], d_first, x[r][b].scale, acc[r]);
    acc[r] = add_scaled(second[r], d_second, x[r][b].scale, acc[r]);
  }
}

#endif

// Asks for weights `ahead` of here, if not 0: processors that do so themselves stop at each page.
HWY_INLINE void fetch(const std::byte* w, std::size_t bytes, std::size_t ahead) {
  if (ahead == 0) return;
  for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(w + ahead + at);
}

#if !HWY_ARCH_ARM_A64

// The following add a block of 32 columns to acc. Scales are functions, called behind the sums:
// a scale would take a register from them.

// acc[r] += d * (sum of (code - 8) times activation)
template <std::size_t kRows, class Scale>
HWY_INLINE void add_nibbles(const std::byte* q, const Scale& d,
                            const CodeActivation32* const (&x)[kRows], std::size_t b,
                            Floats (&acc)[kRows]) {
  Ints s[kRows];
  nibble_sums(q, x, b, s);
  const Floats scale = d();
  for (std::size_t r = 0; r < kRows; ++r) {
    acc[r] = add_scaled(add_zero_point(s[r], x[r][b]), scale, x[r][b].scale, acc[r]);
  }
}

// acc[r] += scale * (sum of code times activation) - min * (sum of activations)
template <std::size_t kRows, class Scale, class Min>
HWY_INLINE void add_nibbles(const std::byte* q, const Scale& scale_of, const Min& min_of,
                            const CodeActivation32* const (&x)[kRows], std::size_t b,
                            Floats (&acc)[kRows]) {
  Ints s[kRows];
  nibble_sums(q, x, b, s);
  const Floats scale = scale_of(), min = min_of();
  for (std::size_t r = 0; r < kRows; ++r) {
    const CodeActivation32& block = x[r][b];
    acc[r] = minus_offset(min, block.sum, add_scaled(s[r], scale, block.scale, acc[r]));
  }
}

// acc[r] += d * (sum of code times activation)
template <std::size_t kRows, class Scale>
HWY_INLINE void add_bytes(const std::byte* q, const Scale& d,
                          const CodeActivation32* const (&x)[kRows], std::size_t b,
                          Floats (&acc)[kRows]) {
  Ints s[kRows];
  byte_sums(q, x, b, s);
  const Floats scale = d();
  for (std::size_t r = 0; r < kRows; ++r) acc[r] = add_scaled(s[r], scale, x[r][b].scale, acc[r]);
}

#endif

// Each format adds the products of one superblock, whose first block of activations is b.
struct Q4_0 {
  static constexpr PackedFormat kFormat = PackedFormat::kQ4_0;
  template <std::size_t kRows>
  static HWY_INLINE void add(const std::byte* w, const CodeActivation32* const (&x)[kRows],
                             std::size_t b, Floats (&acc)[kRows], std::size_t ahead) {
    fetch(w, 18 * kGroup, ahead);
    add_nibbles(
        w + 2 * kGroup, [&] { return load_halves(w); }, x, b, acc);
  }
};

struct Q8_0 {
  static constexpr PackedFormat kFormat = PackedFormat::kQ8_0;
  template <std::size_t kRows>
  static HWY_INLINE void add(const std::byte* w, const CodeActivation32* const (&x)[kRows],
                             std::size_t b, Floats (&acc)[kRows], std::size_t ahead) {
    fetch(w, 34 * kGroup, ahead);
    add_bytes(
        w + 2 * kGroup, [&] { return load_halves(w); }, x, b, acc);
  }
};

struct Q4_K {
  static constexpr PackedFormat kFormat = PackedFormat::kQ4_K;
  template <std::size_t kRows>
  static HWY_INLINE void add(const std::byte* w, const CodeActivation32* const (&x)[kRows],
                             std::size_t b, Floats (&acc)[kRows], std::size_t ahead) {
    const Floats d = load_halves(w), d_min = load_halves(w + 2 * kGroup);
    for (std::size_t k = 0; k < 8; ++k) {
      fetch(w + 18 * k * kGroup, 18 * kGroup, ahead);
      const auto scale = [&] { return times(d, unsigned_to_floats(w + (4 + k) * kGroup)); };
      const auto min = [&] { return times(d_min, unsigned_to_floats(w + (12 + k) * kGroup)); };
      add_nibbles(w + (20 + 16 * k) * kGroup, scale, min, x, b + k, acc);
    }
  }
};

struct Q6_K {
  static constexpr PackedFormat kFormat = PackedFormat::kQ6_K;
  template <std::size_t kRows>
  static HWY_INLINE void add(const std::byte* w, const CodeActivation32* const (&x)[kRows],
                             std::size_t b, Floats (&acc)[kRows], std::size_t ahead) {
    const Floats d = load_halves(w);
    for (std::size_t k = 0; k < 8; ++k) {
      fetch(w + (26 * k + k / 4) * kGroup, 26 * kGroup, ahead);
      const std::byte* scales = w + (2 + 2 * k) * kGroup;
      add_six_bits(w + (18 + 24 * k) * kGroup, d, HalfScales(scales, scales + kGroup), x, b + k,
                   acc);
    }
  }
};

struct Panel {
  std::size_t first, end;  // blocks of 32 columns
  std::size_t ahead;       // bytes that weights are asked for beforehand; 0: they are near
};

// One group of weight rows against kRows activation rows from `row` on. Sums go on from where the
// panel before left them.
template <class Format, std::size_t kRows>
void add_tile(const PackedDots& job, const std::byte* w, Panel panel, std::size_t row, float* out) {
  constexpr std::size_t kBlocks = packed_columns(Format::kFormat) / 32;
  constexpr std::size_t kBytes = packed_bytes(Format::kFormat, kGroup);
  const CodeActivation32* x[kRows];
  Floats acc[kRows];
  OUTRIDER_UNROLLED for (std::size_t r = 0; r < kRows; ++r) {
    x[r] = job.x + (row + r) * job.x_stride;
    acc[r] = panel.first == 0 ? zero() : load_floats(out + r * job.out_stride);
  }
  for (std::size_t b = panel.first; b < panel.end; b += kBlocks, w += kBytes) {
    Format::template add<kRows>(w, x, b, acc, panel.ahead);
  }
  OUTRIDER_UNROLLED for (std::size_t r = 0; r < kRows; ++r)
      store_floats(acc[r], out + r * job.out_stride);
}

// add_tile for 1, 2, ... rows.
using AddTile = void (*)(const PackedDots&, const std::byte*, Panel, std::size_t, float*);
template <class Format, std::size_t... kLess>
constexpr std::array<AddTile, kTileRows> tiles_of(std::index_sequence<kLess...>) {
  return {&add_tile<Format, kLess + 1>...};
}

template <class Format>
void dot_groups(const PackedDots& job) {
  constexpr std::size_t kBlocks = packed_columns(Format::kFormat) / 32;
  constexpr std::size_t kBytes = packed_bytes(Format::kFormat, kGroup);
  const std::size_t group_bytes = job.blocks / kBlocks * kBytes;
  constexpr auto kAddTile = tiles_of<Format>(std::make_index_sequence<kTileRows>());
  const bool one_tile = job.rows <= kTileRows;
  const std::size_t panel_blocks = one_tile ? job.blocks : kPanelBlocks;
  const std::size_t tiles = one_tile ? 1 : divide_up<std::size_t>(job.rows, kTileRows);
  for (std::size_t first = 0; first < job.blocks; first += panel_blocks) {
    Panel panel{first, std::min<std::size_t>(job.blocks, first + panel_blocks), 0};
    const std::size_t stretch = std::max<std::size_t>(
        1, kStretchBytes / (kBytes * divide_up<std::size_t>(panel.end - first, kBlocks)));
    for (std::size_t from = 0; from < job.groups; from += stretch) {
      const std::size_t to = std::min(job.groups, from + stretch);
      for (std::size_t tile = 0; tile < tiles; ++tile) {  // of even size
        const std::size_t row = job.rows * tile / tiles;
        const std::size_t rows = job.rows * (tile + 1) / tiles - row;
        const auto add = kAddTile[rows - 1];
        panel.ahead = tile == 0 ? kAheadBytes : 0;
        for (std::size_t group = from; group < to; ++group) {
          add(job, job.w + group * group_bytes + first / kBlocks * kBytes, panel, row,
              job.out + row * job.out_stride + group * kGroup);
        }
      }
    }
  }
}

void dot_packed(PackedFormat format, const PackedDots& job) {
  switch (format) {
    case PackedFormat::kQ4_0:
      return dot_groups<Q4_0>(job);
    case PackedFormat::kQ8_0:
      return dot_groups<Q8_0>(job);
    case PackedFormat::kQ4_K:
      return dot_groups<Q4_K>(job);
    case PackedFormat::kQ6_K:
      return dot_groups<Q6_K>(job);
  }
}

std::size_t packed_group() {
  return kGroup;
}

}  // namespace
}  // namespace outrider::HWY_NAMESPACE
#if defined(OUTRIDER_ARM_DOT_PRODUCTS)
HWY_POP_ATTRIBUTES
#else
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE && !defined(OUTRIDER_ARM_DOT_PRODUCTS)
namespace outrider {
HWY_EXPORT(dot_packed);
HWY_EXPORT(packed_group);

void add_packed_kernels(CpuKernels& table) {
  table.dot_packed = &HWY_DYNAMIC_DISPATCH(dot_packed);
  table.packed_group = HWY_DYNAMIC_DISPATCH(packed_group)();
}
}  // namespace outrider
#endif
