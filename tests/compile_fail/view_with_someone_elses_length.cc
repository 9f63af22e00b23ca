// Page tables and visible length travel together.
#include "kv/pool.h"

namespace outrider::view_with_someone_elses_length {

#ifdef LAWFUL
KvView f(const Sequence& a) {
  return a.view();
}
#else
KvView f(const Sequence& a) {
  return KvView({a.view().pages(KvGroup::kGlobal)}, 99);
}
#endif

}  // namespace outrider::view_with_someone_elses_length
