// What a snapshot holds was counted by the pool that took it.
#include "kv/pool.h"

namespace outrider::snapshot_made_by_hand {

#ifdef LAWFUL
KvSnapshot f(KvPool& pool, const Sequence& s) {
  return pool.snapshot(s);
}
#else
KvSnapshot f(KvPool& pool) {
  return KvSnapshot(pool);
}
#endif

}  // namespace outrider::snapshot_made_by_hand
