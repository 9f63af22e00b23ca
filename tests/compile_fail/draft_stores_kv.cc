// The drafter reads the target's keys and has no way to write any.
#include "step/recorder.h"

namespace outrider::draft_stores_kv {

#ifdef LAWFUL
void f(TargetRecorder& r, Rows k, Rows v) {
  r.store_kv(k, v, KvLayerId(0));
}
#else
void f(DraftRecorder& r, Rows k, Rows v) {
  r.store_kv(k, v, KvLayerId(0));
}
#endif

}  // namespace outrider::draft_stores_kv
