// What a row sees comes from its own room.
#include "step/batch.h"

namespace outrider::room_of_one_view_of_another {

#ifdef LAWFUL
Pending f(TargetBatch& batch, KvAppend room, std::span<const TokenId> t) {
  return batch.add(std::move(room), t, {});
}
#else
Pending f(TargetBatch& batch, KvAppend room_a, const Sequence& b, std::span<const TokenId> t) {
  return batch.add(std::move(room_a), b.view(), t, {});
}
#endif

}  // namespace outrider::room_of_one_view_of_another
