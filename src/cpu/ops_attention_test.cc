// How the keys that a row sees are shared out.
#include "cpu/ops_attention.h"

#include <gtest/gtest.h>

#include "kv/layout.h"

namespace outrider {
namespace {

std::uint32_t pages_of(std::uint32_t from, std::uint32_t to) {
  return divide_up(to, kPageRows) - from / kPageRows;
}

TEST(Stretches, cover_every_position_once_in_equal_parts_of_whole_pages) {
  for (const std::uint32_t begin : {0u, 1u, 63u, 64u, 1000u, 16000u}) {
    for (const std::uint32_t length : {1u, 63u, 64u, 512u, 1024u, 1025u, 16385u, 131072u}) {
      const Stretches stretches(begin, begin + length);
      const std::uint32_t count = stretches.count(), pages = pages_of(begin, begin + length);
      ASSERT_EQ(count, std::min(pages, kStretchesMost));
      std::uint32_t at = begin;
      for (std::uint32_t i = 0; i < count; ++i) {
        EXPECT_EQ(stretches.from(i), at);
        EXPECT_TRUE(i == 0 || at % kPageRows == 0) << at;
        at = stretches.to(i);
        const std::uint32_t own = pages_of(stretches.from(i), at);
        EXPECT_GE(own, pages / count);
        EXPECT_LE(own, divide_up(pages, count));
      }
      EXPECT_EQ(at, begin + length);
    }
  }
}

TEST(Stretches, of_nothing_are_none) {
  EXPECT_EQ(Stretches(640, 640).count(), 0u);
  EXPECT_EQ(Stretches(0, 0).count(), 0u);
}

}  // namespace
}  // namespace outrider
