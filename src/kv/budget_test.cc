#include "kv/budget.h"

#include <gtest/gtest.h>

#include "kv/prefix_cache.h"

namespace outrider {
namespace {

// Three full layers and twelve sliding ones, as E2B has.
KvLayout small_layout() {
  std::vector<KvLayerShape> layers(3, {KvGroup::kGlobal, 1, 512});
  layers.insert(layers.end(), 12, {KvGroup::kSliding, 1, 256});
  return KvLayout(layers, KvFormat::kF16);
}

constexpr KvNeeds kNeeds{.sequences = 4, .sequence_rows = 8192, .append_rows = 256, .window = 514};

std::uint64_t bytes_of(const KvBudget& budget, const KvLayout& layout) {
  return budget.limits.global_pages * layout.page_bytes(KvGroup::kGlobal) +
         budget.limits.sliding_pages * layout.page_bytes(KvGroup::kSliding);
}

TEST(Budget, a_sequence_never_holds_more_sliding_pages_than_it_is_planned_for) {
  for (const std::uint32_t window : {1u, 2u, 63u, 64u, 65u, 130u}) {
    for (const std::uint32_t append : {1u, 2u, 63u, 64u, 65u, 200u}) {
      const KvNeeds needs{
          .sequences = 1, .sequence_rows = 1200, .append_rows = append, .window = window};
      const KvPages one = pages_of_sequence(needs);
      std::uint32_t most = 0;
      for (const std::uint32_t first : {0u, 1u, 37u, 63u}) {
        KvPool pool({one.global + 1, one.sliding + 1, window, needs.sequence_rows});
        const auto s = pool.open();
        for (std::uint32_t rows = first; s->length() + append <= 1200; rows = append) {
          if (rows > append) continue;
          auto room = pool.append(*s, rows);
          ASSERT_TRUE(room) << "window " << window << ", rows " << append << " at " << s->length();
          most = std::max(most, one.sliding - pool.free_pages(KvGroup::kSliding));
          std::move(*room).commit(rows);
        }
        // A row at a time the window stands at every offset in its page.
        KvPool slow({one.global + 1, one.sliding + 1, window, needs.sequence_rows});
        const auto t = slow.open();
        while (t->length() + append <= 1200) {
          auto room = slow.append(*t, append);
          ASSERT_TRUE(room) << "window " << window << ", rows " << append << " at " << t->length();
          most = std::max(most, one.sliding - slow.free_pages(KvGroup::kSliding));
          std::move(*room).commit(1);
        }
      }
      EXPECT_EQ(most, one.sliding) << "window " << window << ", rows " << append;
    }
  }
}

TEST(Budget, too_little_for_one_sequence_says_what_it_needs_and_what_would_fit) {
  const KvLayout layout = small_layout();
  // Padding pages included: 129 pages of 384 KiB and 15 of 768 KiB.
  const std::uint64_t least = 129 * (384u << 10) + 15 * (768u << 10);
  ASSERT_TRUE(plan_kv(least, kNeeds, layout));
  const auto budget = plan_kv(least - 1, kNeeds, layout);
  ASSERT_FALSE(budget);
  EXPECT_EQ(budget.error().code, ErrorCode::kBadRequest);
  EXPECT_EQ(budget.error().message,
            "59.6 MiB of KV memory are too little: one sequence of 8192 positions needs 59.6 MiB, "
            "and 8128 positions would fit");
  KvNeeds fits = kNeeds;
  fits.sequence_rows = 8128;
  EXPECT_TRUE(plan_kv(least - 1, fits, layout));
  const auto nothing = plan_kv(1000, kNeeds, layout);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().message,
            "0.0 MiB of KV memory are too little: one sequence of 8192 positions needs 59.6 MiB");
}

TEST(Budget, any_amount_is_spent_on_one_whole_sequence_first_and_never_exceeded) {
  const KvLayout layout = small_layout();
  const KvPages one = pages_of_sequence(kNeeds);
  std::uint32_t windows_before = 0;
  for (std::uint64_t bytes = 60u << 20; bytes < (4ull << 30); bytes += bytes / 7 + 12345) {
    const auto budget = plan_kv(bytes, kNeeds, layout);
    ASSERT_TRUE(budget);
    EXPECT_LE(bytes_of(*budget, layout), bytes);
    EXPECT_GE(budget->limits.global_pages, one.global + 1);
    const std::uint32_t windows = budget->limits.sliding_pages - 1 - budget->checkpoints.sliding;
    EXPECT_GE(windows, one.sliding);
    EXPECT_LE(windows, 4 * one.sliding);
    EXPECT_GE(windows, windows_before) << "more memory takes no window away";
    windows_before = windows;
    EXPECT_EQ(budget->checkpoints.global, budget->limits.global_pages - 1);
    EXPECT_LT(bytes - bytes_of(*budget, layout), 2u * (768u << 10)) << "all of it is used";
    const KvPool pool(budget->limits);
    EXPECT_EQ(pool.limits().sequence_rows, 8192u);
  }
  EXPECT_EQ(windows_before, 4 * one.sliding);
}

TEST(Budget, bytes_for_all_are_divided_so_that_they_are_for_all) {
  const KvLayout layout = small_layout();
  // Short texts leave most of the bytes to windows, long ones to global pages.
  for (const std::uint32_t rows : {100u, 600u, 1000u, 5000u, 100000u}) {
    for (const std::uint32_t sequences : {1u, 2u, 16u}) {
      for (const bool wide : {true, false}) {
        KvNeeds needs = kNeeds;
        needs.sequence_rows = rows, needs.sequences = sequences;
        if (!wide) needs.window = 66, needs.append_rows = 512;
        const KvPages one = pages_of_sequence(needs);
        const auto budget = plan_kv(kv_bytes_for_all(needs, layout), needs, layout);
        ASSERT_TRUE(budget);
        EXPECT_EQ(bytes_of(*budget, layout), kv_bytes_for_all(needs, layout));
        EXPECT_EQ(budget->limits.global_pages, 1 + sequences * one.global);
        EXPECT_EQ(budget->limits.sliding_pages,
                  1 + sequences * one.sliding + budget->checkpoints.sliding);
      }
    }
  }
}

TEST(Budget, with_bytes_for_all_every_sequence_reaches_its_full_length_at_once) {
  const KvLayout layout = small_layout();
  const auto budget = plan_kv(kv_bytes_for_all(kNeeds, layout), kNeeds, layout);
  ASSERT_TRUE(budget);
  KvPool pool(budget->limits);
  PrefixCache cache(pool, budget->checkpoints);
  std::vector<std::unique_ptr<Sequence>> sequences;
  for (std::uint32_t i = 0; i < kNeeds.sequences; ++i) sequences.push_back(pool.open());
  for (std::uint32_t length = 0; length < 8192; length += 256) {
    for (const auto& s : sequences) {
      auto room = pool.append(*s, 256);
      ASSERT_TRUE(room) << room.error().message;
      std::move(*room).commit(256);
    }
  }
  // Each is kept, and each checkpoint stays when the sequences are gone.
  for (std::uint32_t i = 0; i < kNeeds.sequences; ++i) {
    const std::vector<TokenId> tokens(8192, TokenId(i));
    EXPECT_TRUE(cache.keep({}, tokens, pool.snapshot(*sequences[i])));
  }
  sequences.clear();
  EXPECT_EQ(cache.counts().checkpoints, 4u);
  EXPECT_EQ(cache.counts().evictions, 0u);
}

TEST(Budget, a_share_too_small_for_a_checkpoint_goes_to_texts) {
  const KvLayout layout = small_layout();
  const KvNeeds alone{.sequences = 1, .sequence_rows = 8192, .append_rows = 256, .window = 514};
  const std::uint64_t least = 129 * (384u << 10) + 15 * (768u << 10);
  const std::uint64_t checkpoint = 10 * (768u << 10);
  const auto without = plan_kv(least + checkpoint - 1, alone, layout);
  ASSERT_TRUE(without);
  EXPECT_EQ(without->checkpoints.sliding, 0u);
  const auto with = plan_kv(least + checkpoint, alone, layout);
  ASSERT_TRUE(with);
  EXPECT_EQ(with->checkpoints.sliding, 10u);
}

TEST(Budget, a_model_may_lack_layers_of_a_group) {
  for (const KvGroup only : {KvGroup::kGlobal, KvGroup::kSliding}) {
    const KvLayerShape layer{only, 2, 64};
    const KvLayout layout(std::span(&layer, 1), KvFormat::kF32);
    const auto budget = plan_kv(64u << 20, kNeeds, layout);
    ASSERT_TRUE(budget);
    KvPool pool(budget->limits);
    const auto s = pool.open();
    while (s->length() < 8192) {
      auto room = pool.append(*s, 256);
      ASSERT_TRUE(room) << room.error().message;
      std::move(*room).commit(256);
    }
    EXPECT_LE(bytes_of(*budget, layout), 64u << 20);
  }
}

TEST(Budget, says_at_start_where_the_bytes_are) {
  const KvLayout layout = small_layout();
  const auto budget = plan_kv(std::uint64_t{1} << 30, kNeeds, layout);
  ASSERT_TRUE(budget);
  EXPECT_EQ(describe(*budget, layout),
            "keys and values: 1023.8 MiB, in 1971 global pages (739.5 MiB, 126144 positions) and "
            "378 sliding pages (284.2 MiB, 322 pages for checkpoints)");
}

}  // namespace
}  // namespace outrider
