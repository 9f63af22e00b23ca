// A verdict consumes what it judges.
#include "step/batch.h"

namespace outrider::judge_a_kept_pending {

#ifdef LAWFUL
Judgement f(Pending p, const Picks& picks) {
  return std::move(p).judge(picks);
}
#else
Judgement f(Pending& p, const Picks& picks) {
  return p.judge(picks);
}
#endif

}  // namespace outrider::judge_a_kept_pending
