// Shapes: what a plan is made for. Computed from a batch and carried by value; nobody keeps a
// "current" one.
#pragma once
#include <cstdint>

namespace outrider {

// Prefill chunks, decode rows and draft verification, mixed freely.
struct TargetShape {
  std::uint32_t rows = 0;
  std::uint32_t logit_rows = 0;
  friend bool operator==(const TargetShape&, const TargetShape&) = default;
  bool covers(const TargetShape& s) const { return rows >= s.rows && logit_rows >= s.logit_rows; }
};

// One row per drafting sequence by definition, so there is no second number to disagree with.
struct DraftShape {
  std::uint32_t seqs = 0;
  friend bool operator==(const DraftShape&, const DraftShape&) = default;
  bool covers(const DraftShape& s) const { return seqs >= s.seqs; }
};

}  // namespace outrider
