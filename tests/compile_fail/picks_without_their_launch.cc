// Picks name the launch they were made from.
#include "step/batch.h"

namespace outrider::picks_without_their_launch {

#ifdef LAWFUL
Judgement f(Pending p, StepId step, std::vector<TokenId> chosen) {
  return std::move(p).judge(Picks(step, std::move(chosen)));
}
#else
Judgement f(Pending p, std::vector<TokenId> chosen) {
  return std::move(p).judge(chosen);
}
#endif

}  // namespace outrider::picks_without_their_launch
