#include "cpu/phase.h"

#include <algorithm>

namespace outrider {
namespace {

bool same_place(const Rows& a, const Rows& b) {
  return a.set == b.set && a.offset == b.offset && a.stride == b.stride && a.width == b.width;
}

}  // namespace

bool Phase::conflict(const Access& earlier, const Access& later) const {
  if (earlier.kind == Access::Kind::kRead && later.kind == Access::Kind::kRead) return false;
  const bool apart =
      end_of(earlier.rows) <= later.rows.offset || end_of(later.rows) <= earlier.rows.offset;
  if (apart) return false;
  const bool own_work = same_place(earlier.rows, later.rows) && earlier.split == later.split &&
                        earlier.split != Split::anyhow();
  return !own_work;
}

bool Phase::add(std::initializer_list<Access> accesses) {
  const bool meet =
      unknown_ || std::any_of(accesses.begin(), accesses.end(), [&](const Access& later) {
        return std::any_of(accesses_.begin(), accesses_.end(),
                           [&](const Access& earlier) { return conflict(earlier, later); });
      });
  if (meet) accesses_.clear();
  unknown_ = false;
  accesses_.insert(accesses_.end(), accesses.begin(), accesses.end());
  return meet;
}

bool Phase::add_unknown() {
  const bool meet = unknown_ || !accesses_.empty();
  accesses_.clear();
  unknown_ = true;
  return meet;
}

Split Phase::written(const Rows& rows) const {
  Split split = Split::anyhow();
  for (const Access& access : accesses_) {
    if (access.kind == Access::Kind::kWrite && same_place(access.rows, rows)) split = access.split;
  }
  return split;
}

}  // namespace outrider
