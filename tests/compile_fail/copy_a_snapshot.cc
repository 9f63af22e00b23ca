// A snapshot holds its pages once, so it is let go once.
#include "kv/pool.h"

namespace outrider::copy_a_snapshot {

#ifdef LAWFUL
KvSnapshot f(KvSnapshot a) {
  return a;
}
#else
KvSnapshot f(const KvSnapshot& a) {
  return a;
}
#endif

}  // namespace outrider::copy_a_snapshot
