// A launch is bound from a set of plans, so it runs what was reserved.
#include "step/plan.h"

namespace outrider::hand_made_launch {

#ifdef LAWFUL
auto f(const PlanSet<DraftShape>& plans, const DraftBatch& batch, const KvPool& pool) {
  return Launch<DraftShape>::bind(plans, batch, pool);
}
#else
auto f(const PlanSet<DraftShape>& plans, const DraftBatch& batch, const KvPool& pool) {
  return Launch<DraftShape>(plans, batch, pool);
}
#endif

}  // namespace outrider::hand_made_launch
