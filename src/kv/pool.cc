#include "kv/pool.h"

#include <fmt/format.h>

namespace outrider {

Sequence::Sequence(SeqId id, KvPool& pool) : id_(id), pool_(pool) {
  for (auto& table : pages_) table.reserve(divide_up(pool.limits_.sequence_rows, kPageRows));
}

Sequence::~Sequence() {
  for (const KvGroup group : {KvGroup::kGlobal, KvGroup::kSliding}) {
    for (const PageId page : pages_[static_cast<std::size_t>(group)]) {
      if (page != KvPool::padding_page()) pool_.give_back(group, page);
    }
  }
}

void KvAppend::commit(std::uint32_t accepted) && {
  require(sequence_ != nullptr, "room is committed once");
  require(accepted <= rows_, "no more rows are accepted than were written");
  sequence_->length_ += accepted;
  sequence_->pool_.free_behind_window(*sequence_);
  sequence_ = nullptr;
}

KvPool::KvPool(KvLimits limits) : limits_(limits) {
  require(limits.global_pages > 1 && limits.sliding_pages > 1, "one page is kept for padding rows");
  require(limits.sequence_rows > 0 && limits.window > 0, "a sequence has room and a window");
  const std::array<std::uint32_t, kKvGroups> pages = {limits.global_pages, limits.sliding_pages};
  for (std::size_t group = 0; group < kKvGroups; ++group) {
    free_[group].reserve(pages[group]);
    for (std::uint32_t page = pages[group]; page-- > 1;) free_[group].push_back(PageId(page));
  }
}

Result<KvAppend> KvPool::append(Sequence& sequence, std::uint32_t rows) {
  require(&sequence.pool_ == this, "a sequence appends to the pool that opened it");
  if (rows > limits_.sequence_rows - sequence.length_) {
    return Error{
        ErrorCode::kBadRequest,
        fmt::format("a sequence may hold {} positions, but {} rows after {} were asked for",
                    limits_.sequence_rows, rows, sequence.length_)};
  }
  const std::uint32_t want = divide_up(sequence.length_ + rows, kPageRows);
  for (std::size_t group = 0; group < kKvGroups; ++group) {
    if (want > sequence.pages_[group].size() + free_[group].size()) {
      return Error{ErrorCode::kExhausted,
                   fmt::format("the KV pool is full: {} more {} pages are needed, {} are free",
                               want - sequence.pages_[group].size(),
                               group == 0 ? "global" : "sliding", free_[group].size())};
    }
  }
  for (std::size_t group = 0; group < kKvGroups; ++group) {
    while (sequence.pages_[group].size() < want) {
      sequence.pages_[group].push_back(free_[group].back());
      free_[group].pop_back();
    }
  }
  return KvAppend(sequence, rows);
}

void KvPool::give_back(KvGroup group, PageId page) {
  free_[static_cast<std::size_t>(group)].push_back(page);
}

// The next row stands at position length and sees positions above length - window, and so does the
// drafter; a committed row never comes back. So a page is dead once its last position is at most
// length - window.
void KvPool::free_behind_window(Sequence& sequence) {
  auto& table = sequence.pages_[static_cast<std::size_t>(KvGroup::kSliding)];
  while (std::uint64_t{sequence.sliding_freed_ + 1} * kPageRows + limits_.window <=
         std::uint64_t{sequence.length_} + 1) {
    PageId& page = table[sequence.sliding_freed_++];
    give_back(KvGroup::kSliding, std::exchange(page, padding_page()));
  }
}

}  // namespace outrider
