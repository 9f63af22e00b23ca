// The drafter's pass is never told to a recorder that can write KV.
#include "model/forward.h"

namespace outrider::drafter_given_a_writing_recorder {

#ifdef LAWFUL
void f(DraftRecorder& r, const DrafterModel& d, const TargetModel& t) {
  record_drafter(r, d, t);
}
#else
void f(TargetRecorder& r, const DrafterModel& d, const TargetModel& t) {
  record_drafter(r, d, t);
}
#endif

}  // namespace outrider::drafter_given_a_writing_recorder
