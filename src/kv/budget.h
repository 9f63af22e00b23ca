// How many pages a budget of bytes gives, and to whom.
#pragma once
#include <cstdint>
#include <string>

#include "core/result.h"
#include "kv/layout.h"
#include "kv/pool.h"

namespace outrider {

// What the pool will be asked for.
struct KvNeeds {
  std::uint32_t sequences;      // that run at once
  std::uint32_t sequence_rows;  // positions one of them may reach
  std::uint32_t append_rows;    // the most rows of one sequence in one launch
  std::uint32_t window;         // as in KvLimits
};

struct KvBudget {
  KvLimits limits;
  // For the prefix cache. Any global page may hold a prefix until a sequence needs it; sliding
  // pages for checkpoints come on top of those that running sequences were given.
  KvPages checkpoints;
};

// Pages that one sequence holds at most, while it appends.
KvPages pages_of_sequence(const KvNeeds& needs);

// Bytes with which every sequence reaches its full length, with two checkpoints for each.
std::uint64_t kv_bytes_for_all(const KvNeeds& needs, const KvLayout& layout);

// One sequence at its full length comes first, and is an error (kBadRequest) if it does not fit.
// Then the others' windows, as long as that leaves half for longer texts; then checkpoints: two per
// sequence if that takes no more than a quarter, or else is not missed by the texts. What is left
// beyond all needs is shared three to one between texts and checkpoints. Bytes that nobody could
// use are not taken.
Result<KvBudget> plan_kv(std::uint64_t bytes, const KvNeeds& needs, const KvLayout& layout);

// "12.0 MiB", "3.50 GiB".
std::string in_words(std::uint64_t bytes);

// One line for the start: bytes and pages per group.
std::string describe(const KvBudget& budget, const KvLayout& layout);

}  // namespace outrider
