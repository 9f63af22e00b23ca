// Only a draft starts from a hidden row.
#include "step/recorder.h"

namespace outrider::target_reads_a_drafters_input {

#ifdef LAWFUL
void f(DraftRecorder& r, Rows out) {
  r.hidden_input(out);
}
#else
void f(TargetRecorder& r, Rows out) {
  r.hidden_input(out);
}
#endif

}  // namespace outrider::target_reads_a_drafters_input
