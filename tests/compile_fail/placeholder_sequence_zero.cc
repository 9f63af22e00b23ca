// Sequences come from the pool only, so none stands in for another.
#include "kv/pool.h"

namespace outrider::placeholder_sequence_zero {

#ifdef LAWFUL
std::unique_ptr<Sequence> f(KvPool& pool) {
  return pool.open();
}
#else
std::unique_ptr<Sequence> f(KvPool& pool) {
  return std::unique_ptr<Sequence>(new Sequence(SeqId(0), pool));
}
#endif

}  // namespace outrider::placeholder_sequence_zero
