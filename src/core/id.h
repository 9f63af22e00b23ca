// Strong integers: a slot cannot be passed where a page is wanted.
#pragma once
#include <compare>
#include <cstdint>

namespace outrider {

template <class Tag, class Rep = std::uint32_t>
class Id {
 public:
  constexpr explicit Id(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  Rep value_;
};

using SeqId = Id<struct SeqIdTag>;      // names a sequence; indexes nothing
using PageId = Id<struct PageIdTag>;    // a physical KV page of one layer group
using Pos = Id<struct PosTag>;          // a row's place in its own sequence, from 0
using TokenId = Id<struct TokenIdTag>;  // an entry of the vocabulary

}  // namespace outrider
