// A verdict is given once.
#include "step/batch.h"

namespace outrider::judged_twice {

#ifdef LAWFUL
Judgement f(Pending p, const Picks& picks) {
  return std::move(p).judge(picks);
}
#else
Judgement f(const Pending& p, const Picks& picks) {
  return Pending(p).judge(picks);
}
#endif

}  // namespace outrider::judged_twice
