#include "cpu/kernels.h"

#include <hwy/highway.h>

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
