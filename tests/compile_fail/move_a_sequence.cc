// A sequence stays put: views and room point into it.
#include "kv/pool.h"

namespace outrider::move_a_sequence {

#ifdef LAWFUL
std::unique_ptr<Sequence> f(std::unique_ptr<Sequence> a) {
  return a;
}
#else
void f(Sequence& a) {
  Sequence b = std::move(a);
}
#endif

}  // namespace outrider::move_a_sequence
