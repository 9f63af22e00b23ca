// The best of many logits, in one pass over them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/id.h"

namespace outrider {

// What a logit counts as: no order puts what is not a number in its place, so it is never picked;
// plus infinity outweighs everything else and is shared by all that have it.
inline float ordered(float logit) {
  return std::isnan(logit) ? -std::numeric_limits<float>::infinity()
                           : std::min(logit, std::numeric_limits<float>::max());
}

// An entry is a token and a number, the greater the better; ties go to the lowest id.
inline constexpr auto kBetter = [](const auto& a, const auto& b) {
  const auto& [a_token, a_value] = a;
  const auto& [b_token, b_value] = b;
  return a_value > b_value || (a_value == b_value && a_token < b_token);
};

inline constexpr std::size_t kLogitBlock = 64;

inline bool any_above(std::span<const float> block, float least) {
  unsigned above = 0;
  if (block.size() == kLogitBlock) {  // a length that the compiler knows
    for (std::size_t i = 0; i < kLogitBlock; ++i) above |= block[i] > least ? 1u : 0u;
  } else {
    for (const float logit : block) above |= logit > least ? 1u : 0u;
  }
  return above != 0;
}

// Entries that keep_best has at hand at once.
inline std::size_t room_to_keep_best(std::size_t logits, std::size_t count) {
  return std::min(logits, 2 * count + kLogitBlock);
}

// Leaves in `kept` the `count` best tokens with their logits, in no order, never one of minus
// infinity. Once there are enough, a block of logits is looked at closely only where one of them is
// better than the worst that is kept. Allocates nothing where `kept` has room_to_keep_best.
template <class Entry>
void keep_best(std::span<const float> logits, std::size_t count, std::vector<Entry>& kept) {
  kept.clear();
  if (count == 0) return;
  const auto shrink = [&] {
    const auto end = kept.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(kept.begin(), end - 1, kept.end(), kBetter);
    kept.erase(end, kept.end());
  };
  const std::size_t room = room_to_keep_best(logits.size(), count);
  kept.reserve(room);
  float least = -std::numeric_limits<float>::infinity();  // no logit up to here is among the best
  for (std::size_t begin = 0; begin < logits.size(); begin += kLogitBlock) {
    const auto block = logits.subspan(begin, std::min(kLogitBlock, logits.size() - begin));
    if (!any_above(block, least)) continue;
    for (std::size_t i = 0; i < block.size(); ++i) {
      const float logit = ordered(block[i]);
      if (!(logit > least)) continue;
      kept.push_back({TokenId(static_cast<std::uint32_t>(begin + i)), logit});
      if (kept.size() < room || room <= count) continue;
      shrink();
      const auto& [token, worst] = kept.back();
      least = worst;
    }
  }
  if (kept.size() > count) shrink();
}

}  // namespace outrider
