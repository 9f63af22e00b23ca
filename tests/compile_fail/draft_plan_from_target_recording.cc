// What was recorded as the target does not become a draft's plan.
#include "step/backend.h"

namespace outrider::draft_plan_from_target_recording {

#ifdef LAWFUL
Plan<DraftShape> f(Backend& backend) {
  return backend.finish(backend.record(DraftShape{1}));
}
#else
Plan<DraftShape> f(Backend& backend) {
  return backend.finish(backend.record(TargetShape{1, 1}));
}
#endif

}  // namespace outrider::draft_plan_from_target_recording
