// Sequences share pages only by count, through a snapshot.
#include "kv/pool.h"

namespace outrider::copy_a_sequence {

#ifdef LAWFUL
const Sequence& f(const Sequence& a) {
  return a;
}
#else
void f(const Sequence& a) {
  Sequence b = a;
}
#endif

}  // namespace outrider::copy_a_sequence
