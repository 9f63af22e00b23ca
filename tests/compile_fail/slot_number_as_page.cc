// A sequence's number is not a page's number.
#include "kv/pool.h"

namespace outrider::slot_number_as_page {

#ifdef LAWFUL
PageId f(std::span<const PageId> table, Pos pos) {
  return table[pos.value() / kPageRows];
}
#else
PageId f(SeqId s) {
  return s;
}
#endif

}  // namespace outrider::slot_number_as_page
