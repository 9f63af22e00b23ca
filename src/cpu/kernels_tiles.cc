// Packed weight rows against many activation rows on processors that multiply tiles (AMX): codes of
// 16 weight rows times those of up to 16 activation rows, over the columns that share a scale. The
// sums are the same whole numbers as without tiles, and are scaled and added in the same order, so
// a row's bits are the same.
//
// Tiles of activation rows, over a panel of columns, stay in the second nearest cache while groups
// of weights go past them. A group is unpacked into the nearest cache, over the panel, and all
// tiles of rows pass it there.
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

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c,amx-tile,amx-int8,prfchw")
static_assert(true, "ends the macro");

namespace outrider {
namespace {

constexpr std::size_t kGroup = 16;  // weight rows
constexpr std::size_t kTileRows = CodeTile::kRows;
constexpr std::size_t kTilesMost = 8;       // that stay in that cache
constexpr std::size_t kPanelBlocks = 8;     // 256 columns; 384 and 512 were slower
constexpr std::size_t kStretchGroups = 32;  // whose sums wait there for the next panel; so were 64
constexpr std::size_t kOutputPanels = 8;    // that ask for lines to write: earlier, they are gone

// A block of 32 columns.
struct alignas(64) WeightTile {
  std::int8_t code[8][4 * kGroup];  // less the zero point; four columns of each weight row, ...
  float scale[kGroup];
  float second[kGroup];  // Q4_K: what its offset is times; Q6_K: the scale of the last 16 columns
};
struct alignas(64) Sums {
  std::int32_t of[kTileRows][kGroup];
};
using WeightPanel = WeightTile[kPanelBlocks];
struct alignas(64) FloatSums {
  float of[kTileRows][kGroup];
};
struct Scratch {
  WeightPanel weights[2];  // of the current group and the next
  FloatSums sums[kStretchGroups * kTilesMost];
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

// Lines of memory that will be read soon, asked for a few at a time: as many each time, as a loop
// whose end is not foreseen costs more than what it asks for.
class Ahead {
 public:
  // Of so many bytes, in so many calls. May ask for two lines more than there are.
  Ahead(const std::byte* from, std::size_t bytes, std::size_t calls)
      : next_(from), end_(from + bytes), turns_(divide_up(divide_up(bytes, 3 * kLine), calls)) {}

  HWY_INLINE void fetch() {
    if (next_ >= end_) return;
    for (std::size_t turn = 0; turn < turns_; ++turn, next_ += 3 * kLine) {
      __builtin_prefetch(next_, 0, 2);
      __builtin_prefetch(next_ + kLine, 0, 2);
      __builtin_prefetch(next_ + 2 * kLine, 0, 2);
    }
  }

 private:
  static constexpr std::size_t kLine = 64;
  const std::byte* next_;
  const std::byte* end_;
  std::size_t turns_;
};

// Lines of memory that outputs will be written to, one in each row, asked for in so many calls, one
// or two in each: a write to a line that is far away holds up those behind it, and so do many
// requests at once.
class OutputsAhead {
 public:
  OutputsAhead(const float* first, std::size_t stride, std::size_t rows, std::size_t calls)
      : next_(first), stride_(stride), left_(rows), each_(divide_up(rows, calls)) {}

  HWY_INLINE void fetch() {
    for (std::size_t i = 0; i < each_ && left_ > 0; ++i, --left_, next_ += stride_)
      __builtin_prefetch(next_, 1, 2);
  }

 private:
  const float* next_;
  std::size_t stride_, left_, each_;
};

// Rounds of four products that a tile takes.
constexpr std::size_t rounds_of(std::size_t blocks, std::size_t products) {
  return divide_up<std::size_t>(blocks * products, 4);
}

// Blocks of weights and of activation rows.
struct Blocks {
  const WeightTile* w;
  const CodeTile* x;

  HWY_INLINE Blocks behind(std::size_t blocks) const { return {w + blocks, x + blocks}; }
};

// A group of weights and tiles of activation rows, over a panel.
struct GroupJob {
  const WeightTile* w;
  const CodeTile* x;
  std::size_t x_stride;  // between tiles of rows
  FloatSums* sums;       // one for each of them
  std::size_t tiles, blocks;
  bool first;     // the panel: sums begin
  Blocks behind;  // whose products come next
  Ahead weights;
  OutputsAhead outputs;
};

template <class Kind, int kSlot>
HWY_INLINE void start_product(Blocks at, std::size_t product) {
  const std::size_t block = product / Kind::kProducts, half = product % Kind::kProducts;
  load_tile<4 + kSlot % 2>(&at.x[block].code[0][16 * half], sizeof at.x[block].code[0]);
  load_tile<6 + kSlot % 2>(at.w[block].code[4 * half], sizeof at.w[block].code[0]);
  multiply_tiles<kSlot, 4 + kSlot % 2, 6 + kSlot % 2>();
}

template <class Kind, std::size_t kRows, int kSlot>
HWY_INLINE void add_product(Blocks at, Sums (&sums)[4], Floats (&acc)[kRows]) {
  const WeightTile& w = at.w[kSlot / Kind::kProducts];
  const CodeTile& x = at.x[kSlot / Kind::kProducts];
  store_tile<kSlot>(&sums[kSlot], sizeof sums[kSlot].of[0]);
  const Floats scale = _mm512_load_ps(kSlot % Kind::kProducts == 0 ? w.scale : w.second);
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
    acc[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_load_si512(sums[kSlot].of[r])),
                             _mm512_mul_ps(scale, _mm512_set1_ps(x.scale[r])), acc[r]);
    if constexpr (Kind::kOffset) {
      acc[r] = _mm512_fnmadd_ps(_mm512_load_ps(w.second), _mm512_set1_ps(x.sum[r]), acc[r]);
    }
  }
}

// Adds a round's products; of a last one so many. Each is stored when three more have begun: as
// soon as it has begun itself, it would hold up the next. `next` is the round behind.
template <class Kind, std::size_t kRows>
HWY_INLINE void add_round(Blocks at, Blocks next, std::size_t products, Sums (&sums)[4],
                          Floats (&acc)[kRows]) {
  start_product<Kind, 3>(at, 3);
  add_product<Kind, kRows, 0>(at, sums, acc);
  start_product<Kind, 0>(next, 0);
  if (products > 1) add_product<Kind, kRows, 1>(at, sums, acc);
  start_product<Kind, 1>(next, 1);
  if (products > 2) add_product<Kind, kRows, 2>(at, sums, acc);
  start_product<Kind, 2>(next, 2);
  if (products > 3) add_product<Kind, kRows, 3>(at, sums, acc);
}

// The products that add_round finds begun.
template <class Kind>
void start_products(Blocks at) {
  start_product<Kind, 0>(at, 0);
  start_product<Kind, 1>(at, 1);
  start_product<Kind, 2>(at, 2);
}

// Sums go on from where the panel before left them.
template <class Kind, std::size_t kRows>
void add_group(const GroupJob& job) {
  constexpr std::size_t kBlocks = 4 / Kind::kProducts;  // of a round
  Sums sums[4];
  Floats acc[kRows];
  Ahead weights = job.weights;
  OutputsAhead outputs = job.outputs;
  const std::size_t rounds = rounds_of(job.blocks, Kind::kProducts);
  const std::size_t products_of_last = job.blocks * Kind::kProducts - 4 * (rounds - 1);
  Blocks at{job.w, job.x};
  for (std::size_t tile = 0; tile < job.tiles; ++tile) {
    auto& total = job.sums[tile].of;
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) {
      acc[r] = job.first ? _mm512_setzero_ps() : _mm512_load_ps(total[r]);
    }
    for (std::size_t round = 1; round < rounds; ++round) {
      weights.fetch();
      outputs.fetch();
      add_round<Kind>(at, at.behind(kBlocks), 4, sums, acc);
      at = at.behind(kBlocks);
    }
    weights.fetch();
    outputs.fetch();
    const Blocks next_tile =
        tile + 1 < job.tiles ? Blocks{job.w, job.x + (tile + 1) * job.x_stride} : job.behind;
    add_round<Kind>(at, next_tile, products_of_last, sums, acc);
    at = next_tile;
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) _mm512_store_ps(total[r], acc[r]);
  }
}

// add_group for 1, 2, ... rows in a tile.
using AddGroup = void (*)(const GroupJob&);
template <class Kind, std::size_t... kLess>
constexpr std::array<AddGroup, kTileRows> groups_of(std::index_sequence<kLess...>) {
  return {&add_group<Kind, kLess + 1>...};
}

// Tiles of activation rows and groups of weights, over a panel of columns.
struct Part {
  std::size_t row, tiles, group, groups, block, blocks;
};

template <class Format>
class Dots {
 public:
  Dots(const PackedDots& job, Scratch& scratch)
      : job_(job), scratch_(scratch), tile_rows_(rows_of_tile(job.rows)) {}
  void run() const;

 private:
  static constexpr std::size_t kBlocks = packed_columns(Format::kFormat) / 32;
  static constexpr std::size_t kBytes = packed_bytes(Format::kFormat, kGroup);
  static_assert(kPanelBlocks % kBlocks == 0);

  static constexpr std::size_t bytes(std::size_t blocks) { return blocks / kBlocks * kBytes; }
  const std::byte* stored(std::size_t group, std::size_t block) const {
    return job_.w + group * bytes(job_.blocks) + bytes(block);
  }
  std::size_t rows_of(const Part& part, std::size_t tile) const {
    return std::min(tile_rows_, job_.rows - part.row - tile * tile_rows_);
  }
  Ahead weights_ahead(const Part& part, std::size_t group) const;
  OutputsAhead outputs_ahead(const Part& part, std::size_t group) const;
  void run(const Part& part) const;
  void unpack_weights(const Part& part, std::size_t group) const;
  void write_sums(const Part& part, std::size_t group) const;
  // Of a group of a part.
  WeightTile* weights_at(std::size_t group) const { return scratch_.weights[group % 2]; }
  const CodeTile* rows(const Part& part) const {
    return job_.x_tiles + part.row / tile_rows_ * job_.blocks + part.block;
  }
  float* out_of(const Part& part, std::size_t group) const {
    return job_.out + part.row * job_.out_stride + (part.group + group) * kGroup;
  }
  FloatSums* sums(const Part& part, std::size_t group) const {
    return scratch_.sums + group * part.tiles;
  }

  const PackedDots& job_;
  Scratch& scratch_;
  std::size_t tile_rows_;
};

template <class Format>
void Dots<Format>::run() const {
  if (job_.blocks == 0) return;
  shape_tiles(tile_rows_, Format::kQuads);
  const std::size_t batch = kTilesMost * tile_rows_;
  for (std::size_t row = 0; row < job_.rows; row += batch) {
    const std::size_t rows = std::min<std::size_t>(batch, job_.rows - row);
    for (std::size_t group = 0; group < job_.groups; group += kStretchGroups) {
      for (std::size_t block = 0; block < job_.blocks; block += kPanelBlocks) {
        run(Part{row, divide_up(rows, tile_rows_), group,
                 std::min(kStretchGroups, job_.groups - group), block,
                 std::min(kPanelBlocks, job_.blocks - block)});
      }
    }
  }
  release_tiles();
}

template <class Format>
void Dots<Format>::run(const Part& part) const {
  constexpr auto kAddGroup = groups_of<Format>(std::make_index_sequence<kTileRows>());
  const bool last = part.block + part.blocks == job_.blocks;
  unpack_weights(part, 0);
  start_products<Format>({weights_at(0), rows(part)});
  for (std::size_t group = 0; group < part.groups; ++group) {
    if (group + 1 < part.groups) unpack_weights(part, group + 1);
    kAddGroup[tile_rows_ - 1]({weights_at(group),
                               rows(part),
                               job_.blocks,
                               sums(part, group),
                               part.tiles,
                               part.blocks,
                               part.block == 0,
                               {weights_at(group + 1), rows(part)},
                               weights_ahead(part, group),
                               outputs_ahead(part, group)});
    if (last) write_sums(part, group);
  }
}

// While a group is used the next one is unpacked already. Asked for is the one behind that: of this
// panel, or one of the first two of the next, in the next stretch if this panel is the last.
template <class Format>
Ahead Dots<Format>::weights_ahead(const Part& part, std::size_t group) const {
  const std::size_t calls = part.tiles * rounds_of(part.blocks, Format::kProducts);
  const auto ask = [&](std::size_t at, std::size_t block) {
    return Ahead(stored(at, block), bytes(std::min(kPanelBlocks, job_.blocks - block)), calls);
  };
  if (group + 2 < part.groups) return ask(part.group + group + 2, part.block);
  const std::size_t behind = group + 1 < part.groups ? 0 : 1;
  if (part.block + part.blocks < job_.blocks) {
    return ask(part.group + std::min(behind, part.groups - 1), part.block + part.blocks);
  }
  const std::size_t next = part.group + part.groups;
  if (next >= job_.groups) return {job_.w, 0, calls};
  return ask(std::min(next + behind, job_.groups - 1), 0);
}

// Each of the last panels asks for its share of the rows that the last one writes.
template <class Format>
OutputsAhead Dots<Format>::outputs_ahead(const Part& part, std::size_t group) const {
  const std::size_t rows = std::min(part.tiles * tile_rows_, job_.rows - part.row);
  const std::size_t all = divide_up(job_.blocks, kPanelBlocks), of = std::min(all, kOutputPanels);
  const auto edge = [&](std::size_t panels) {  // rows asked for in so many panels
    return panels + of < all ? 0 : rows * (panels + of - all) / of;
  };
  const std::size_t panel = part.block / kPanelBlocks, begin = edge(panel);
  return {out_of(part, group) + begin * job_.out_stride, job_.out_stride, edge(panel + 1) - begin,
          part.tiles * rounds_of(part.blocks, Format::kProducts)};
}

template <class Format>
void Dots<Format>::unpack_weights(const Part& part, std::size_t group) const {
  const std::byte* w = stored(part.group + group, part.block);
  WeightTile* to = weights_at(group);
  for (std::size_t b = 0; b < part.blocks; b += kBlocks, w += kBytes) Format::unpack(w, to + b);
}

template <class Format>
void Dots<Format>::write_sums(const Part& part, std::size_t group) const {
  for (std::size_t tile = 0; tile < part.tiles; ++tile) {
    float* out = out_of(part, group) + tile * tile_rows_ * job_.out_stride;
    const std::size_t rows = rows_of(part, tile);
    const auto& total = sums(part, group)[tile].of;
    for (std::size_t r = 0; r < rows; ++r) {
      _mm512_storeu_ps(out + r * job_.out_stride, _mm512_load_ps(total[r]));
    }
  }
}

void dot_tiles(PackedFormat format, const PackedDots& job, std::byte* at) {
  Scratch& scratch = *reinterpret_cast<Scratch*>(at);
  switch (format) {
    case PackedFormat::kQ4_0:
      return Dots<Q4_0>(job, scratch).run();
    case PackedFormat::kQ8_0:
      return Dots<Q8_0>(job, scratch).run();
    case PackedFormat::kQ4_K:
      return Dots<Q4_K>(job, scratch).run();
    case PackedFormat::kQ6_K:
      return Dots<Q6_K>(job, scratch).run();
  }
}

}  // namespace
}  // namespace outrider
HWY_POP_ATTRIBUTES

namespace outrider {

void add_tile_kernels(CpuKernels& table) {
  // Groups of 16 are AVX-512's, with all of it that is used here.
  if (table.packed_group == kGroup && allow_tile_registers()) {
    table.tiles = {&dot_tiles, sizeof(Scratch), 9};
  }
}

}  // namespace outrider

#else

namespace outrider {
void add_tile_kernels(CpuKernels&) {}
}  // namespace outrider

#endif
