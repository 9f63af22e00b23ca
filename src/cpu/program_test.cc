// How work is handed out to threads while it is done.
#include "cpu/program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace outrider {
namespace {

std::vector<Range> all_pieces(GuidedWork& work, std::size_t count, std::size_t grain,
                              std::uint32_t threads) {
  std::vector<Range> pieces;
  for (Range piece = work.take(count, grain, threads); piece.begin < piece.end;
       piece = work.take(count, grain, threads)) {
    pieces.push_back(piece);
  }
  return pieces;
}

TEST(GuidedWorkTest, pieces_follow_each_other_from_the_first_to_the_last) {
  GuidedWork work;
  for (const std::size_t count : {1u, 31u, 32u, 33u, 6144u, 262144u}) {
    for (const std::size_t grain : {1u, 32u}) {
      for (const std::uint32_t threads : {1u, 2u, 16u}) {
        work.restart();
        std::size_t end = 0;
        for (const Range& piece : all_pieces(work, count, grain, threads)) {
          EXPECT_EQ(piece.begin, end);
          EXPECT_TRUE(piece.end % grain == 0 || piece.end == count);
          end = piece.end;
        }
        EXPECT_EQ(end, count) << grain << " " << threads;
      }
    }
  }
}

TEST(GuidedWorkTest, nothing_is_handed_out_of_nothing) {
  GuidedWork work;
  EXPECT_TRUE(all_pieces(work, 0, 32, 2).empty());
}

TEST(GuidedWorkTest, large_pieces_come_first_and_the_last_are_small) {
  GuidedWork work;
  const auto pieces = all_pieces(work, 6144, 32, 2);
  EXPECT_LE(pieces.front().end - pieces.front().begin, 6144 / 2);
  EXPECT_EQ(pieces.back().end - pieces.back().begin, 32);
  EXPECT_LT(pieces.size(), 20);
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    EXPECT_LE(pieces[i].end - pieces[i].begin, pieces[i - 1].end - pieces[i - 1].begin);
  }
}

TEST(GuidedWorkTest, threads_that_ask_at_once_never_get_the_same) {
  constexpr std::size_t kCount = 5000;
  ThreadPool pool(4);
  GuidedWork work;
  for (int turn = 0; turn < 50; ++turn) {
    work.restart();
    std::vector<int> taken(kCount,
                           0);  // TSan sees two threads at one place, the sum sees one left out
    pool.run([&](std::uint32_t thread) {
      const Share share{thread, pool.threads(), &work};
      share.each(kCount, 3, [&](Range piece) {
        for (std::size_t i = piece.begin; i < piece.end; ++i) ++taken[i];
      });
    });
    ASSERT_EQ(std::count(taken.begin(), taken.end(), 1), kCount) << turn;
  }
}

TEST(GuidedWorkTest, work_that_is_not_guided_is_shared_out_beforehand) {
  for (std::uint32_t thread = 0; thread < 3; ++thread) {
    int calls = 0;
    Share{thread, 3}.each_of_columns(96, [&](Range part) {
      ++calls;
      EXPECT_EQ(part.begin, thread * 32);
      EXPECT_EQ(part.end, (thread + 1) * 32);
    });
    EXPECT_EQ(calls, 1);
  }
}

}  // namespace
}  // namespace outrider
