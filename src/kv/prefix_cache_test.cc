#include "kv/prefix_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>

#include "kv/kv_test_store.h"

namespace outrider {
namespace {

constexpr KvLimits kLimits{
    .global_pages = 65, .sliding_pages = 65, .window = 100, .sequence_rows = 2000};
constexpr KvPages kEverything{64, 64};
constexpr PrefixRoot kBare{};
constexpr KvGroup kBoth[] = {KvGroup::kGlobal, KvGroup::kSliding};

std::uint64_t always_the_same(std::uint64_t, std::uint32_t) {
  return 42;
}

std::vector<TokenId> count_up(std::uint32_t from, std::uint32_t count) {
  std::vector<TokenId> tokens;
  for (std::uint32_t i = 0; i < count; ++i) tokens.push_back(TokenId(from + i));
  return tokens;
}

std::vector<TokenId> joined(std::vector<TokenId> a, std::span<const TokenId> b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void grow(KvPool& pool, Sequence& s, std::size_t rows) {
  auto room = pool.append(s, static_cast<std::uint32_t>(rows));
  ASSERT_TRUE(room) << room.error().message;
  std::move(*room).commit(static_cast<std::uint32_t>(rows));
}

// A finished sequence of these tokens, kept.
bool keep_finished(KvPool& pool, PrefixCache& cache, std::span<const TokenId> tokens,
                   PrefixRoot root = kBare) {
  const auto s = pool.open();
  grow(pool, *s, tokens.size());
  return cache.keep(root, tokens, pool.snapshot(*s));
}

std::uint32_t matched_rows(PrefixCache& cache, std::span<const TokenId> tokens,
                           PrefixRoot root = kBare) {
  const auto match = cache.match(root, tokens);
  return match ? match->rows : 0;
}

TEST(PrefixCache, finds_the_longest_checkpoint_that_a_text_begins_with) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, kEverything);
  const auto text = count_up(1, 200);
  EXPECT_EQ(matched_rows(cache, text), 0u);
  for (const std::size_t length : {30u, 100u, 150u}) {
    ASSERT_TRUE(keep_finished(pool, cache, std::span(text).first(length)));
  }
  EXPECT_EQ(matched_rows(cache, text), 150u);
  EXPECT_EQ(matched_rows(cache, std::span(text).first(151)), 150u);
  EXPECT_EQ(matched_rows(cache, std::span(text).first(149)), 100u);
  EXPECT_EQ(matched_rows(cache, std::span(text).first(31)), 30u);
  EXPECT_EQ(matched_rows(cache, std::span(text).first(29)), 0u);
  auto other = text;
  other[120] = TokenId(7);
  EXPECT_EQ(matched_rows(cache, other), 100u);
  other[0] = TokenId(7);
  EXPECT_EQ(matched_rows(cache, other), 0u);
  EXPECT_EQ(cache.counts().checkpoints, 3u);
  EXPECT_EQ(cache.counts().lookups, 8u);
  EXPECT_EQ(cache.counts().hits, 5u);
  EXPECT_EQ(cache.counts().hit_rows, 150u + 150 + 100 + 30 + 100);
}

TEST(PrefixCache, a_text_known_whole_is_restored_one_row_short) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, kEverything);
  for (const std::uint32_t length : {2u, 64u, 65u, 292u, 300u, 301u}) {
    const auto text = count_up(1000 * length, length);
    ASSERT_TRUE(keep_finished(pool, cache, text));
    const auto match = cache.match(kBare, text);
    ASSERT_TRUE(match) << length;
    EXPECT_EQ(match->rows, length - 1);
    const auto s = pool.open();
    pool.restore(*s, match->snapshot, match->rows);
    EXPECT_EQ(s->length(), length - 1);
  }
  const auto one = count_up(9, 1);
  ASSERT_TRUE(keep_finished(pool, cache, one));
  EXPECT_FALSE(cache.match(kBare, one)) << "its only row has to be computed";
  EXPECT_FALSE(cache.match(kBare, std::span<const TokenId>()));
}

TEST(PrefixCache, a_checkpoint_that_cannot_be_restored_a_row_short_leaves_it_to_a_shorter_one) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, kEverything);
  const auto text = count_up(1, 292);  // of its window, a page's first position is the oldest
  ASSERT_TRUE(keep_finished(pool, cache, text));
  ASSERT_TRUE(keep_finished(pool, cache, std::span(text).first(200)));
  const auto s = pool.open();
  const auto match = cache.match(kBare, text);
  pool.restore(*s, match->snapshot, match->rows);
  ASSERT_EQ(s->length(), 291u);
  ASSERT_TRUE(cache.keep(kBare, std::span(text).first(291), pool.snapshot(*s)));
  EXPECT_EQ(matched_rows(cache, std::span(text).first(291)), 200u);
  EXPECT_EQ(matched_rows(cache, text), 291u);
}

TEST(PrefixCache, the_same_tokens_under_another_root_are_another_text) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, kEverything);
  const auto text = count_up(1, 50);
  const PrefixRoot low{1}, high{std::uint64_t{1} << 32};
  ASSERT_TRUE(keep_finished(pool, cache, std::span(text).first(40), low));
  EXPECT_EQ(matched_rows(cache, text, low), 40u);
  EXPECT_EQ(matched_rows(cache, text), 0u);
  EXPECT_EQ(matched_rows(cache, text, high), 0u);
  ASSERT_TRUE(keep_finished(pool, cache, std::span(text).first(20), high));
  EXPECT_EQ(matched_rows(cache, text, high), 20u);
  EXPECT_EQ(matched_rows(cache, text, low), 40u);
}

TEST(PrefixCache, colliding_hashes_never_serve_another_text) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, kEverything, &always_the_same);
  std::vector<std::vector<TokenId>> texts;
  for (std::uint32_t i = 0; i < 10; ++i) texts.push_back(count_up(100 * i, 20 + i));
  for (std::uint32_t i = 0; i < 10; i += 2) ASSERT_TRUE(keep_finished(pool, cache, texts[i]));
  const auto more = count_up(5000, 3);
  for (std::uint32_t i = 0; i < 10; ++i) {
    EXPECT_EQ(matched_rows(cache, joined(texts[i], more)), i % 2 == 0 ? texts[i].size() : 0) << i;
    EXPECT_EQ(matched_rows(cache, joined(texts[i], more), PrefixRoot{9}), 0u) << "another root";
  }
  // Evicting one of many with the same hash takes that one out of the index.
  for (const std::uint32_t used : {0u, 8u, 2u, 6u}) matched_rows(cache, joined(texts[used], more));
  ASSERT_TRUE(cache.make_room(64 - 3, 0));
  for (const std::uint32_t i : {0u, 2u, 4u, 6u, 8u}) {
    const bool kept = i != 4 && i != 0;
    EXPECT_EQ(matched_rows(cache, joined(texts[i], more)), kept ? texts[i].size() : 0) << i;
  }
}

TEST(PrefixCache, keeping_the_same_text_again_replaces_its_checkpoint) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, kEverything);
  const auto a = count_up(1, 70), b = count_up(500, 70);
  ASSERT_TRUE(keep_finished(pool, cache, a));
  ASSERT_TRUE(keep_finished(pool, cache, b));
  EXPECT_EQ(cache.held_pages(KvGroup::kGlobal), 4u);
  auto s = pool.open();
  grow(pool, *s, 70);
  ASSERT_TRUE(cache.keep(kBare, a, pool.snapshot(*s)));
  EXPECT_EQ(cache.counts().checkpoints, 2u);
  EXPECT_EQ(cache.held_pages(KvGroup::kGlobal), 4u);
  EXPECT_EQ(pool.free_pages(KvGroup::kGlobal), 64u - 4);
  EXPECT_EQ(pool.references(KvGroup::kGlobal, s->view().pages(KvGroup::kGlobal)[0]), 2u)
      << "the pages of the running sequence are the ones kept";
  s.reset();
  ASSERT_TRUE(cache.make_room(62, 0));  // and it counts as used: the other goes first
  EXPECT_GT(matched_rows(cache, a), 0u);
  EXPECT_EQ(matched_rows(cache, b), 0u);
}

TEST(PrefixCache, stays_within_its_budget_by_evicting_the_least_recently_used) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, {.global = 9, .sliding = 6});
  std::vector<std::vector<TokenId>> texts;
  for (std::uint32_t i = 0; i < 4; ++i) texts.push_back(count_up(1000 * i, 128));
  for (std::uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(keep_finished(pool, cache, texts[i]));
  EXPECT_EQ(cache.held_pages(KvGroup::kSliding), 6u);
  EXPECT_GT(matched_rows(cache, texts[0]), 0u);
  ASSERT_TRUE(keep_finished(pool, cache, texts[3]));
  EXPECT_EQ(cache.counts().evictions, 1u);
  EXPECT_EQ(cache.held_pages(KvGroup::kSliding), 6u);
  EXPECT_EQ(matched_rows(cache, texts[1]), 0u) << "used least recently";
  for (const std::uint32_t i : {0u, 2u, 3u}) EXPECT_GT(matched_rows(cache, texts[i]), 0u) << i;
  EXPECT_FALSE(keep_finished(pool, cache, count_up(9000, 640)));
  EXPECT_EQ(cache.counts().checkpoints, 3u) << "what never fits evicts nothing";
  EXPECT_EQ(pool.free_pages(KvGroup::kGlobal), 64u - 6);
}

TEST(PrefixCache, a_page_in_many_checkpoints_counts_once) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, {.global = 6, .sliding = 64});
  const auto text = count_up(1, 256);
  const auto s = pool.open();
  for (std::uint32_t length = 64; length <= 256; length += 64) {
    grow(pool, *s, 64);
    ASSERT_TRUE(cache.keep(kBare, std::span(text).first(length), pool.snapshot(*s)));
    EXPECT_EQ(cache.held_pages(KvGroup::kGlobal), length / 64);
  }
  EXPECT_EQ(cache.counts().checkpoints, 4u);
  EXPECT_EQ(cache.counts().evictions, 0u);
}

TEST(PrefixCache, makes_room_by_what_helps_and_leaves_what_running_sequences_hold_anyway) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, kEverything);
  const auto running_text = count_up(1, 640);
  const auto running = pool.open();
  grow(pool, *running, 640);
  ASSERT_TRUE(cache.keep(kBare, running_text, pool.snapshot(*running)));  // the oldest
  const auto old = count_up(1000, 640), young = count_up(2000, 640);
  ASSERT_TRUE(keep_finished(pool, cache, old));
  ASSERT_TRUE(keep_finished(pool, cache, young));
  EXPECT_EQ(pool.free_pages(KvGroup::kGlobal), 64u - 30);
  EXPECT_EQ(cache.reclaimable_pages(KvGroup::kGlobal), 20u);
  EXPECT_TRUE(cache.make_room(34, 10));
  EXPECT_EQ(cache.counts().evictions, 0u) << "there was room";
  EXPECT_FALSE(cache.make_room(55, 0));
  EXPECT_EQ(cache.counts().evictions, 0u) << "it would have been for nothing";
  EXPECT_TRUE(cache.make_room(35, 0));
  EXPECT_EQ(cache.counts().evictions, 1u);
  EXPECT_EQ(pool.free_pages(KvGroup::kGlobal), 44u);
  EXPECT_EQ(matched_rows(cache, old), 0u);
  EXPECT_EQ(matched_rows(cache, young), 639u);
  EXPECT_EQ(matched_rows(cache, running_text), 639u);
  EXPECT_TRUE(cache.make_room(54, 0));
  EXPECT_EQ(matched_rows(cache, running_text), 639u);
}

TEST(PrefixCache, makes_room_in_the_group_that_is_short) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, kEverything);
  const auto running_text = count_up(1, 640);
  const auto running = pool.open();
  grow(pool, *running, 128);
  ASSERT_TRUE(cache.keep(kBare, std::span(running_text).first(128), pool.snapshot(*running)));
  grow(pool, *running, 512);  // leaves the checkpoint's window, not its global pages
  const auto old = count_up(1000, 640);
  ASSERT_TRUE(keep_finished(pool, cache, old));
  EXPECT_TRUE(cache.make_room(64 - 10, 0));
  EXPECT_EQ(matched_rows(cache, running_text), 128u) << "older, but all it frees are sliding pages";
  EXPECT_EQ(matched_rows(cache, old), 0u);
  const std::uint32_t free = pool.free_pages(KvGroup::kSliding);
  EXPECT_TRUE(cache.make_room(0, free + 1));
  EXPECT_EQ(pool.free_pages(KvGroup::kSliding), free + 2);
  EXPECT_EQ(matched_rows(cache, running_text), 0u);
}

TEST(PrefixCache, clearing_gives_every_page_back) {
  KvPool pool(kLimits);
  PrefixCache cache(pool, kEverything);
  const auto text = count_up(1, 100);
  ASSERT_TRUE(keep_finished(pool, cache, text));
  cache.clear();
  for (const KvGroup group : kBoth) {
    EXPECT_EQ(pool.free_pages(group), 64u);
    EXPECT_EQ(cache.held_pages(group), 0u);
  }
  EXPECT_EQ(matched_rows(cache, text), 0u);
  EXPECT_EQ(cache.counts().checkpoints, 0u);
  ASSERT_TRUE(keep_finished(pool, cache, text));
  EXPECT_GT(matched_rows(cache, text), 0u);
}

TEST(PrefixCache, its_hash_tells_order_length_and_root_apart) {
  std::map<std::uint64_t, int> seen;
  for (std::uint32_t a = 0; a < 200; ++a) {
    for (std::uint32_t b = 0; b < 200; ++b) {
      ++seen[PrefixCache::xxh3(PrefixCache::xxh3(7, a), b)];
    }
    ++seen[PrefixCache::xxh3(7, a)];
  }
  EXPECT_EQ(seen.size(), 200u * 200 + 200);
}

// Conversations that come, branch, go on from checkpoints and leave, in a pool that is full most of
// the time. Whatever a sequence was restored from, its bytes are its own tokens'.
class CacheSimulation {
 public:
  explicit CacheSimulation(std::uint32_t seed)
      : random_(seed),
        pool_({.global_pages = 26, .sliding_pages = 20, .window = 90, .sequence_rows = 900}),
        bytes_(pool_.limits()),
        cache_(pool_, {.global = 22, .sliding = 12}) {}

  int hits = 0, evicted_for_room = 0, refused = 0;

  void step() {
    const std::uint32_t what = below(10);
    if (what < 4) {
      begin();
    } else if (what < 9 && !live_.empty()) {
      go_on(live_[below(live_.size())]);
    } else if (below(6) == 0 && !live_.empty()) {
      live_.erase(live_.begin() + below(live_.size()));
    }
    bytes_.poison_free_pages(pool_);
    check();
  }
  void finish() {
    live_.clear();
    check();
    cache_.clear();
    EXPECT_EQ(pool_.free_pages(KvGroup::kGlobal), 25u);
    EXPECT_EQ(pool_.free_pages(KvGroup::kSliding), 19u);
  }

 private:
  struct Live {
    std::unique_ptr<Sequence> sequence;
    std::vector<std::uint32_t> tokens;
  };
  std::uint32_t below(std::size_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  static std::vector<TokenId> ids(std::span<const std::uint32_t> tokens) {
    std::vector<TokenId> result;
    for (const std::uint32_t token : tokens) result.push_back(TokenId(token));
    return result;
  }

  // Few different tokens in few different chunks, so that beginnings are often shared.
  std::vector<std::uint32_t> chunk() {
    return std::vector<std::uint32_t>(5 + 23 * below(4), 1 + below(3));
  }

  void begin() {
    if (live_.size() >= 7) live_.erase(live_.begin());
    std::vector<std::uint32_t> prompt;
    for (std::uint32_t chunks = 1 + below(5); chunks > 0; --chunks) {
      const auto more = chunk();
      prompt.insert(prompt.end(), more.begin(), more.end());
    }
    Live live{pool_.open(), {}};
    if (const auto match = cache_.match({}, ids(prompt))) {
      ++hits;
      ASSERT_LT(match->rows, prompt.size());
      pool_.restore(*live.sequence, match->snapshot, match->rows);
      live.tokens.assign(prompt.begin(), prompt.begin() + match->rows);
    }
    if (append(live, std::span(prompt).subspan(live.tokens.size())))
      live_.push_back(std::move(live));
  }

  void go_on(Live& live) { append(live, chunk()); }

  Result<KvAppend> room_for(Sequence& sequence, std::uint32_t rows) {
    {
      auto room = pool_.append(sequence, rows);
      if (room || room.error().code != ErrorCode::kExhausted) return room;
    }
    const auto before = cache_.counts().evictions;
    const std::uint32_t pages = divide_up(rows, kPageRows) + 2;
    const bool made = cache_.make_room(pages, pages);
    if (made) evicted_for_room += static_cast<int>(cache_.counts().evictions - before);
    auto room = pool_.append(sequence, rows);
    EXPECT_TRUE(room || !made);
    return room;
  }

  bool append(Live& live, std::span<const std::uint32_t> tokens) {
    const auto rows = static_cast<std::uint32_t>(tokens.size());
    auto room = room_for(*live.sequence, rows);
    if (!room) {
      ++refused;
      return false;
    }
    bytes_.copy(*room);
    bytes_.write(*room, tokens);
    std::move(*room).commit(rows);
    live.tokens.insert(live.tokens.end(), tokens.begin(), tokens.end());
    if (below(2) == 0) cache_.keep({}, ids(live.tokens), pool_.snapshot(*live.sequence));
    return true;
  }

  void check() {
    for (const Live& live : live_) bytes_.expect_next_row_reads(live.sequence->view(), live.tokens);
    for (const KvGroup group : kBoth) {
      const bool global = group == KvGroup::kGlobal;
      std::uint32_t reclaimable = 0, held_by_sequences = 0;
      std::map<PageId, std::uint32_t> holders;
      for (const Live& live : live_) {
        for (const PageId page : live.sequence->view().pages(group)) ++holders[page];
      }
      for (std::uint32_t page = 1; page < (global ? 26u : 20u); ++page) {
        const std::uint32_t references = pool_.references(group, PageId(page));
        const auto found = holders.find(PageId(page));
        ASSERT_GE(references, found == holders.end() ? 0 : found->second);
        if (found != holders.end()) ++held_by_sequences;
        if (found == holders.end() && references > 0) ++reclaimable;
      }
      ASSERT_EQ(cache_.reclaimable_pages(group), reclaimable);
      ASSERT_EQ(reclaimable + held_by_sequences + pool_.free_pages(group) + 1, global ? 26u : 20u);
      ASSERT_LE(cache_.held_pages(group), global ? 22u : 12u);
    }
  }

  std::mt19937 random_;
  KvPool pool_;
  FakeKvBytes bytes_;
  PrefixCache cache_;
  std::vector<Live> live_;
};

TEST(PrefixCacheSimulation, sequences_read_their_own_tokens_wherever_they_began) {
  int hits = 0, evicted_for_room = 0, refused = 0;
  for (std::uint32_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    CacheSimulation simulation(seed);
    for (int step = 0; step < 1500; ++step) {
      simulation.step();
      if (testing::Test::HasFailure()) FAIL() << "at step " << step;
    }
    simulation.finish();
    hits += simulation.hits, evicted_for_room += simulation.evicted_for_room;
    refused += simulation.refused;
  }
  EXPECT_GT(hits, 500);
  EXPECT_GT(evicted_for_room, 50);
  EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace outrider
