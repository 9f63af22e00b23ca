// A draft's plan is not found by the target's row count.
#include "step/plan.h"

namespace outrider::draft_plan_from_target_shape {

#ifdef LAWFUL
const Plan<DraftShape>& f(const PlanSet<DraftShape>& plans, const DraftBatch& batch) {
  return plans.covering(batch.shape());
}
#else
const Plan<DraftShape>& f(const PlanSet<DraftShape>& plans, const TargetBatch& batch) {
  return plans.covering(batch.shape());
}
#endif

}  // namespace outrider::draft_plan_from_target_shape
