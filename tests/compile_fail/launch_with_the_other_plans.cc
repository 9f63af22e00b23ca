// A batch is launched with plans of its own kind.
#include "step/plan.h"

namespace outrider::launch_with_the_other_plans {

#ifdef LAWFUL
auto f(const PlanSet<TargetShape>& plans, const TargetBatch& batch, const KvPool& pool) {
  return Launch<TargetShape>::bind(plans, batch, pool);
}
#else
auto f(const PlanSet<DraftShape>& plans, const TargetBatch& batch, const KvPool& pool) {
  return Launch<TargetShape>::bind(plans, batch, pool);
}
#endif

}  // namespace outrider::launch_with_the_other_plans
