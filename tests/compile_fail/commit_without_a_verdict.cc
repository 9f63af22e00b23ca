// Room that rides in pending rows is closed by a judgement and nothing else.
#include "step/batch.h"

namespace outrider::commit_without_a_verdict {

#ifdef LAWFUL
std::uint32_t f(Pending p, const Picks& picks) {
  return std::move(p).judge(picks).accepted;
}
#else
void f(Pending p) {
  std::move(p.room_).commit(1);
}
#endif

}  // namespace outrider::commit_without_a_verdict
