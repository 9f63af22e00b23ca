// Only a batch says which logit rows belong to whom.
#include "step/batch.h"

namespace outrider::pending_made_by_hand {

#ifdef LAWFUL
Pending f(TargetBatch& batch, KvAppend room, std::span<const RowSource> given) {
  return batch.add(std::move(room), given, {});
}
#else
Pending f(TargetBatch& batch, KvAppend room) {
  return Pending(std::move(room), batch, 0);
}
#endif

}  // namespace outrider::pending_made_by_hand
