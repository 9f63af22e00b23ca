// Who may only read a sequence cannot make room in it.
#include "kv/pool.h"

namespace outrider::write_through_a_reader {

#ifdef LAWFUL
Result<KvAppend> f(KvPool& pool, Sequence& s) {
  return pool.append(s, 1);
}
#else
Result<KvAppend> f(KvPool& pool, const Sequence& s) {
  return pool.append(s, 1);
}
#endif

}  // namespace outrider::write_through_a_reader
