// The target's pass needs a recorder that can write KV.
#include "model/forward.h"

namespace outrider::drafter_recorded_as_target {

#ifdef LAWFUL
void f(TargetRecorder& r, const TargetModel& model) {
  record_target(r, model);
}
#else
void f(DraftRecorder& r, const TargetModel& model) {
  record_target(r, model);
}
#endif

}  // namespace outrider::drafter_recorded_as_target
