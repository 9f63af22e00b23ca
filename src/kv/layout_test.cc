#include "kv/layout.h"

#include <gtest/gtest.h>

#include <set>

namespace outrider {
namespace {

TEST(Layout, planes_tile_a_page_without_gap_or_overlap) {
  const KvLayerShape shapes[] = {
      {KvGroup::kSliding, 2, 32}, {KvGroup::kGlobal, 1, 64}, {KvGroup::kSliding, 2, 32}};
  const KvLayout layout(shapes, KvFormat::kF16);
  EXPECT_EQ(layout.page_bytes(KvGroup::kSliding), 2u * 2 * 2 * 64 * 32 * 2);
  EXPECT_EQ(layout.page_bytes(KvGroup::kGlobal), 2u * 64 * 64 * 2);
  std::set<std::size_t> starts;
  for (const std::uint32_t layer : {0u, 2u}) {
    for (const std::uint32_t head : {0u, 1u}) {
      for (const KvSide side : {KvSide::kKey, KvSide::kValue}) {
        starts.insert(layout.plane_offset(KvLayerId(layer), head, side));
      }
    }
  }
  ASSERT_EQ(starts.size(), 8u);
  std::size_t want = 0;
  for (const std::size_t start : starts) {
    EXPECT_EQ(start, want);
    want += 64 * 32 * 2;
  }
}

}  // namespace
}  // namespace outrider
