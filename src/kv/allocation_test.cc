// Counts what this whole program allocates.
#include <gtest/gtest.h>

#include "core/allocation_test_count.h"
#include "kv/pool.h"
#include "kv/prefix_cache.h"

namespace outrider {
namespace {

constexpr KvLimits kLimits{
    .global_pages = 65, .sliding_pages = 65, .window = 100, .sequence_rows = 1000};

// Room for rows of which some stand, or which is dropped.
void append(KvPool& pool, Sequence& s, std::uint32_t rows, std::optional<std::uint32_t> accepted) {
  auto room = pool.append(s, rows);
  require(room.has_value(), "the test's pool has room");
  if (accepted) std::move(*room).commit(*accepted);
}

TEST(Allocation, is_over_once_a_sequence_is_open) {
  KvPool pool(kLimits);
  const auto first = pool.open(), second = pool.open(), third = pool.open();
  append(pool, *first, 700, 700);
  const KvSnapshot kept = pool.snapshot(*first);

  const std::size_t before = allocations;
  pool.restore(*second, kept, 700);
  pool.restore(*third, kept, 699);
  std::size_t copies = 0;
  for (std::uint32_t round = 0; round < 30; ++round) {
    for (Sequence* s : {first.get(), second.get(), third.get()}) {
      append(pool, *s, 9, std::nullopt);
      {
        const auto room = pool.append(*s, 70);
        copies += room->copies().size();
      }
      append(pool, *s, 9, 0);
      append(pool, *s, 12, 1 + round % 12);
    }
  }
  EXPECT_EQ(allocations, before);
  EXPECT_GT(copies, 0u);
  EXPECT_EQ(first->length(), 700u + 2 * 78 + 21) << "all of this happened";
}

TEST(Allocation, finding_a_prefix_and_making_room_need_none) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, {.global = 64, .sliding = 64});
  const std::vector<TokenId> text(600, TokenId(5));
  {
    const auto s = pool.open();
    for (std::uint32_t length = 100; length <= 600; length += 100) {
      append(pool, *s, 100, 100);
      ASSERT_TRUE(cache.keep({}, std::span(text).first(length), pool.snapshot(*s)));
    }
  }
  ASSERT_TRUE(cache.match({}, text));
  const std::size_t before = allocations;
  for (std::size_t length = 2; length <= text.size(); ++length) {
    static_cast<void>(cache.match({}, std::span(text).first(length)));
  }
  ASSERT_TRUE(cache.make_room(60, 60));
  EXPECT_EQ(allocations, before);
}

TEST(Allocation, is_counted) {
  const std::size_t before = allocations;
  KvPool pool(kLimits);
  const auto s = pool.open();
  EXPECT_GT(allocations, before);
}

}  // namespace
}  // namespace outrider
