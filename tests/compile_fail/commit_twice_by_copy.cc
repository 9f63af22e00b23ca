// Room is committed once, so it cannot be copied.
#include "kv/pool.h"

namespace outrider::commit_twice_by_copy {

#ifdef LAWFUL
void f(KvAppend& room) {
  KvAppend moved = std::move(room);
  std::move(moved).commit(1);
}
#else
void f(const KvAppend& room) {
  KvAppend again = room;
  std::move(again).commit(1);
}
#endif

}  // namespace outrider::commit_twice_by_copy
