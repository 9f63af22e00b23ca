// The packed kernels once more, with the dot product instructions of Armv8.2, for which Highway
// 1.0.3 has no target. Nothing where no function can be compiled for them on its own.
#if defined(__aarch64__) && defined(__GNUC__) && !defined(__clang__)
#define OUTRIDER_ARM_DOT_PRODUCTS "arch=armv8.2-a+dotprod+crypto"
#include "cpu/kernels_packed.cc"
#endif

#include "cpu/kernels.h"
#include "platform/processor.h"

namespace outrider {

bool add_packed_dot_kernels([[maybe_unused]] CpuKernels& table) {
#ifdef OUTRIDER_ARM_DOT_PRODUCTS
  if (!has_arm_dot_products()) return false;
  table.target = "NEON with dot products";
  table.dot_packed = &HWY_NAMESPACE::dot_packed;
  table.packed_group = HWY_NAMESPACE::packed_group();
  return true;
#else
  return false;
#endif
}

}  // namespace outrider
