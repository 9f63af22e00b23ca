// A device that failed is heard.
#include "step/backend.h"

namespace outrider::device_error_ignored {

#ifdef LAWFUL
bool f(Backend& backend, const PlanSet<DraftShape>& plans) {
  return backend.reserve(plans).has_value();
}
#else
void f(Backend& backend, const PlanSet<DraftShape>& plans) {
  backend.reserve(plans);
}
#endif

}  // namespace outrider::device_error_ignored
