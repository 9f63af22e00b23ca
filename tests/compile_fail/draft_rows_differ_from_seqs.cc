// A draft has one row per sequence, so there is no second number.
#include "step/plan.h"

namespace outrider::draft_rows_differ_from_seqs {

#ifdef LAWFUL
DraftShape f() {
  return DraftShape{.seqs = 2};
}
#else
DraftShape f() {
  return DraftShape{.seqs = 2, .rows = 1};
}
#endif

}  // namespace outrider::draft_rows_differ_from_seqs
