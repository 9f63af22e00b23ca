// A judgement knows its sequence, so no other can be named beside it.
#include "step/batch.h"

namespace outrider::judgement_of_another_sequence {

#ifdef LAWFUL
SeqId f(const Judgement& judged) {
  return judged.sequence.id();
}
#else
void f(DraftBatch& batch, const Sequence& a, const Judgement& of_b) {
  batch.add(a, of_b);
}
#endif

}  // namespace outrider::judgement_of_another_sequence
