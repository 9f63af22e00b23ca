// A hidden row to draft from comes from a judgement, never from counting rows.
#include "step/batch.h"

namespace outrider::hidden_row_by_number {

#ifdef LAWFUL
HiddenRow f(const Judgement& judged) {
  return judged.hidden;
}
#else
HiddenRow f(const TargetBatch& batch) {
  return HiddenRow(batch.step(), batch.shape().logit_rows - 1);
}
#endif

}  // namespace outrider::hidden_row_by_number
