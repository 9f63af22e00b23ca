// A full pool is an answer, and it has to be looked at.
#include "kv/pool.h"

namespace outrider::append_result_ignored {

#ifdef LAWFUL
bool f(KvPool& pool, Sequence& s) {
  return pool.append(s, 1).has_value();
}
#else
void f(KvPool& pool, Sequence& s) {
  pool.append(s, 1);
}
#endif

}  // namespace outrider::append_result_ignored
