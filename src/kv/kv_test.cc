#include <gtest/gtest.h>

#include <random>
#include <set>

#include "kv/layout.h"
#include "kv/pool.h"

namespace outrider {
namespace {

constexpr KvLimits kLimits{
    .global_pages = 16, .sliding_pages = 8, .window = 100, .sequence_rows = 1000};

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

TEST(Pool, uncommitted_rows_never_happened) {
  KvPool pool(kLimits);
  const auto owner = pool.open();
  Sequence& s = *owner;
  { auto room = pool.append(s, 10); }
  EXPECT_EQ(s.length(), 0u);
  auto room = pool.append(s, 10);
  EXPECT_EQ(room->visible(9).length(), 10u);
  std::move(*room).commit(4);
  EXPECT_EQ(s.length(), 4u);
  EXPECT_EQ(s.view().length(), 4u);
}

TEST(Pool, full_pool_says_so_and_takes_nothing) {
  KvPool pool({.global_pages = 3, .sliding_pages = 3, .window = 100, .sequence_rows = 1000});
  const auto owner = pool.open();
  Sequence& s = *owner;
  const auto room = pool.append(s, 129);
  ASSERT_FALSE(room);
  EXPECT_EQ(room.error().code, ErrorCode::kExhausted);
  EXPECT_EQ(pool.free_pages(KvGroup::kGlobal), 2u);
  EXPECT_TRUE(pool.append(s, 128));
  const auto beyond = pool.append(s, 1001);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, ErrorCode::kBadRequest);
}

TEST(Pool, sliding_pages_are_freed_exactly_when_no_row_can_see_them) {
  KvPool pool(kLimits);
  const auto owner = pool.open();
  Sequence& s = *owner;
  for (std::uint32_t length = 1; length <= 600; ++length) {
    auto room = pool.append(s, 1);
    ASSERT_TRUE(room) << length;
    std::move(*room).commit(1);
    const auto pages = s.view().pages(KvGroup::kSliding);
    const std::uint32_t oldest_visible = length >= kLimits.window ? length - kLimits.window + 1 : 0;
    for (std::uint32_t page = 0; page < pages.size(); ++page) {
      const bool needed = page * kPageRows + kPageRows - 1 >= oldest_visible;
      ASSERT_EQ(pages[page] != KvPool::padding_page(), needed)
          << "length " << length << " page " << page;
    }
  }
}

TEST(Pool, pages_are_owned_once_and_all_come_back) {
  KvPool pool(kLimits);
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::unique_ptr<Sequence>> sequences;
    for (int i = 0; i < 3; ++i) sequences.push_back(pool.open());
    for (int i = 0; i < 30; ++i) {
      Sequence& s = *sequences[random() % 3];
      auto room = pool.append(s, 1 + static_cast<std::uint32_t>(random() % 90));
      if (room) {
        const std::uint32_t rows = room->rows();
        std::move(*room).commit(static_cast<std::uint32_t>(random() % (rows + 1)));
      }
      for (const KvGroup group : {KvGroup::kGlobal, KvGroup::kSliding}) {
        std::set<PageId> seen;
        std::size_t owned = 0;
        for (const auto& each : sequences) {
          for (const PageId page : each->view().pages(group)) {
            if (page == KvPool::padding_page()) continue;
            ASSERT_TRUE(seen.insert(page).second) << "a page owned twice";
            ++owned;
          }
        }
        const std::uint32_t all =
            group == KvGroup::kGlobal ? kLimits.global_pages : kLimits.sliding_pages;
        ASSERT_EQ(owned + pool.free_pages(group) + 1, all);
      }
    }
  }
  EXPECT_EQ(pool.free_pages(KvGroup::kGlobal), kLimits.global_pages - 1);
  EXPECT_EQ(pool.free_pages(KvGroup::kSliding), kLimits.sliding_pages - 1);
}

}  // namespace
}  // namespace outrider
