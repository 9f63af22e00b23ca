// A backend runs launches: padded batches of a reserved plan.
#include "step/backend.h"

namespace outrider::batch_run_without_its_plan {

#ifdef LAWFUL
Result<DraftOutput> f(Backend& backend, const Launch<DraftShape>& launch) {
  return backend.run(launch);
}
#else
Result<DraftOutput> f(Backend& backend, const DraftBatch& batch) {
  return backend.run(batch);
}
#endif

}  // namespace outrider::batch_run_without_its_plan
