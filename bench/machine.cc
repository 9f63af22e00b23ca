#include "machine.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "platform/tile_registers.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12's own headers leave operands of AVX-512 undefined on purpose.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#endif

namespace outrider {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Keeps the compiler from leaving work out.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "m"(value) : "memory");
}

constexpr int kBlocks = 1 << 16;  // of 32 columns, per call of a register loop

#if defined(__x86_64__)

// Makes a value look changed, so that the next product is not the last one again.
#define OUTRIDER_CHANGED(v) asm volatile("" : "+x"(v))

__attribute__((target("avx2,fma"))) float avx2_loop() {
  __m256i w = _mm256_set1_epi8(3), x = _mm256_set1_epi8(5);
  __m256i one = _mm256_set1_epi16(1), zero_point = _mm256_set1_epi32(-9);
  __m256 scale = _mm256_set1_ps(0.5f), x_scale = _mm256_set1_ps(0.25f);
  __m256 acc[4] = {scale, scale, scale, scale};
  for (int b = 0; b < kBlocks / 4; ++b) {
    for (__m256& sum : acc) {
      __m256i even = _mm256_maddubs_epi16(w, x), odd = even;
      for (int j = 0; j < 7; ++j) {
        OUTRIDER_CHANGED(x);
        __m256i& s = j % 2 == 0 ? odd : even;
        s = j == 0 ? _mm256_maddubs_epi16(w, x) : _mm256_add_epi16(s, _mm256_maddubs_epi16(w, x));
        OUTRIDER_CHANGED(s);
      }
      const __m256i s = _mm256_madd_epi16(_mm256_add_epi16(even, odd), one);
      OUTRIDER_CHANGED(x_scale);
      sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(s, zero_point)),
                            _mm256_mul_ps(scale, x_scale), sum);
    }
  }
  return _mm256_cvtss_f32(acc[0]) + _mm256_cvtss_f32(acc[1]) + _mm256_cvtss_f32(acc[2]) +
         _mm256_cvtss_f32(acc[3]);
}

__attribute__((target("avx512f,avx512vnni"))) float avx512_loop() {
  __m512i w = _mm512_set1_epi8(3), x = _mm512_set1_epi8(5), zero_point = _mm512_set1_epi32(-9);
  __m512 scale = _mm512_set1_ps(0.5f), x_scale = _mm512_set1_ps(0.25f);
  __m512 acc[8] = {scale, scale, scale, scale, scale, scale, scale, scale};
  for (int b = 0; b < kBlocks / 8; ++b) {
    __m512i s[8];
    for (__m512i& sum : s) sum = _mm512_setzero_si512();
    for (int j = 0; j < 8; ++j) {
      for (__m512i& sum : s) {
        sum = _mm512_dpbusd_epi32(sum, w, x);
        OUTRIDER_CHANGED(sum);
      }
    }
    for (int r = 0; r < 8; ++r) {
      OUTRIDER_CHANGED(x_scale);
      acc[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(s[r], zero_point)),
                               _mm512_mul_ps(scale, x_scale), acc[r]);
    }
  }
  float sum = 0;
  for (const __m512& part : acc) sum += _mm512_cvtss_f32(part);
  return sum;
}

// The way from a tile to other registers leads through memory, so this one stores and loads too.
#define OUTRIDER_STEP(slot, later)                                                       \
  _tile_zero(later);                                                                     \
  _tile_dpbssd(later, 4, 6);                                                             \
  _tile_stored(slot, sums[slot], 64);                                                    \
  for (int r = 0; r < 16; ++r) {                                                         \
    OUTRIDER_CHANGED(x_scale);                                                           \
    acc[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_load_si512(sums[slot] + 16 * r)), \
                             _mm512_mul_ps(scale, x_scale), acc[r]);                     \
  }

__attribute__((target("avx512f,amx-tile,amx-int8"))) float tile_loop() {
  // Tiles 0 to 3 are sums, 4 is 16 rows of 32 codes, 6 eight quads of columns of 16 weights.
  const TileShapes shapes{.row_bytes = {64, 64, 64, 64, 32, 0, 64},
                          .rows = {16, 16, 16, 16, 16, 0, 8}};
  _tile_loadconfig(&shapes);
  alignas(64) std::int32_t sums[4][16 * 16] = {};
  _tile_loadd(4, sums, 32);
  _tile_loadd(6, sums, 64);
  const __m512 scale = _mm512_set1_ps(0.5f);
  __m512 x_scale = _mm512_set1_ps(0.25f), acc[16];
  for (__m512& sum : acc) sum = scale;
  for (int b = 0; b < kBlocks / 16; b += 4) {
    OUTRIDER_STEP(0, 3)
    OUTRIDER_STEP(1, 0)
    OUTRIDER_STEP(2, 1)
    OUTRIDER_STEP(3, 2)
  }
  _tile_release();
  float sum = 0;
  for (const __m512& part : acc) sum += _mm512_cvtss_f32(part);
  return sum;
}

// Products per second of so many calls of a loop over kBlocks of 32 columns and `lanes` weights.
double rate_of(ThreadPool& pool, float (*loop)(), int lanes) {
  constexpr int kCalls = 8;
  double best = 0;
  for (int turn = 0; turn < 25; ++turn) {
    const auto start = Clock::now();
    pool.run([&](std::uint32_t) {
      for (int call = 0; call < kCalls; ++call) keep(loop());
    });
    const double products = double{kCalls} * kBlocks * 32 * lanes * pool.threads();
    best = std::max(best, products / seconds_since(start));
  }
  return best;
}

#endif

}  // namespace

double register_rate(ThreadPool& pool, const char* target) {
#if defined(__x86_64__)
  if (std::string_view(target) == "AVX3_DL") return rate_of(pool, avx512_loop, 16);
  if (std::string_view(target) == "AVX2") return rate_of(pool, avx2_loop, 8);
#endif
  (void)pool, (void)target;
  return 0;
}

double tile_rate(ThreadPool& pool) {
#if defined(__x86_64__)
  if (allow_tile_registers()) return rate_of(pool, tile_loop, 16);
#endif
  (void)pool;
  return 0;
}

}  // namespace outrider
