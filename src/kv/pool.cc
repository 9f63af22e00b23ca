#include "kv/pool.h"

#include <fmt/format.h>

#include <algorithm>

namespace outrider {
namespace {

constexpr std::size_t index_of(KvGroup group) {
  return static_cast<std::size_t>(group);
}

}  // namespace

Sequence::Sequence(SeqId id, KvPool& pool) : id_(id), pool_(pool) {
  for (auto& table : pages_) table.reserve(divide_up(pool.limits_.sequence_rows, kPageRows));
}

Sequence::~Sequence() {
  require(!appending_, "a sequence outlives the room in it");
  for (const KvGroup group : kEachKvGroup) {
    for (const PageId page : pages_[index_of(group)]) {
      if (page != KvPool::padding_page()) pool_.of(group).release(page);
    }
  }
}

KvAppend::~KvAppend() {
  if (sequence_ == nullptr) return;
  KvPool& pool = sequence_->pool_;
  pool.undo_copies(*sequence_);
  pool.free_past_length(*sequence_);
  sequence_->appending_ = false;
}

void KvAppend::commit(std::uint32_t accepted) && {
  require(sequence_ != nullptr, "room is committed once");
  require(accepted <= rows_, "no more rows are accepted than were written");
  Sequence& sequence = *std::exchange(sequence_, nullptr);
  KvPool& pool = sequence.pool_;
  pool.keep_copies(sequence);
  sequence.length_ += accepted;
  pool.free_past_length(sequence);
  pool.free_behind_window(sequence);
  sequence.appending_ = false;
}

KvSnapshot::~KvSnapshot() {
  if (pool_ == nullptr) return;
  for (const KvGroup group : kEachKvGroup) {
    for (const PageId page : pages(group)) pool_->of(group).release(page);
  }
}

void KvSnapshot::swap(KvSnapshot& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(length_, other.length_);
  std::swap(shortest_, other.shortest_);
  std::swap(sliding_first_, other.sliding_first_);
  std::swap(pages_, other.pages_);
}

KvPool::KvPool(KvLimits limits)
    : limits_(limits),
      pages_{CountedPages(limits.global_pages), CountedPages(limits.sliding_pages)} {
  require(limits.sequence_rows > 0 && limits.window > 0, "a sequence has room and a window");
}

// Others only read the rows they know of, but two may write behind them, so nobody writes to a page
// while another holds it.
bool KvPool::must_copy_tail(const Sequence& sequence, KvGroup group) const {
  return sequence.length_ % kPageRows != 0 &&
         of(group).references(sequence.pages_[index_of(group)].back()) > 1;
}

Result<KvAppend> KvPool::append(Sequence& sequence, std::uint32_t rows) {
  require(&sequence.pool_ == this, "a sequence appends to the pool that opened it");
  require(!sequence.appending_, "a sequence has one append open at a time");
  if (rows > limits_.sequence_rows - sequence.length_) {
    return Error{
        ErrorCode::kBadRequest,
        fmt::format("a sequence may hold {} positions, but {} rows after {} were asked for",
                    limits_.sequence_rows, rows, sequence.length_)};
  }
  const std::uint32_t want = divide_up(sequence.length_ + rows, kPageRows);
  std::array<bool, kKvGroups> copy{};
  for (const KvGroup group : kEachKvGroup) {
    copy[index_of(group)] = rows > 0 && must_copy_tail(sequence, group);
    const std::size_t missing =
        want - sequence.pages_[index_of(group)].size() + (copy[index_of(group)] ? 1 : 0);
    if (missing > free_pages(group)) {
      return Error{
          ErrorCode::kExhausted,
          fmt::format("the KV pool is full: {} more {} pages are needed, {} are free", missing,
                      group == KvGroup::kGlobal ? "global" : "sliding", free_pages(group))};
    }
  }
  for (const KvGroup group : kEachKvGroup) {
    auto& table = sequence.pages_[index_of(group)];
    if (copy[index_of(group)]) {
      const PageId to = of(group).take();
      const PageId from = std::exchange(table.back(), to);
      sequence.copies_.push_back({group, from, to, sequence.length_ % kPageRows});
    }
    while (table.size() < want) table.push_back(of(group).take());
  }
  sequence.appending_ = true;
  return KvAppend(sequence, rows);
}

void KvPool::keep_copies(Sequence& sequence) {
  for (const PageCopy& copy : sequence.copies_) of(copy.group).release(copy.from);
  sequence.copies_.clear();
}

void KvPool::undo_copies(Sequence& sequence) {
  for (const PageCopy& copy : sequence.copies_) {
    sequence.pages_[index_of(copy.group)][sequence.length_ / kPageRows] = copy.from;
    of(copy.group).release(copy.to);
  }
  sequence.copies_.clear();
}

void KvPool::free_past_length(Sequence& sequence) {
  const std::uint32_t keep = divide_up(sequence.length_, kPageRows);
  for (const KvGroup group : kEachKvGroup) {
    auto& table = sequence.pages_[index_of(group)];
    for (; table.size() > keep; table.pop_back()) of(group).release(table.back());
  }
}

// A committed row never comes back, so a page is dead once its last position stands before
// length - window.
void KvPool::free_behind_window(Sequence& sequence) {
  auto& table = sequence.pages_[index_of(KvGroup::kSliding)];
  while ((std::uint64_t{sequence.sliding_first_} + 1) * kPageRows + limits_.window <=
         sequence.length_) {
    PageId& page = table[sequence.sliding_first_++];
    of(KvGroup::kSliding).release(std::exchange(page, padding_page()));
  }
}

KvSnapshot KvPool::snapshot(const Sequence& sequence) {
  require(&sequence.pool_ == this, "a sequence is kept by the pool that opened it");
  require(!sequence.appending_, "what an open append will write is not there to be kept");
  KvSnapshot kept(*this);
  kept.length_ = sequence.length_;
  kept.sliding_first_ = sequence.sliding_first_;
  // The next row, at position `rows`, sees from rows + 1 - window on.
  if (kept.sliding_first_ > 0) {
    kept.shortest_ = std::min(kept.length_, kept.sliding_first_ * kPageRows + limits_.window - 1);
  }
  for (const KvGroup group : kEachKvGroup) {
    const std::uint32_t first = group == KvGroup::kSliding ? kept.sliding_first_ : 0;
    const auto held = std::span(sequence.pages_[index_of(group)]).subspan(first);
    kept.pages_[index_of(group)].assign(held.begin(), held.end());
    for (const PageId page : held) of(group).share(page);
  }
  return kept;
}

void KvPool::restore(Sequence& empty, const KvSnapshot& snapshot, std::uint32_t rows) {
  require(&empty.pool_ == this && snapshot.pool_ == this, "a snapshot is restored in its own pool");
  require(empty.length_ == 0 && !empty.appending_, "a sequence is restored while it is empty");
  require(rows >= snapshot.shortest_ && rows <= snapshot.length_,
          "a snapshot is restored to a length it has the window of");
  require(snapshot.length_ <= limits_.sequence_rows, "a snapshot fits a sequence of its pool");
  const std::uint32_t want = divide_up(rows, kPageRows);
  for (const KvGroup group : kEachKvGroup) {
    const std::uint32_t first = group == KvGroup::kSliding ? snapshot.sliding_first_ : 0;
    auto& table = empty.pages_[index_of(group)];
    table.assign(std::min(first, want), padding_page());
    for (std::uint32_t page = first; page < want; ++page) {
      table.push_back(snapshot.pages(group)[page - first]);
      of(group).share(table.back());
    }
  }
  empty.length_ = rows;
  empty.sliding_first_ = std::min(snapshot.sliding_first_, want);
}

}  // namespace outrider
