// Scratch is freed by the end of a scope, so it is freed in order.
#include "step/recorder.h"

namespace outrider::scratch_released_by_hand {

#ifdef LAWFUL
void f(Recorder& r) {
  const ScratchScope scope(r);
}
#else
void f(Recorder& r) {
  r.scratch_release(0);
}
#endif

}  // namespace outrider::scratch_released_by_hand
