#include "kv/pool.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "kv/kv_test_store.h"

namespace outrider {
namespace {

constexpr KvLimits kLimits{
    .global_pages = 32, .sliding_pages = 32, .window = 100, .sequence_rows = 1000};
constexpr KvGroup kBoth[] = {KvGroup::kGlobal, KvGroup::kSliding};

std::vector<std::uint32_t> count_up(std::uint32_t from, std::uint32_t count) {
  std::vector<std::uint32_t> tokens(count);
  std::iota(tokens.begin(), tokens.end(), from);
  return tokens;
}

// A pool, its bytes, and sequences that are given counted-up tokens.
struct Fixture {
  explicit Fixture(const KvLimits& limits = kLimits) : pool(limits), bytes(limits) {}

  void grow(Sequence& s, std::span<const std::uint32_t> tokens) {
    auto room = pool.append(s, static_cast<std::uint32_t>(tokens.size()));
    ASSERT_TRUE(room) << room.error().message;
    bytes.copy(*room);
    bytes.write(*room, tokens);
    std::move(*room).commit(static_cast<std::uint32_t>(tokens.size()));
    bytes.poison_free_pages(pool);
  }

  KvPool pool;
  FakeKvBytes bytes;
};

std::vector<PageId> table(const Sequence& s, KvGroup group) {
  const auto pages = s.view().pages(group);
  return {pages.begin(), pages.end()};
}

TEST(Pool, uncommitted_rows_never_happened) {
  KvPool pool(kLimits);
  const auto owner = pool.open();
  Sequence& s = *owner;
  { auto room = pool.append(s, 10); }
  EXPECT_EQ(s.length(), 0u);
  EXPECT_EQ(pool.free_pages(KvGroup::kGlobal), 31u);
  auto room = pool.append(s, 10);
  EXPECT_EQ(room->visible(9).length(), 10u);
  std::move(*room).commit(4);
  EXPECT_EQ(s.length(), 4u);
  EXPECT_EQ(s.view().length(), 4u);
}

TEST(Pool, a_sequence_holds_the_pages_of_its_committed_rows_only) {
  KvPool pool(kLimits);
  const auto s = pool.open();
  for (const std::uint32_t accepted : {0u, 64u, 0u, 1u, 63u, 5u}) {
    auto room = pool.append(*s, 200);
    ASSERT_TRUE(room);
    std::move(*room).commit(accepted);
    for (const KvGroup group : kBoth) {
      EXPECT_EQ(s->view().pages(group).size(), divide_up(s->length(), kPageRows));
    }
  }
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

TEST(Pool, a_page_short_in_the_second_group_takes_nothing_from_the_first) {
  KvPool pool({.global_pages = 9, .sliding_pages = 3, .window = 100, .sequence_rows = 1000});
  const auto s = pool.open();
  const auto room = pool.append(*s, 129);
  ASSERT_FALSE(room);
  EXPECT_EQ(room.error().message,
            "the KV pool is full: 3 more sliding pages are needed, 2 are free");
  EXPECT_EQ(pool.free_pages(KvGroup::kGlobal), 8u);
}

TEST(Pool, a_sequence_has_one_append_open_at_a_time) {
  KvPool pool(kLimits);
  const auto s = pool.open();
  const auto room = pool.append(*s, 1);
  EXPECT_DEATH(static_cast<void>(pool.append(*s, 1)), "one append open at a time");
  EXPECT_DEATH(static_cast<void>(pool.snapshot(*s)), "an open append");
}

TEST(Pool, sliding_pages_are_let_go_exactly_one_position_behind_the_window) {
  KvPool pool(kLimits);
  const auto owner = pool.open();
  Sequence& s = *owner;
  for (std::uint32_t length = 1; length <= 600; ++length) {
    auto room = pool.append(s, 1);
    ASSERT_TRUE(room) << length;
    std::move(*room).commit(1);
    const auto pages = s.view().pages(KvGroup::kSliding);
    const std::uint32_t oldest_kept = length > kLimits.window ? length - kLimits.window : 0;
    for (std::uint32_t page = 0; page < pages.size(); ++page) {
      const bool needed = page * kPageRows + kPageRows - 1 >= oldest_kept;
      ASSERT_EQ(pages[page] != KvPool::padding_page(), needed)
          << "length " << length << " page " << page;
    }
  }
}

TEST(Pool, rows_dropped_across_the_windows_edge_take_no_key_away) {
  // Accepting any part of a long append, from lengths around a page border that the window crosses.
  for (std::uint32_t length = 155; length <= 170; ++length) {
    for (const std::uint32_t accepted : {0u, 1u, 63u, 64u, 65u, 200u}) {
      Fixture f;
      const auto s = f.pool.open();
      auto history = count_up(1, length);
      f.grow(*s, history);
      const auto fresh = count_up(10000, 200);
      auto room = f.pool.append(*s, 200);
      ASSERT_TRUE(room);
      f.bytes.write(*room, fresh);
      std::move(*room).commit(accepted);
      f.bytes.poison_free_pages(f.pool);
      history.insert(history.end(), fresh.begin(), fresh.begin() + accepted);
      f.bytes.expect_next_row_reads(s->view(), history);
      const auto next = count_up(20000, 1);
      history.insert(history.end(), next.begin(), next.end());
      f.grow(*s, next);
      f.bytes.expect_next_row_reads(s->view(), history);
    }
  }
}

TEST(Snapshot, outlives_its_sequence_and_gives_everything_back) {
  KvPool pool(kLimits);
  {
    auto s = pool.open();
    auto room = pool.append(*s, 300);
    std::move(*room).commit(300);
    const KvSnapshot kept = pool.snapshot(*s);
    s.reset();
    EXPECT_EQ(kept.length(), 300u);
    // Positions 200 to 299 are the window, so pages 3 and 4.
    EXPECT_EQ(kept.pages(KvGroup::kGlobal).size(), 5u);
    EXPECT_EQ(kept.pages(KvGroup::kSliding).size(), 2u);
    EXPECT_EQ(pool.free_pages(KvGroup::kGlobal), 31u - 5);
    EXPECT_EQ(pool.free_pages(KvGroup::kSliding), 31u - 2);
  }
  EXPECT_EQ(pool.free_pages(KvGroup::kGlobal), 31u);
  EXPECT_EQ(pool.free_pages(KvGroup::kSliding), 31u);
}

TEST(Snapshot, moves_and_is_let_go_once) {
  KvPool pool(kLimits);
  const auto s = pool.open();
  auto room = pool.append(*s, 10);
  std::move(*room).commit(10);
  const PageId page = s->view().pages(KvGroup::kGlobal)[0];
  KvSnapshot a = pool.snapshot(*s);
  KvSnapshot b = pool.snapshot(*s);
  EXPECT_EQ(pool.references(KvGroup::kGlobal, page), 3u);
  a = std::move(b);
  EXPECT_EQ(pool.references(KvGroup::kGlobal, page), 2u);
  const KvSnapshot c(std::move(a));
  EXPECT_EQ(pool.references(KvGroup::kGlobal, page), 2u);
  EXPECT_EQ(c.length(), 10u);
}

TEST(Snapshot, restores_at_its_length_or_a_row_short_at_every_length) {
  for (std::uint32_t length = 1; length <= 400; ++length) {
    Fixture f;
    auto s = f.pool.open();
    const auto history = count_up(1, length);
    f.grow(*s, history);
    const KvSnapshot kept = f.pool.snapshot(*s);
    s.reset();
    f.bytes.poison_free_pages(f.pool);
    const std::uint32_t free = f.pool.free_pages(KvGroup::kGlobal);
    ASSERT_LT(kept.shortest(), length);
    for (const std::uint32_t rows : {length, length - 1}) {
      const auto again = f.pool.open();
      f.pool.restore(*again, kept, rows);
      EXPECT_EQ(f.pool.free_pages(KvGroup::kGlobal), free) << "restoring takes no page";
      EXPECT_EQ(again->length(), rows);
      auto read = history;
      read.push_back(7);  // what comes after the whole; a row short, its own last row comes again
      auto room = f.pool.append(*again, 1);
      ASSERT_TRUE(room);
      f.bytes.copy(*room);
      f.bytes.write(*room, std::span(read).subspan(rows, 1));
      f.bytes.expect_row_reads(room->visible(0), read);
      std::move(*room).commit(1);
      f.bytes.expect_next_row_reads(again->view(), std::span(read).first(rows + 1));
    }
  }
}

TEST(Snapshot, restores_to_any_length_it_still_has_the_window_of) {
  Fixture f;
  const auto s = f.pool.open();
  const auto history = count_up(1, 300);
  f.grow(*s, history);
  const KvSnapshot kept = f.pool.snapshot(*s);
  // Page 3 begins at 192; the row at 291 sees 192 to 291.
  EXPECT_EQ(kept.shortest(), 291u);
  for (std::uint32_t rows = 291; rows <= 300; ++rows) {
    const auto again = f.pool.open();
    f.pool.restore(*again, kept, rows);
    f.bytes.expect_next_row_reads(again->view(), std::span(history).first(rows));
  }
  const auto wrong = f.pool.open();
  EXPECT_DEATH(f.pool.restore(*wrong, kept, 290), "a length it has the window of");
  EXPECT_DEATH(f.pool.restore(*wrong, kept, 301), "a length it has the window of");
  EXPECT_DEATH(f.pool.restore(*s, kept, 300), "while it is empty");
}

TEST(Snapshot, of_a_sequence_restored_short_is_not_restored_shorter_still) {
  Fixture f;
  const auto s = f.pool.open();
  f.grow(*s, count_up(1, 292));  // positions from 192 on are kept, a page's first
  const KvSnapshot kept = f.pool.snapshot(*s);
  EXPECT_EQ(kept.shortest(), 291u);
  const auto short_one = f.pool.open();
  f.pool.restore(*short_one, kept, 291);
  EXPECT_EQ(f.pool.snapshot(*short_one).shortest(), 291u);
  f.grow(*short_one, count_up(292, 1));
  EXPECT_EQ(f.pool.snapshot(*short_one).shortest(), 291u);
}

TEST(CopyOnAppend, a_shared_page_is_copied_once_per_group_and_only_its_rows) {
  Fixture f;
  const auto s = f.pool.open();
  f.grow(*s, count_up(1, 70));
  const KvSnapshot kept = f.pool.snapshot(*s);
  const auto before = table(*s, KvGroup::kGlobal);
  auto room = f.pool.append(*s, 130);
  ASSERT_TRUE(room);
  ASSERT_EQ(room->copies().size(), 2u);
  std::set<KvGroup> groups;
  for (const PageCopy& copy : room->copies()) {
    groups.insert(copy.group);
    EXPECT_EQ(copy.rows, 6u);
    EXPECT_EQ(copy.to, room->visible(0).pages(copy.group)[1]);
    EXPECT_EQ(f.pool.references(copy.group, copy.to), 1u);
    EXPECT_EQ(f.pool.references(copy.group, copy.from), 2u) << "held until it was copied";
  }
  EXPECT_EQ(groups.size(), 2u);
  EXPECT_EQ(room->visible(0).pages(KvGroup::kGlobal)[0], before[0]) << "full pages are shared";
  std::move(*room).commit(1);
  EXPECT_EQ(f.pool.references(KvGroup::kGlobal, before[1]), 1u);
  const auto next = f.pool.append(*s, 1);
  EXPECT_TRUE(next->copies().empty()) << "the page is the sequence's own by now";
}

TEST(CopyOnAppend, nothing_is_copied_where_no_row_is_written_behind_others) {
  Fixture f;
  const auto s = f.pool.open();
  f.grow(*s, count_up(1, 128));
  {
    const KvSnapshot kept = f.pool.snapshot(*s);
    EXPECT_TRUE(f.pool.append(*s, 5)->copies().empty()) << "the last page is full";
  }
  f.grow(*s, count_up(129, 1));
  const KvSnapshot kept = f.pool.snapshot(*s);
  EXPECT_TRUE(f.pool.append(*s, 0)->copies().empty());
  EXPECT_EQ(f.pool.append(*s, 1)->copies().size(), 2u);
}

TEST(CopyOnAppend, dropped_it_leaves_the_sequence_on_the_page_it_shared) {
  Fixture f;
  const auto s = f.pool.open();
  const auto history = count_up(1, 70);
  f.grow(*s, history);
  const KvSnapshot kept = f.pool.snapshot(*s);
  const auto global = table(*s, KvGroup::kGlobal), sliding = table(*s, KvGroup::kSliding);
  const std::uint32_t free = f.pool.free_pages(KvGroup::kGlobal);
  { const auto dropped = f.pool.append(*s, 130); }  // its copies were never made
  f.bytes.poison_free_pages(f.pool);
  EXPECT_EQ(table(*s, KvGroup::kGlobal), global);
  EXPECT_EQ(table(*s, KvGroup::kSliding), sliding);
  EXPECT_EQ(f.pool.free_pages(KvGroup::kGlobal), free);
  for (const PageId page : global) EXPECT_EQ(f.pool.references(KvGroup::kGlobal, page), 2u);
  f.bytes.expect_next_row_reads(s->view(), history);
}

TEST(CopyOnAppend, a_launch_that_ran_leaves_the_copy_though_no_row_was_accepted) {
  Fixture f;
  const auto s = f.pool.open();
  const auto history = count_up(1, 70);
  f.grow(*s, history);
  std::optional<KvSnapshot> kept = f.pool.snapshot(*s);
  const PageId shared = s->view().pages(KvGroup::kGlobal)[1];
  auto room = f.pool.append(*s, 2);
  f.bytes.copy(*room);
  f.bytes.write(*room, count_up(500, 2));
  std::move(*room).commit(0);
  EXPECT_NE(s->view().pages(KvGroup::kGlobal)[1], shared);
  EXPECT_EQ(f.pool.references(KvGroup::kGlobal, shared), 1u);
  kept.reset();
  f.bytes.poison_free_pages(f.pool);
  f.bytes.expect_next_row_reads(s->view(), history);
}

TEST(CopyOnAppend, failing_for_want_of_a_page_to_copy_to_takes_nothing) {
  Fixture f({.global_pages = 3, .sliding_pages = 9, .window = 100, .sequence_rows = 1000});
  const auto s = f.pool.open();
  f.grow(*s, count_up(1, 70));
  const auto before = table(*s, KvGroup::kGlobal);
  {
    const KvSnapshot kept = f.pool.snapshot(*s);
    const auto room = f.pool.append(*s, 1);
    ASSERT_FALSE(room);
    EXPECT_EQ(room.error().code, ErrorCode::kExhausted);
    EXPECT_EQ(f.pool.free_pages(KvGroup::kSliding), 6u);
    EXPECT_EQ(table(*s, KvGroup::kGlobal), before);
  }
  EXPECT_TRUE(f.pool.append(*s, 1)) << "the page is no longer shared";
}

TEST(CopyOnAppend, two_sequences_of_one_snapshot_write_behind_it_without_seeing_each_other) {
  Fixture f;
  const auto first = f.pool.open();
  auto history = count_up(1, 70);
  f.grow(*first, history);
  const KvSnapshot kept = f.pool.snapshot(*first);
  const auto a = f.pool.open(), b = f.pool.open();
  f.pool.restore(*a, kept, 70);
  f.pool.restore(*b, kept, 69);
  auto room_a = f.pool.append(*a, 3);
  auto room_b = f.pool.append(*b, 3);
  for (const auto* room : {&*room_a, &*room_b}) f.bytes.copy(*room);  // one launch: copies first
  f.bytes.write(*room_a, count_up(500, 3));
  f.bytes.write(*room_b, count_up(600, 3));
  std::move(*room_a).commit(3);
  std::move(*room_b).commit(3);
  f.bytes.expect_next_row_reads(first->view(), history);
  auto of_a = history, of_b = history;
  of_b.pop_back();
  for (const std::uint32_t i : {0u, 1u, 2u}) of_a.push_back(500 + i), of_b.push_back(600 + i);
  f.bytes.expect_next_row_reads(a->view(), of_a);
  f.bytes.expect_next_row_reads(b->view(), of_b);
}

TEST(CopyOnAppend, the_last_who_holds_a_page_writes_to_it) {
  Fixture f;
  const auto a = f.pool.open(), b = f.pool.open();
  f.grow(*a, count_up(1, 70));
  f.pool.restore(*b, f.pool.snapshot(*a), 70);
  const PageId shared = b->view().pages(KvGroup::kSliding)[1];
  f.grow(*a, count_up(71, 1));
  EXPECT_TRUE(f.pool.append(*b, 1)->copies().empty());
  EXPECT_EQ(b->view().pages(KvGroup::kSliding)[1], shared);
}

}  // namespace
}  // namespace outrider
