// A commit consumes its room, and the call says so.
#include "kv/pool.h"

namespace outrider::commit_of_a_named_room {

#ifdef LAWFUL
void f(KvAppend room) {
  std::move(room).commit(1);
}
#else
void f(KvAppend room) {
  room.commit(1);
}
#endif

}  // namespace outrider::commit_of_a_named_room
