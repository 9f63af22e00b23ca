// A batch belongs to one turn of the engine.
#include "step/batch.h"

namespace outrider::batch_without_a_step {

#ifdef LAWFUL
TargetBatch f(StepId step) {
  return TargetBatch(step);
}
#else
TargetBatch f() {
  return TargetBatch();
}
#endif

}  // namespace outrider::batch_without_a_step
