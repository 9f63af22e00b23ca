// A seeded run of everything that can happen to a pool, its accounts checked after every operation
// and every sequence's bytes against its own history.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "kv/kv_test_store.h"
#include "kv/pool.h"

namespace outrider {
namespace {

constexpr KvGroup kBoth[] = {KvGroup::kGlobal, KvGroup::kSliding};

class Simulation {
 public:
  Simulation(const KvLimits& limits, std::uint32_t seed)
      : random_(seed), pool_(limits), bytes_(limits) {}

  struct Seen {
    int full = 0, beyond = 0, dropped = 0, dropped_with_copies = 0, copies = 0, partial = 0;
    int restored_short = 0, slid = 0;
  };
  const Seen& seen() const { return seen_; }

  void step() {
    const std::uint32_t what = below(100);
    if (what < 8) {
      open();
    } else if (what < 70) {
      launch();
    } else if (what < 80) {
      snapshot();
    } else if (what < 88) {
      restore();
    } else if (what < 95) {
      if (!snapshots_.empty()) snapshots_.erase(snapshots_.begin() + below(snapshots_.size()));
    } else if (!live_.empty()) {
      live_.erase(live_.begin() + below(live_.size()));
    }
    bytes_.poison_free_pages(pool_);
    check();
  }

  void close_everything() {
    live_.clear();
    snapshots_.clear();
    check();
    for (const KvGroup group : kBoth) {
      const auto& limits = pool_.limits();
      EXPECT_EQ(pool_.free_pages(group) + 1,
                group == KvGroup::kGlobal ? limits.global_pages : limits.sliding_pages);
    }
  }

 private:
  struct Live {
    std::unique_ptr<Sequence> sequence;
    std::vector<std::uint32_t> history;
  };
  struct Kept {
    KvSnapshot snapshot;
    std::vector<std::uint32_t> history;
  };

  std::uint32_t below(std::size_t limit) {
    return static_cast<std::uint32_t>(random_() % std::max<std::size_t>(limit, 1));
  }

  void open() {
    if (live_.size() < 5) live_.push_back({pool_.open(), {}});
  }

  // Several sequences append in one launch, which runs or not; each is judged on its own.
  void launch() {
    struct Entry {
      Live* live;
      KvAppend room;
      std::vector<std::uint32_t> tokens;
    };
    std::vector<Entry> entries;
    for (Live& live : live_) {
      if (below(3) == 0) continue;
      const std::uint32_t rows = below(4) == 0 ? below(150) : below(9);
      auto room = pool_.append(*live.sequence, rows);
      if (!room) {
        const bool full = room.error().code == ErrorCode::kExhausted;
        ++(full ? seen_.full : seen_.beyond);
        check(entries);
        continue;
      }
      seen_.copies += static_cast<int>(room->copies().size());
      std::vector<std::uint32_t> tokens(rows);
      for (std::uint32_t& token : tokens) token = next_token_++;
      entries.push_back({&live, std::move(*room), std::move(tokens)});
      check(entries);
    }
    if (below(8) == 0) {  // the device failed: rooms are dropped
      for (const Entry& entry : entries) {
        ++(entry.room.copies().empty() ? seen_.dropped : seen_.dropped_with_copies);
      }
      return;
    }
    for (const Entry& entry : entries) bytes_.copy(entry.room);
    for (const Entry& entry : entries) bytes_.write(entry.room, entry.tokens);
    for (const Entry& entry : entries) {
      auto history = entry.live->history;
      history.insert(history.end(), entry.tokens.begin(), entry.tokens.end());
      for (std::uint32_t row = 0; row < entry.room.rows(); ++row) {
        bytes_.expect_row_reads(entry.room.visible(row), history);
      }
    }
    for (Entry& entry : entries) {
      if (below(10) == 0) continue;  // a cancelled one: dropped though the launch ran
      const std::uint32_t rows = entry.room.rows();
      const std::uint32_t accepted = below(3) == 0 ? below(rows + 1) : rows;
      if (accepted < rows) ++seen_.partial;
      std::move(entry.room).commit(accepted);
      entry.live->history.insert(entry.live->history.end(), entry.tokens.begin(),
                                 entry.tokens.begin() + accepted);
    }
  }

  void snapshot() {
    if (live_.empty() || snapshots_.size() >= 6) return;
    const Live& live = live_[below(live_.size())];
    snapshots_.push_back({pool_.snapshot(*live.sequence), live.history});
  }

  void restore() {
    if (snapshots_.empty() || live_.size() >= 5) return;
    const Kept& kept = snapshots_[below(snapshots_.size())];
    std::uint32_t rows = kept.snapshot.length();
    if (rows > kept.snapshot.shortest() && below(2) == 0) {
      rows -= below(3) == 0 ? below(rows - kept.snapshot.shortest() + 1) : 1;
      ++seen_.restored_short;
    }
    live_.push_back({pool_.open(), kept.history});
    live_.back().history.resize(rows);
    pool_.restore(*live_.back().sequence, kept.snapshot, rows);
  }

  // owned + kept + free + padding = all, every page is held exactly as often as it is counted, and
  // stands at one index wherever it is held.
  template <class Entries = std::span<const int>>
  void check(const Entries& entries = {}) {
    for (const KvGroup group : kBoth) {
      const auto& limits = pool_.limits();
      const std::uint32_t all =
          group == KvGroup::kGlobal ? limits.global_pages : limits.sliding_pages;
      std::vector<std::uint32_t> held(all, 0);
      std::vector<std::size_t> index(all, 0);
      const auto hold = [&](PageId page, std::size_t at) {
        if (held[page.value()]++ == 0) index[page.value()] = at;
        ASSERT_EQ(index[page.value()], at) << "a page in two places";
      };
      for (const Live& live : live_) {
        const auto pages = live.sequence->view().pages(group);
        for (std::size_t at = 0; at < pages.size(); ++at) {
          if (pages[at] != KvPool::padding_page()) hold(pages[at], at);
        }
      }
      for (const Kept& kept : snapshots_) {
        const auto pages = kept.snapshot.pages(group);
        const std::size_t last = divide_up(kept.snapshot.length(), kPageRows);
        for (std::size_t i = 0; i < pages.size(); ++i) hold(pages[i], last - pages.size() + i);
      }
      if constexpr (requires { entries.begin()->room; }) {
        for (const auto& entry : entries) {
          for (const PageCopy& copy : entry.room.copies()) {
            if (copy.group == group) hold(copy.from, entry.live->sequence->length() / kPageRows);
          }
        }
      }
      const auto somebodys = all - std::count(held.begin(), held.end(), 0u);
      ASSERT_EQ(somebodys + pool_.free_pages(group) + 1, all);
      for (std::uint32_t page = 0; page < all; ++page) {
        ASSERT_EQ(pool_.references(group, PageId(page)), held[page]);
      }
    }
    if constexpr (!requires { entries.begin()->room; }) check_bytes();
  }

  void check_bytes() {
    for (const Live& live : live_) {
      ASSERT_EQ(live.sequence->length(), live.history.size());
      bytes_.expect_next_row_reads(live.sequence->view(), live.history);
      for (const PageId page : live.sequence->view().pages(KvGroup::kSliding)) {
        seen_.slid += page == KvPool::padding_page() ? 1 : 0;
      }
    }
    for (const Kept& kept : snapshots_) {
      for (const std::uint32_t rows : {kept.snapshot.length(), kept.snapshot.shortest()}) {
        const auto again = pool_.open();
        pool_.restore(*again, kept.snapshot, rows);
        bytes_.expect_next_row_reads(again->view(), std::span(kept.history).first(rows));
      }
    }
  }

  std::mt19937 random_;
  KvPool pool_;
  FakeKvBytes bytes_;
  std::vector<Live> live_;
  std::vector<Kept> snapshots_;
  std::uint32_t next_token_ = 0x10000;
  Seen seen_;
};

TEST(PoolSimulation, accounts_and_bytes_are_exact_after_every_operation) {
  Simulation::Seen all;
  for (std::uint32_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    // Small enough to be full often, a window that is no multiple of a page.
    Simulation simulation({.global_pages = 40 + seed,
                           .sliding_pages = 18 + seed,
                           .window = 60 + 7 * seed,
                           .sequence_rows = 700},
                          seed);
    for (int step = 0; step < 1000; ++step) {
      simulation.step();
      if (testing::Test::HasFatalFailure()) FAIL() << "at step " << step;
    }
    simulation.close_everything();
    const auto& seen = simulation.seen();
    all.full += seen.full, all.beyond += seen.beyond, all.copies += seen.copies;
    all.dropped += seen.dropped, all.dropped_with_copies += seen.dropped_with_copies;
    all.partial += seen.partial, all.restored_short += seen.restored_short, all.slid += seen.slid;
  }
  // The run is worth something only if all of this happened.
  EXPECT_GT(all.full, 200);
  EXPECT_GT(all.beyond, 20);
  EXPECT_GT(all.copies, 1000);
  EXPECT_GT(all.dropped, 200);
  EXPECT_GT(all.dropped_with_copies, 50);
  EXPECT_GT(all.partial, 500);
  EXPECT_GT(all.restored_short, 50);
  EXPECT_GT(all.slid, 1000);
}

}  // namespace
}  // namespace outrider
