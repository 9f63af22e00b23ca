#include "platform/processor.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace outrider {

bool has_arm_dot_products() {
#if defined(__aarch64__)
  return (::getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return false;
#endif
}

}  // namespace outrider
