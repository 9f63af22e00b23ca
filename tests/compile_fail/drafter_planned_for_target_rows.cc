// A drafter is planned for sequences, not for the target's rows.
#include "model/forward.h"

namespace outrider::drafter_planned_for_target_rows {

#ifdef LAWFUL
auto f(Backend& backend, const DrafterModel& d, const TargetModel& t) {
  return make_plan(backend, d, t, DraftShape{2});
}
#else
auto f(Backend& backend, const DrafterModel& d, const TargetModel& t) {
  return make_plan(backend, d, t, TargetShape{2, 2});
}
#endif

}  // namespace outrider::drafter_planned_for_target_rows
