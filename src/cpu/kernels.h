// The CPU kernels as one table of plain functions, chosen once. Nothing above this header knows
// about SIMD.
//
// Every kernel computes one row from that row's inputs alone, in an order that depends only on
// widths and absolute positions: a row's bits are the same alone, among others, and on any number
// of threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/id.h"
#include "cpu/packed.h"
#include "kv/layout.h"
#include "platform/thread_pool.h"
#include "quant/codes.h"

namespace outrider {

// 32 activations rounded to eight bits: value ~ scale * code, and the sums of codes that offsets
// and zero points of weights are multiplied with.
struct CodeActivation32 {
  std::int8_t code[32];
  float scale;
  float sum;                 // scale * sum of all codes
  std::int32_t minus_sum8;   // -8 * sum of all codes
  std::int16_t half_sum[2];  // of each half's codes
};

// 32 columns of up to 16 activation rows beside each other, as tile registers load them. Many rows
// fall into as few tiles as hold them, all of rows_of_tile() but the last.
struct alignas(64) CodeTile {
  static constexpr std::size_t kRows = 16;
  std::int8_t code[kRows][32];
  float scale[kRows];
  float sum[kRows];
};
constexpr std::size_t tiles_of(std::size_t rows) {
  return divide_up(rows, CodeTile::kRows);
}
constexpr std::size_t rows_of_tile(std::size_t rows) {
  return divide_up(rows, tiles_of(rows));
}
// Tiles that the codes of [rows, blocks] take: [tiles_of(rows), blocks], and some behind them that
// are read without use.
constexpr std::size_t kCodeTilesBehind = 3;
constexpr std::size_t code_tiles(std::size_t rows, std::size_t blocks) {
  return tiles_of(rows) * blocks + kCodeTilesBehind;
}
// Puts blocks [begin, end) of `row` of [rows, blocks] into their tiles; behind the last row go
// zeros for those that its tile lacks.
void put_in_tiles(const CodeActivation32* x, std::size_t row, std::size_t rows, Range of_blocks,
                  std::size_t blocks, CodeTile* tiles);

// One weight row against many activation rows: out[i * out_stride] = w . x[i * x_stride], for i <
// rows.
struct FloatDots {
  const float* w;
  const float* x;
  std::size_t x_stride;  // floats
  std::size_t width;
  float* out;
  std::size_t out_stride;  // floats
  std::uint32_t rows;
};
struct CodeDots {
  const CodeBlock32* w;
  const CodeActivation32* x;
  std::size_t x_stride;  // blocks
  std::size_t blocks;
  float* out;
  std::size_t out_stride;
  std::uint32_t rows;
};

// Groups of packed weight rows against activation rows: out[i * out_stride + c] = w[c] . x[i *
// x_stride], for i < rows and c < groups * the table's packed_group. A row of no columns has sums
// of no defined value.
struct PackedDots {
  const std::byte* w;
  std::size_t groups;
  const CodeActivation32* x;
  std::size_t x_stride;  // blocks
  std::size_t blocks;    // of 32 columns
  float* out;
  std::size_t out_stride;
  std::uint32_t rows;
  const CodeTile* x_tiles = nullptr;  // the same rows in tiles, if they are
};

// Products of packed rows on registers that hold tiles, for many rows at once. Bits are
// dot_packed's.
struct TileKernels {
  // Of rows in tiles. `scratch` is scratch_bytes on a cache line. Null where the machine has no
  // such registers.
  void (*dot_packed)(PackedFormat format, const PackedDots& job, std::byte* scratch);
  std::size_t scratch_bytes;
  std::uint32_t rows_least;  // for which they are the faster ones

  bool take(std::size_t rows) const { return dot_packed != nullptr && rows >= rows_least; }
};

// Query heads of one row over keys of the KV head they share. Key position p stands in row p % 64
// of page pages[p / 64].
struct GroupAttention {
  const float* q;  // [heads, head_dim]
  float* state;    // [heads, attention_stride(head_dim)], written
  std::uint32_t heads;
  std::uint32_t head_dim;
  const std::byte* base;  // of the group's pages
  std::size_t page_bytes;
  std::size_t key_offset, value_offset;  // of the head's planes inside a page, in bytes
  std::span<const PageId> pages;
  std::uint32_t begin, end;  // visible positions [begin, end)
};

// What attention over some keys leaves, so that more can be added: the values' sum, each weighed by
// exp(score - most), [head_dim]; then most, the largest score; then the sum of the weights.
constexpr std::size_t attention_stride(std::size_t head_dim) {
  return head_dim + 16;  // a cache line, so that threads share none
}

struct CpuKernels {
  const char* target;  // Highway's name for the instruction set

  void (*dot_floats)(const FloatDots& job);
  void (*dot_codes)(const CodeDots& job);
  std::size_t packed_group;  // weight rows in a group of packed rows
  void (*dot_packed)(PackedFormat format, const PackedDots& job);
  TileKernels tiles;
  // width is a multiple of 32.
  void (*round_to_codes)(const float* x, std::size_t width, CodeActivation32* out);
  void (*widen_f16)(const std::uint16_t* x, std::size_t width, float* out);
  void (*widen_bf16)(const std::uint16_t* x, std::size_t width, float* out);
  void (*narrow_f16)(const float* x, std::size_t width, std::uint16_t* out);

  // out = x / sqrt(mean(x^2) + eps) * gain; gain may be null: 1 everywhere. In place is fine.
  void (*rms_norm)(const float* x, const float* gain, float eps, std::size_t width, float* out);
  void (*geglu)(const float* gate, const float* up, std::size_t width, float* out);
  void (*add)(const float* x, std::size_t width, float* into);
  void (*scale)(float factor, std::size_t width, float* x);
  void (*softcap)(float cap, std::size_t width, float* x);  // x = cap * tanh(x / cap)
  // Rotates pairs (i, i + half) of one head by the angles whose cosines and sines are given, [half]
  // each.
  void (*rotate)(const float* cosines, const float* sines, std::size_t half, float* head);

  void (*attend_f32)(const GroupAttention& job);
  void (*attend_f16)(const GroupAttention& job);
  // Adds to one head's state that of the keys that follow; and out = its weighted mean of values,
  // zeros if no key was visible.
  void (*merge_attention)(const float* later, std::uint32_t head_dim, float* state);
  void (*finish_attention)(const float* state, std::uint32_t head_dim, float* out);

  // dot_packed on whatever is fastest for that many rows; `scratch` is tiles.scratch_bytes.
  void dot_rows(PackedFormat format, const PackedDots& job, std::byte* scratch) const {
    if (job.x_tiles != nullptr && tiles.take(job.rows)) {
      return tiles.dot_packed(format, job, scratch);
    }
    dot_packed(format, job);
  }
};

// The best table for this machine.
CpuKernels best_cpu_kernels();
// One table per instruction set that was compiled and that this machine has, for tests.
std::vector<CpuKernels> all_cpu_kernels();

// What each kernel file adds for the currently chosen target.
void add_dot_kernels(CpuKernels& table);
void add_packed_kernels(CpuKernels& table);
void add_tile_kernels(CpuKernels& table);  // behind the packed ones
void add_row_kernels(CpuKernels& table);
void add_attention_kernels(CpuKernels& table);
// Replaces what Arm's dot product instructions do better; false where there are none.
bool add_packed_dot_kernels(CpuKernels& table);

}  // namespace outrider
