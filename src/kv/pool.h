// The KV pool: pages, the sequences that own them, and the only two ways to reach them.
//
//   KvView    read:  page tables and visible length of ONE sequence, as one value
//   KvAppend  write: room for this step's rows; whatever is not committed never happened
//
// There is no stream axis and no batch axis here. A sequence is an object, so "which slot" cannot
// be an offset that somebody forgets to add. The bytes themselves belong to the backend; this is
// who may use which.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/contract.h"
#include "core/id.h"
#include "core/result.h"
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
  std::uint32_t window;         // positions a sliding layer sees, itself included
  std::uint32_t sequence_rows;  // positions one sequence may reach
};

class Sequence {
 public:
  Sequence(const Sequence&) = delete;  // stays put: views and appends point into it
  Sequence& operator=(const Sequence&) = delete;
  ~Sequence();

  SeqId id() const { return id_; }
  std::uint32_t length() const { return length_; }  // committed rows only
  KvView view() const { return {tables(), length_}; }

 private:
  friend class KvPool;
  friend class KvAppend;
  Sequence(SeqId id, KvPool& pool);
  KvView::Tables tables() const { return {pages_[0], pages_[1]}; }

  SeqId id_;
  KvPool& pool_;
  std::uint32_t length_ = 0;
  std::uint32_t sliding_freed_ = 0;  // sliding pages before this index went back to the pool
  // Reserved to the sequence's limit at birth, so a view outlives later appends.
  std::array<std::vector<PageId>, kKvGroups> pages_;
};

// Room for rows of one sequence. Dropped uncommitted, it never happened.
class [[nodiscard]] KvAppend {
 public:
  KvAppend(KvAppend&& other) noexcept
      : sequence_(std::exchange(other.sequence_, nullptr)), rows_(other.rows_) {}
  KvAppend& operator=(KvAppend&&) = delete;
  ~KvAppend() = default;

  const Sequence& sequence() const { return *sequence_; }
  std::uint32_t rows() const { return rows_; }
  Pos pos(std::uint32_t row) const { return Pos(sequence_->length_ + row); }
  // What a new row may attend to: the committed prefix and its own chunk up to itself.
  KvView visible(std::uint32_t row) const { return {sequence_->tables(), pos(row).value() + 1}; }

  // The first `accepted` rows stand; the others are gone. Sliding pages that no later row can see
  // are freed.
  void commit(std::uint32_t accepted) &&;

 private:
  friend class KvPool;
  KvAppend(Sequence& sequence, std::uint32_t rows) : sequence_(&sequence), rows_(rows) {}
  Sequence* sequence_;
  std::uint32_t rows_;
};

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

  // A page nobody owns, with nothing visible. Padding rows read and write it, so padding is never
  // index -1.
  KvView padding() const { return {{padding_, padding_}, 0}; }
  static constexpr PageId padding_page() { return PageId(0); }

  std::uint32_t free_pages(KvGroup group) const {
    return static_cast<std::uint32_t>(free_[static_cast<std::size_t>(group)].size());
  }

 private:
  friend class Sequence;
  friend class KvAppend;
  void give_back(KvGroup group, PageId page);
  void free_behind_window(Sequence& sequence);

  KvLimits limits_;
  std::uint32_t next_id_ = 0;
  std::array<std::vector<PageId>, kKvGroups> free_;
  std::vector<PageId> padding_{padding_page()};
};

}  // namespace outrider
