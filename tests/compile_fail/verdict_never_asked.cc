// Rows brought to a batch are judged, or dropped on purpose.
#include "step/batch.h"

namespace outrider::verdict_never_asked {

#ifdef LAWFUL
void f(TargetBatch& batch, KvAppend room, std::span<const TokenId> t) {
  const Pending dropped = batch.add(std::move(room), t, {});
}
#else
void f(TargetBatch& batch, KvAppend room, std::span<const TokenId> t) {
  batch.add(std::move(room), t, {});
}
#endif

}  // namespace outrider::verdict_never_asked
