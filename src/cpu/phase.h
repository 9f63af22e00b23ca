// Where threads have to meet: operations that follow each other without meeting form a phase.
#pragma once
#include <cstddef>
#include <initializer_list>
#include <vector>

#include "cpu/program.h"
#include "step/recorder.h"

namespace outrider {

// What an operation reads or writes, and which thread touches which part of it.
struct Access {
  enum class Kind { kRead, kWrite };
  Kind kind;
  Rows rows;
  Split split;

  static Access read(const Rows& rows, Split split) { return {Kind::kRead, rows, split}; }
  static Access write(const Rows& rows, Split split) { return {Kind::kWrite, rows, split}; }
};

class Phase {
 public:
  // How many rows the largest launch has of each set.
  Phase(std::size_t all_rows, std::size_t logit_rows)
      : all_rows_(all_rows), logit_rows_(logit_rows) {}

  // Adds an operation. True if threads have to meet before it, and a new phase begins with it:
  // where it touches what an earlier operation of the phase wrote, or writes what one read, unless
  // both share the same rows out in the same way, so that a thread only meets its own work.
  bool add(std::initializer_list<Access> accesses);
  // An operation of which nothing is known: threads meet before it and after it.
  bool add_unknown();

  // How the phase wrote exactly these rows; anyhow if it did not.
  Split written(const Rows& rows) const;
  std::size_t end_of(const Rows& rows) const {
    return rows.offset + (rows.set == RowSet::kAll ? all_rows_ : logit_rows_) * rows.stride;
  }

 private:
  bool conflict(const Access& earlier, const Access& later) const;

  std::size_t all_rows_, logit_rows_;
  std::vector<Access> accesses_;
  bool unknown_ = false;
};

}  // namespace outrider
