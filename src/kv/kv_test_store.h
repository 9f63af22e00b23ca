// Tests: pages whose "keys and values" are the tokens themselves, so that what a sequence reads can
// be compared with its own history.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "kv/pool.h"

namespace outrider {

class FakeKvBytes {
 public:
  static constexpr std::uint32_t kPoison = 0xdeadu;  // no token

  explicit FakeKvBytes(const KvLimits& limits)
      : window_(limits.window), pages_{Pages(limits.global_pages), Pages(limits.sliding_pages)} {
    for (Pages& group : pages_) {
      for (Page& page : group) page.fill(kPoison);
    }
  }

  // What a backend does with a launch: every copy, then every row.
  void copy(const KvAppend& room) {
    for (const PageCopy& each : room.copies()) {
      const Page& from = page(each.group, each.from);
      std::copy_n(from.begin(), each.rows, page(each.group, each.to).begin());
    }
  }
  void write(const KvAppend& room, std::span<const std::uint32_t> tokens) {
    ASSERT_EQ(tokens.size(), room.rows());
    for (std::uint32_t row = 0; row < room.rows(); ++row) {
      const std::uint32_t pos = room.pos(row).value();
      for (const KvGroup group : {KvGroup::kGlobal, KvGroup::kSliding}) {
        const PageId at = room.visible(row).pages(group)[pos / kPageRows];
        ASSERT_NE(at, KvPool::padding_page());
        page(group, at)[pos % kPageRows] = tokens[row];
      }
    }
  }

  // A committed sequence's view: all that its next row will see.
  void expect_next_row_reads(const KvView& view, std::span<const std::uint32_t> history) const {
    ASSERT_EQ(view.length(), history.size());
    expect_reads(view, history, window_ - 1);
  }
  // A new row's view, its own position included.
  void expect_row_reads(const KvView& view, std::span<const std::uint32_t> history) const {
    expect_reads(view, history, window_);
  }
  // Everything on global pages, the last `reach` positions on sliding ones.
  void expect_reads(const KvView& view, std::span<const std::uint32_t> history,
                    std::uint32_t reach) const {
    ASSERT_LE(view.length(), history.size());
    for (const KvGroup group : {KvGroup::kGlobal, KvGroup::kSliding}) {
      const bool all = group == KvGroup::kGlobal || view.length() <= reach;
      for (std::uint32_t pos = all ? 0 : view.length() - reach; pos < view.length(); ++pos) {
        const PageId at = view.pages(group)[pos / kPageRows];
        ASSERT_NE(at, KvPool::padding_page()) << "position " << pos << " of " << view.length();
        ASSERT_EQ(page(group, at)[pos % kPageRows], history[pos])
            << (group == KvGroup::kGlobal ? "global" : "sliding") << " position " << pos << " of "
            << view.length();
      }
    }
  }

  // Whoever still reads a page that nobody holds will see it.
  void poison_free_pages(const KvPool& pool) {
    for (const KvGroup group : {KvGroup::kGlobal, KvGroup::kSliding}) {
      Pages& pages = pages_[static_cast<std::size_t>(group)];
      for (std::uint32_t at = 0; at < pages.size(); ++at) {
        if (pool.references(group, PageId(at)) == 0) pages[at].fill(kPoison);
      }
    }
  }

 private:
  using Page = std::array<std::uint32_t, kPageRows>;
  using Pages = std::vector<Page>;
  const Page& page(KvGroup group, PageId at) const {
    return pages_[static_cast<std::size_t>(group)][at.value()];
  }
  Page& page(KvGroup group, PageId at) {
    return pages_[static_cast<std::size_t>(group)][at.value()];
  }

  std::uint32_t window_;
  std::array<Pages, kKvGroups> pages_;
};

}  // namespace outrider
