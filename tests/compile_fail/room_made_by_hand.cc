// Room to write comes from the pool, which has counted the pages.
#include "kv/pool.h"

namespace outrider::room_made_by_hand {

#ifdef LAWFUL
Result<KvAppend> f(KvPool& pool, Sequence& s) {
  return pool.append(s, 4);
}
#else
KvAppend f(Sequence& s) {
  return KvAppend(s, 4);
}
#endif

}  // namespace outrider::room_made_by_hand
