// A target batch cannot be launched as a draft.
#include "step/plan.h"

namespace outrider::draft_launch_from_target_batch {

#ifdef LAWFUL
auto f(const PlanSet<DraftShape>& plans, const DraftBatch& batch, const KvPool& pool) {
  return Launch<DraftShape>::bind(plans, batch, pool);
}
#else
auto f(const PlanSet<DraftShape>& plans, const TargetBatch& batch, const KvPool& pool) {
  return Launch<DraftShape>::bind(plans, batch, pool);
}
#endif

}  // namespace outrider::draft_launch_from_target_batch
