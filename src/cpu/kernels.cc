#include "cpu/kernels.h"

#include <hwy/highway.h>

#include <cstring>

namespace outrider {
namespace {

CpuKernels chosen_table() {
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  CpuKernels table{};
  add_dot_kernels(table);
  add_packed_kernels(table);
  add_tile_kernels(table);
  add_row_kernels(table);
  add_attention_kernels(table);
  return table;
}

}  // namespace

void put_in_tiles(const CodeActivation32* x, std::size_t row, std::size_t rows, Range of_blocks,
                  std::size_t blocks, CodeTile* tiles) {
  const std::size_t tile_rows = rows_of_tile(rows), r = row % tile_rows;
  CodeTile* tile = tiles + row / tile_rows * blocks;
  for (std::size_t b = of_blocks.begin; b < of_blocks.end; ++b) {
    std::memcpy(tile[b].code[r], x[b].code, sizeof x[b].code);
    tile[b].scale[r] = x[b].scale;
    tile[b].sum[r] = x[b].sum;
    if (row + 1 < rows) continue;
    for (std::size_t lacking = r + 1; lacking < tile_rows; ++lacking)
      tile[b].scale[lacking] = tile[b].sum[lacking] = 0;
  }
}

CpuKernels best_cpu_kernels() {
  CpuKernels table = chosen_table();
  add_packed_dot_kernels(table);
  return table;
}

std::vector<CpuKernels> all_cpu_kernels() {
  std::vector<CpuKernels> tables;
  const auto generated = static_cast<std::int64_t>(HWY_TARGETS);
  for (std::int64_t left = hwy::SupportedTargets() & generated; left != 0; left &= left - 1) {
    hwy::SetSupportedTargetsForTest(left & -left);
    tables.push_back(chosen_table());
  }
  hwy::SetSupportedTargetsForTest(0);
  CpuKernels best = chosen_table();
  if (add_packed_dot_kernels(best)) tables.push_back(best);
  return tables;
}

}  // namespace outrider
