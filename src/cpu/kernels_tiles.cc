// Packed weight rows against many activation rows on processors that multiply tiles (AMX): codes of
// 16 weight rows times those of up to 16 activation rows, over the columns that share a scale. The
// sums are the same whole numbers as without tiles, and are scaled and added in the same order, so
// a row's bits are the same.
//
// Weights are unpacked once for all activation rows: a stretch of groups, over a panel of columns,
// which stays in the second nearest cache while tiles of activation rows go past it.
#include <algorithm>
#include <array>
#include <utility>

#include "cpu/kernels.h"
#include "platform/tile_registers.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12's own headers leave operands of AVX-512 undefined on purpose.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <hwy/base.h>
#include <immintrin.h>

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c,amx-tile,amx-int8")
static_assert(true, "ends the macro");

namespace outrider {
namespace {

constexpr std::size_t kGroup = 16;            // weight rows
constexpr std::size_t kTileRows = 16;         // activation rows
constexpr std::size_t kPanelBlocks = 32;      // 1024 columns
constexpr std::size_t kStretchBlocks = 1024;  // groups times blocks of a panel

// A block of 32 columns.
struct alignas(64) WeightTile {
  std::int8_t code[8][4 * kGroup];  // less the zero point; four columns of each weight row, ...
  float scale[kGroup];
  float second[kGroup];  // Q4_K: what its offset is times; Q6_K: the scale of the last 16 columns
};
struct alignas(64) RowTile {
  std::int8_t code[kTileRows][32];
  float scale[kTileRows];
  float sum[kTileRows];
};
struct alignas(64) Sums {
  std::int32_t of[kTileRows][kGroup];
};
struct Scratch {
  WeightTile weights[kStretchBlocks + 4];  // a product of a group that is not there has no use
  RowTile rows[kPanelBlocks];
};

using Ints = __m512i;
using Floats = __m512;

HWY_INLINE Ints load(const void* at) {
  return _mm512_loadu_si512(at);
}
HWY_INLINE void store(Ints v, void* at) {
  _mm512_store_si512(at, v);
}
HWY_INLINE Floats load_halves(const std::byte* at) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
}
HWY_INLINE __m128i load_bytes(const std::byte* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}
HWY_INLINE Floats unsigned_to_floats(const std::byte* at) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load_bytes(at)));
}
HWY_INLINE Floats signed_to_floats(const std::byte* at) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_bytes(at)));
}

HWY_INLINE void unpack_nibbles(const std::byte* q, int zero_point, WeightTile& tile) {
  const Ints nibble = _mm512_set1_epi8(15);
  const Ints zero = _mm512_set1_epi8(static_cast<char>(zero_point));
  for (std::size_t j = 0; j < 4; ++j) {
    const Ints v = load(q + 4 * kGroup * j);
    const Ints low = _mm512_and_si512(v, nibble);
    const Ints high = _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble);
    store(_mm512_sub_epi8(low, zero), tile.code[j]);
    store(_mm512_sub_epi8(high, zero), tile.code[j + 4]);
  }
}

HWY_INLINE void unpack_six_bits(const std::byte* q, WeightTile& tile) {
  const Ints nibble = _mm512_set1_epi8(15), upper = _mm512_set1_epi8(0x30);
  for (std::size_t i = 0; i < 2; ++i) {
    const Ints bits = load(q + 16 * kGroup + 4 * kGroup * i);
    const Ints above[4] = {_mm512_slli_epi16(bits, 4), _mm512_slli_epi16(bits, 2), bits,
                           _mm512_srli_epi16(bits, 2)};
    for (std::size_t n = 0; n < 4; ++n) {  // quads 2i, 2i + 4, 2i + 1, 2i + 5
      const Ints packed = load(q + 8 * kGroup * i + 4 * kGroup * (n / 2));
      const Ints below = n % 2 == 0 ? packed : _mm512_srli_epi16(packed, 4);
      const Ints code =
          _mm512_or_si512(_mm512_and_si512(below, nibble), _mm512_and_si512(above[n], upper));
      store(_mm512_sub_epi8(code, _mm512_set1_epi8(32)), tile.code[2 * i + n / 2 + n % 2 * 4]);
    }
  }
}

// What is scaled and added per block: a sum over 32 columns, ...
struct OneScale {
  static constexpr std::size_t kProducts = 1, kQuads = 8;
  static constexpr bool kOffset = false;
};
// ... the same less an offset, ...
struct ScaleAndOffset {
  static constexpr std::size_t kProducts = 1, kQuads = 8;
  static constexpr bool kOffset = true;
};
// ... or sums over 16 columns each.
struct TwoScales {
  static constexpr std::size_t kProducts = 2, kQuads = 4;
  static constexpr bool kOffset = false;
};

// Each format unpacks a superblock.
struct Q4_0 : OneScale {
  static constexpr PackedFormat kFormat = PackedFormat::kQ4_0;
  static HWY_INLINE void unpack(const std::byte* w, WeightTile* tile) {
    unpack_nibbles(w + 2 * kGroup, 8, *tile);
    _mm512_store_ps(tile->scale, load_halves(w));
  }
};

struct Q8_0 : OneScale {
  static constexpr PackedFormat kFormat = PackedFormat::kQ8_0;
  static HWY_INLINE void unpack(const std::byte* w, WeightTile* tile) {
    for (std::size_t j = 0; j < 8; ++j) store(load(w + (2 + 4 * j) * kGroup), tile->code[j]);
    _mm512_store_ps(tile->scale, load_halves(w));
  }
};

struct Q4_K : ScaleAndOffset {
  static constexpr PackedFormat kFormat = PackedFormat::kQ4_K;
  static HWY_INLINE void unpack(const std::byte* w, WeightTile* tile) {
    const Floats d = load_halves(w), d_min = load_halves(w + 2 * kGroup);
    for (std::size_t k = 0; k < 8; ++k) {
      unpack_nibbles(w + (20 + 16 * k) * kGroup, 0, tile[k]);
      const Floats scale = unsigned_to_floats(w + (4 + k) * kGroup);
      const Floats min = unsigned_to_floats(w + (12 + k) * kGroup);
      _mm512_store_ps(tile[k].scale, _mm512_mul_ps(d, scale));
      _mm512_store_ps(tile[k].second, _mm512_mul_ps(d_min, min));
    }
  }
};

struct Q6_K : TwoScales {
  static constexpr PackedFormat kFormat = PackedFormat::kQ6_K;
  static HWY_INLINE void unpack(const std::byte* w, WeightTile* tile) {
    const Floats d = load_halves(w);
    for (std::size_t k = 0; k < 8; ++k) {
      unpack_six_bits(w + (18 + 24 * k) * kGroup, tile[k]);
      const std::byte* scales = w + (2 + 2 * k) * kGroup;
      _mm512_store_ps(tile[k].scale, _mm512_mul_ps(d, signed_to_floats(scales)));
      _mm512_store_ps(tile[k].second, _mm512_mul_ps(d, signed_to_floats(scales + kGroup)));
    }
  }
};

// So many activation rows over some blocks.
void unpack_rows(const CodeActivation32* x, std::size_t x_stride, std::size_t rows,
                 std::size_t blocks, RowTile* tile) {
  for (std::size_t r = 0; r < rows; ++r) {
    const CodeActivation32* from = x + r * x_stride;
    for (std::size_t b = 0; b < blocks; ++b) {
      std::copy_n(from[b].code, 32, tile[b].code[r]);
      tile[b].scale[r] = from[b].scale;
      tile[b].sum[r] = from[b].sum;
    }
  }
}

// The instructions on tiles, whose numbers are part of them: 0 to 3 are sums, 4 and 5 activation
// rows, 6 and 7 weights. Rows of memory lie one after another.
template <int kTile>
HWY_INLINE void load_tile(const void* at, std::size_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(at), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
HWY_INLINE void store_tile(void* at, std::size_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(at), "r"(stride), "i"(kTile) : "memory");
}
template <int kSums, int kRows, int kWeights>
HWY_INLINE void multiply_tiles() {
  asm volatile(
      "tilezero %%tmm%c0\n\t"
      "tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0"
      :
      : "i"(kSums), "i"(kRows), "i"(kWeights));
}

// Shapes for so many activation rows and quads of columns.
void shape_tiles(std::size_t rows, std::size_t quads) {
  TileShapes shapes;
  for (std::size_t tile = 0; tile < 8; ++tile) {
    shapes.rows[tile] = static_cast<std::uint8_t>(tile < 6 ? rows : quads);
    shapes.row_bytes[tile] = static_cast<std::uint16_t>(tile < 4 || tile > 5 ? 64 : 4 * quads);
  }
  asm volatile("ldtilecfg %0" : : "m"(shapes));
}
void release_tiles() {
  asm volatile("tilerelease");
}

// Groups of weights over a panel of columns.
struct Part {
  std::size_t group, groups, first, blocks;

  // Blocks between the tiles of two groups.
  std::size_t stride() const { return divide_up<std::size_t>(blocks, 4) * 4; }
};

Part part_at(const PackedDots& job, std::size_t group, std::size_t first) {
  const Part widest{0, 0, 0, std::min<std::size_t>(kPanelBlocks, job.blocks)};
  return {group, std::min(kStretchBlocks / widest.stride(), job.groups - group), first,
          std::min<std::size_t>(kPanelBlocks, job.blocks - first)};
}
Part part_behind(const PackedDots& job, const Part& part) {
  const std::size_t first = part.first + part.blocks;
  return first < job.blocks ? part_at(job, part.group, first)
                            : part_at(job, part.group + part.groups, 0);
}

// Lines of memory in each group of the next part.
struct Ahead {
  const std::byte* w;
  std::size_t group_bytes, groups, begin, end;

  void fetch(std::size_t group) const {
    if (group >= groups) return;
    const std::byte* from = w + group * group_bytes;
    for (std::size_t i = begin; i < end; ++i) __builtin_prefetch(from + 64 * i, 0, 2);
  }
};

// A tile of activation rows and all groups of a part.
struct TileRow {
  const Scratch& scratch;
  const Part& part;
  float* out;
  std::size_t out_stride;
  Ahead ahead;
};

template <class Kind, int kSlot>
HWY_INLINE void start_product(const WeightTile* w, const RowTile* x, std::size_t product) {
  const std::size_t block = product / Kind::kProducts, half = product % Kind::kProducts;
  load_tile<4 + kSlot % 2>(&x[block].code[0][16 * half], sizeof x[block].code[0]);
  load_tile<6 + kSlot % 2>(w[block].code[4 * half], sizeof w[block].code[0]);
  multiply_tiles<kSlot, 4 + kSlot % 2, 6 + kSlot % 2>();
}

template <class Kind, std::size_t kRows, int kSlot>
HWY_INLINE void add_product(const WeightTile& w, const RowTile& x, std::size_t half, Sums& sums,
                            Floats (&acc)[kRows]) {
  store_tile<kSlot>(&sums, sizeof sums.of[0]);
  const Floats scale = _mm512_load_ps(half == 0 ? w.scale : w.second);
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
    acc[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_load_si512(sums.of[r])),
                             _mm512_mul_ps(scale, _mm512_set1_ps(x.scale[r])), acc[r]);
    if constexpr (Kind::kOffset) {
      acc[r] = _mm512_fnmadd_ps(_mm512_load_ps(w.second), _mm512_set1_ps(x.sum[r]), acc[r]);
    }
  }
}

// Tiles of a group and of activation rows, over a panel; behind `stride` blocks come those of the
// next group.
struct Panel {
  const WeightTile* w;
  const RowTile* x;
  std::size_t blocks, stride;
};

// Begins the product that is three further on, then stores and adds this one: stored as soon as it
// has begun, it would hold up the next.
template <class Kind, std::size_t kRows, int kSlot>
HWY_INLINE void step(Panel panel, std::size_t product, Sums (&sums)[4], Floats (&acc)[kRows]) {
  const std::size_t end = panel.stride * Kind::kProducts, next = product + 3;
  const bool same_group = next < end;
  start_product<Kind, (kSlot + 3) % 4>(panel.w + (same_group ? 0 : panel.stride), panel.x,
                                       same_group ? next : next - end);
  const std::size_t block = product / Kind::kProducts;
  if (block >= panel.blocks) return;
  add_product<Kind, kRows, kSlot>(panel.w[block], panel.x[block], product % Kind::kProducts,
                                  sums[kSlot], acc);
}

// Sums go on from where the panel before left them.
template <class Kind, std::size_t kRows>
void add_row(const TileRow& row) {
  Sums sums[4];
  Floats acc[kRows];
  Panel panel{row.scratch.weights, row.scratch.rows, row.part.blocks, row.part.stride()};
  const std::size_t products = panel.stride * Kind::kProducts, out_stride = row.out_stride;
  start_product<Kind, 0>(panel.w, panel.x, 0);
  start_product<Kind, 1>(panel.w, panel.x, 1);
  start_product<Kind, 2>(panel.w, panel.x, 2);
  for (std::size_t group = 0; group < row.part.groups; ++group, panel.w += panel.stride) {
    row.ahead.fetch(group);
    float* out = row.out + group * kGroup;
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) {
      acc[r] = row.part.first == 0 ? _mm512_setzero_ps() : _mm512_loadu_ps(out + r * out_stride);
    }
    for (std::size_t product = 0; product < products; product += 4) {
      step<Kind, kRows, 0>(panel, product, sums, acc);
      step<Kind, kRows, 1>(panel, product + 1, sums, acc);
      step<Kind, kRows, 2>(panel, product + 2, sums, acc);
      step<Kind, kRows, 3>(panel, product + 3, sums, acc);
    }
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) _mm512_storeu_ps(out + r * out_stride, acc[r]);
  }
}

// add_row for 1, 2, ... rows.
using AddRow = void (*)(const TileRow&);
template <class Kind, std::size_t... kLess>
constexpr std::array<AddRow, kTileRows> rows_of(std::index_sequence<kLess...>) {
  return {&add_row<Kind, kLess + 1>...};
}

template <class Format>
struct Dots {
  static constexpr std::size_t kBlocks = packed_columns(Format::kFormat) / 32;
  static constexpr std::size_t kBytes = packed_bytes(Format::kFormat, kGroup);

  const PackedDots& job;
  Scratch& scratch;

  const std::byte* weights(const Part& part, std::size_t group) const {
    return job.w + ((part.group + group) * (job.blocks / kBlocks) + part.first / kBlocks) * kBytes;
  }
  void unpack(const Part& part) const {
    for (std::size_t group = 0; group < part.groups; ++group) {
      const std::byte* w = weights(part, group);
      WeightTile* tile = scratch.weights + group * part.stride();
      for (std::size_t b = 0; b < part.blocks; b += kBlocks, w += kBytes) {
        Format::unpack(w, tile + b);
      }
    }
  }
  // One of so many shares of a part.
  Ahead share_of(const Part& part, std::size_t share, std::size_t shares) const {
    const std::size_t lines = part.blocks / kBlocks * kBytes / 64 + 1;
    return {weights(part, 0), job.blocks / kBlocks * kBytes, part.groups, lines * share / shares,
            lines * (share + 1) / shares};
  }
  void run() const;
};

template <class Format>
void Dots<Format>::run() const {
  constexpr auto kAddRow = rows_of<Format>(std::make_index_sequence<kTileRows>());
  const std::size_t tiles = divide_up<std::size_t>(job.rows, kTileRows);
  for (Part part = part_at(job, 0, 0), next; part.groups > 0; part = next) {
    next = part_behind(job, part);
    unpack(part);
    for (std::size_t tile = 0; tile < tiles; ++tile) {  // of even size
      const std::size_t row = job.rows * tile / tiles;
      const std::size_t rows = job.rows * (tile + 1) / tiles - row;
      unpack_rows(job.x + row * job.x_stride + part.first, job.x_stride, rows, part.blocks,
                  scratch.rows);
      shape_tiles(rows, Format::kQuads);
      kAddRow[rows - 1]({scratch, part, job.out + row * job.out_stride + part.group * kGroup,
                         job.out_stride, share_of(next, tile, tiles)});
    }
  }
  release_tiles();
}

void dot_tiles(PackedFormat format, const PackedDots& job, std::byte* at) {
  Scratch& scratch = *reinterpret_cast<Scratch*>(at);
  switch (format) {
    case PackedFormat::kQ4_0:
      return Dots<Q4_0>{job, scratch}.run();
    case PackedFormat::kQ8_0:
      return Dots<Q8_0>{job, scratch}.run();
    case PackedFormat::kQ4_K:
      return Dots<Q4_K>{job, scratch}.run();
    case PackedFormat::kQ6_K:
      return Dots<Q6_K>{job, scratch}.run();
  }
}

}  // namespace
}  // namespace outrider
HWY_POP_ATTRIBUTES

namespace outrider {

void add_tile_kernels(CpuKernels& table) {
  // Groups of 16 are AVX-512's, with all of it that is used here.
  if (table.packed_group == kGroup && allow_tile_registers()) {
    table.tiles = {&dot_tiles, sizeof(Scratch), 32};
  }
}

}  // namespace outrider

#else

namespace outrider {
void add_tile_kernels(CpuKernels&) {}
}  // namespace outrider

#endif
