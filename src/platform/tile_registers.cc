#include "platform/tile_registers.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace outrider {

#if defined(__x86_64__)

bool allow_tile_registers() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kHasTiles = 1u << 24, kMultipliesBytes = 1u << 25;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  if ((d & kHasTiles) == 0 || (d & kMultipliesBytes) == 0) return false;
  constexpr long kAskForState = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, kAskForState, kTileData) == 0;
}

#else

bool allow_tile_registers() {
  return false;
}

#endif

}  // namespace outrider
