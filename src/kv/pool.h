// The KV pool: pages, the sequences that hold them, and the only ways to reach them.
//
//   KvView      read:  page tables and visible length of ONE sequence, as one value
//   KvAppend    write: room for this step's rows; whatever is not committed never happened
//   KvSnapshot  keep:  what a sequence holds now, to begin other sequences with
//
// There is no stream axis and no batch axis here. A sequence is an object, so "which slot" cannot
// be an offset that somebody forgets to add. The bytes themselves belong to the backend; this is
// who may use which.
//
// Pages are shared by reference count: full pages as they are, and a page that is only partly full
// is copied by whoever appends to it while others hold it.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/contract.h"
#include "core/id.h"
#include "core/inline_vector.h"
#include "core/result.h"
#include "kv/counted_pages.h"
#include "kv/layout.h"

namespace outrider {

class KvPool;
class Sequence;

// Page tables are indexed by position / 64. Sliding pages that left the window read as the padding
// page.
class KvView {
 public:
  std::uint32_t length() const { return length_; }  // positions [0, length) are visible
  std::span<const PageId> pages(KvGroup group) const {
    return pages_[static_cast<std::size_t>(group)];
  }

 private:
  friend class KvPool;
  friend class KvAppend;
  friend class Sequence;
  using Tables = std::array<std::span<const PageId>, kKvGroups>;
  KvView(Tables pages, std::uint32_t length) : pages_(pages), length_(length) {}
  Tables pages_;
  std::uint32_t length_;
};

struct KvLimits {
  std::uint32_t global_pages;   // physical pages, the padding page included
  std::uint32_t sliding_pages;  // likewise
  // Positions that a row on a sliding layer sees, its own included: the most of target and drafter.
  // The next row sees the last window - 1 committed positions. One more is kept, so that a sequence
  // can be restored one row short and that row computed again.
  std::uint32_t window;
  std::uint32_t sequence_rows;  // positions one sequence may reach
};

// The first `rows` positions of a page, to be copied before the rows of a launch are written.
struct PageCopy {
  KvGroup group = KvGroup::kGlobal;
  PageId from{0};
  PageId to{0};
  std::uint32_t rows = 0;
};

// Between appends it holds exactly the pages of its committed rows, less those behind the window.
class Sequence {
 public:
  Sequence(const Sequence&) = delete;  // stays put: views and appends point into it
  Sequence& operator=(const Sequence&) = delete;
  ~Sequence();

  SeqId id() const { return id_; }
  std::uint32_t length() const { return length_; }  // committed rows only
  // Good until the next append: the launch that runs it may have yet to copy a page of it.
  KvView view() const { return {tables(), length_}; }

 private:
  friend class KvPool;
  friend class KvAppend;
  Sequence(SeqId id, KvPool& pool);
  KvView::Tables tables() const { return {pages_[0], pages_[1]}; }

  SeqId id_;
  KvPool& pool_;
  std::uint32_t length_ = 0;
  std::uint32_t sliding_first_ = 0;  // sliding pages before this index were let go
  bool appending_ = false;
  // Of the open append: at most the page that holds position length, once per group.
  InlineVector<PageCopy, kKvGroups> copies_;
  // Reserved to the sequence's limit at birth, so a view outlives later appends.
  std::array<std::vector<PageId>, kKvGroups> pages_;
};

// Room for rows of one sequence, which has one append open at a time and outlives it. Dropped
// uncommitted, it never happened: the sequence is as it was, whether or not a launch ran.
class [[nodiscard]] KvAppend {
 public:
  KvAppend(KvAppend&& other) noexcept
      : sequence_(std::exchange(other.sequence_, nullptr)), rows_(other.rows_) {}
  KvAppend& operator=(KvAppend&&) = delete;
  ~KvAppend();

  const Sequence& sequence() const { return *sequence_; }
  std::uint32_t rows() const { return rows_; }
  Pos pos(std::uint32_t row) const { return Pos(sequence_->length_ + row); }
  // What a new row may attend to: the committed prefix and its own chunk up to itself.
  KvView visible(std::uint32_t row) const { return {sequence_->tables(), pos(row).value() + 1}; }
  // At most one per group: pages that others hold too and that the new rows are written behind.
  // The launch that brings these rows makes the copies first, those of all its sequences before it
  // writes any row. Borrowed until the room is committed or dropped.
  std::span<const PageCopy> copies() const {
    return {sequence_->copies_.begin(), sequence_->copies_.size()};
  }

  // The launch ran, copies included: the first `accepted` rows stand and the others are gone.
  // Sliding pages that no later row can see are let go. With no row accepted, the sequence still
  // goes on with its copies; who can't say that the launch ran drops the room instead.
  void commit(std::uint32_t accepted) &&;

 private:
  friend class KvPool;
  KvAppend(Sequence& sequence, std::uint32_t rows) : sequence_(&sequence), rows_(rows) {}
  Sequence* sequence_;
  std::uint32_t rows_;
};

// What a sequence held at one length, for as long as this lives, whatever becomes of the sequence.
// The pool outlives it.
class [[nodiscard]] KvSnapshot {
 public:
  KvSnapshot(KvSnapshot&& other) noexcept { swap(other); }
  KvSnapshot& operator=(KvSnapshot&& other) noexcept {
    KvSnapshot taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~KvSnapshot();

  std::uint32_t length() const { return length_; }
  // A sequence can be restored to any length from here to length(). It is length() - 1 or less,
  // unless the snapshot is of a sequence that was itself restored and has not grown since.
  std::uint32_t shortest() const { return shortest_; }
  // The pages it holds: all global ones, and the sliding ones that hold the window.
  std::span<const PageId> pages(KvGroup group) const {
    return pages_[static_cast<std::size_t>(group)];
  }

 private:
  friend class KvPool;
  explicit KvSnapshot(KvPool& pool) : pool_(&pool) {}
  void swap(KvSnapshot& other) noexcept;

  KvPool* pool_ = nullptr;
  std::uint32_t length_ = 0;
  std::uint32_t shortest_ = 0;
  std::uint32_t sliding_first_ = 0;  // index of the first sliding page held
  std::array<std::vector<PageId>, kKvGroups> pages_;
};

// Appending, committing and restoring allocate nothing.
class KvPool {
 public:
  explicit KvPool(KvLimits limits);
  KvPool(const KvPool&) = delete;
  KvPool& operator=(const KvPool&) = delete;

  const KvLimits& limits() const { return limits_; }
  std::unique_ptr<Sequence> open() {
    return std::unique_ptr<Sequence>(new Sequence(SeqId(next_id_++), *this));
  }

  // kBadRequest past the sequence's limit, kExhausted when no page is left; nothing is taken on
  // failure.
  Result<KvAppend> append(Sequence& sequence, std::uint32_t rows);

  // No append of the sequence is open: what it would write is not there yet.
  KvSnapshot snapshot(const Sequence& sequence);
  // Makes `empty`, a sequence of this pool without rows, hold the first `rows` of the snapshot,
  // snapshot.shortest() to snapshot.length() of them. No page is taken or copied.
  void restore(Sequence& empty, const KvSnapshot& snapshot, std::uint32_t rows);

  // A page nobody owns, with nothing visible. Padding rows read and write it, so padding is never
  // index -1.
  KvView padding() const { return {{padding_, padding_}, 0}; }
  static constexpr PageId padding_page() { return PageId(0); }

  std::uint32_t free_pages(KvGroup group) const { return of(group).free(); }
  // How many sequences, snapshots and open appends hold a page; 0 for a free one and for the
  // padding page.
  std::uint32_t references(KvGroup group, PageId page) const { return of(group).references(page); }

 private:
  friend class Sequence;
  friend class KvAppend;
  friend class KvSnapshot;
  CountedPages& of(KvGroup group) { return pages_[static_cast<std::size_t>(group)]; }
  const CountedPages& of(KvGroup group) const { return pages_[static_cast<std::size_t>(group)]; }
  bool must_copy_tail(const Sequence& sequence, KvGroup group) const;
  void keep_copies(Sequence& sequence);
  void undo_copies(Sequence& sequence);
  void free_past_length(Sequence& sequence);
  void free_behind_window(Sequence& sequence);

  KvLimits limits_;
  std::uint32_t next_id_ = 0;
  std::array<CountedPages, kKvGroups> pages_;
  std::vector<PageId> padding_{padding_page()};
};

}  // namespace outrider
