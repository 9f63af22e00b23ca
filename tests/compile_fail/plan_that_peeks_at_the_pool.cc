// A plan is made from a model and a shape, and sees no pool.
#include "model/forward.h"

namespace outrider::plan_that_peeks_at_the_pool {

#ifdef LAWFUL
auto f(Backend& backend, const TargetModel& model) {
  return make_plan(backend, model, TargetShape{1, 1});
}
#else
auto f(Backend& backend, const TargetModel& model, const KvPool& pool) {
  return make_plan(backend, model, TargetShape{1, 1}, pool);
}
#endif

}  // namespace outrider::plan_that_peeks_at_the_pool
