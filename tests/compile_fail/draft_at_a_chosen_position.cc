// A draft's position is its sequence's own and is not a parameter.
#include "step/batch.h"

namespace outrider::draft_at_a_chosen_position {

#ifdef LAWFUL
Pos f(const DraftBatch& batch) {
  return batch.rows()[0].pos;
}
#else
void f(DraftBatch& batch, const Judgement& judged, Pos pos) {
  batch.add(judged, pos);
}
#endif

}  // namespace outrider::draft_at_a_chosen_position
