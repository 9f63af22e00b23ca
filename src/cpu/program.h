// What the CPU recorder makes: a list of operations that all threads walk together, with a barrier
// wherever one touches what another thread may have touched before.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "cpu/kernels.h"
#include "kv/layout.h"
#include "platform/thread_pool.h"
#include "step/plan.h"
#include "step/recorder.h"

namespace outrider {

// Work that is handed out while it is done, piece by piece to whoever asks: large pieces first, so
// that there are few, then smaller ones, so that all threads end together although one of them is
// slower or lost its core for a while. (OpenMP calls it the guided schedule.)
class GuidedWork {
 public:
  void restart() { begun_.store(0, std::memory_order_relaxed); }
  // The next piece of [0, count), in units of `grain`; empty when everything has been handed out.
  Range take(std::size_t count, std::size_t grain, std::uint32_t threads);

 private:
  alignas(64) std::atomic<std::size_t> begun_{0};
};

// Where one launch works. Everything in it is data; nothing of it was known when the plan was
// recorded.
struct CpuLaunch {
  const CpuKernels& kernels;
  float* workspace;
  std::span<const Row> rows;                  // live rows only: padding is not computed
  std::span<const std::uint32_t> logit_rows;  // indices into rows
  std::span<const float* const> hidden;       // drafting: each row's hidden input
  const KvLayout& layout;
  std::byte* pages[kKvGroups];  // the arenas
  std::span<std::byte> thread_scratch;
  std::size_t thread_scratch_bytes;  // per thread
  std::span<GuidedWork> guided;      // for each guided step of the program

  std::size_t count(RowSet set) const {
    return set == RowSet::kAll ? rows.size() : logit_rows.size();
  }
  const Row& row(RowSet set, std::size_t i) const {
    return rows[set == RowSet::kAll ? i : std::size_t{logit_rows[i]}];
  }
  float* at(const Rows& r, std::size_t i) const { return workspace + r.offset + i * r.stride; }
  std::byte* scratch(std::uint32_t thread) const {
    return thread_scratch.data() + thread * thread_scratch_bytes;
  }
};

// How an operation shares out rows among threads.
struct Split {
  enum class Kind { kAnyhow, kParts, kColumns };
  Kind kind = Kind::kAnyhow;
  std::uint32_t parts = 0;

  // Each row in so many equal parts, row after row: 1 for whole rows, or a row's heads.
  static constexpr Split by_parts(std::uint32_t parts) { return {Kind::kParts, parts}; }
  // A range of columns of every row.
  static constexpr Split by_columns() { return {Kind::kColumns, 0}; }
  // Any thread may touch any row.
  static constexpr Split anyhow() { return {}; }
  friend bool operator==(const Split&, const Split&) = default;
};

// One thread's part of a job.
struct Share {
  std::uint32_t thread;
  std::uint32_t threads;
  GuidedWork* guided = nullptr;  // if the job is handed out while it is done
  Range of(std::size_t count, std::size_t grain = 1) const {
    return share_of(count, thread, threads, grain);
  }
  // Columns of rows that are split by columns: two operations on rows of one width share alike.
  Range of_columns(std::size_t width) const { return of(width, kColumnGrain); }
  // Calls work(range) for this thread's part of [0, count), or for each piece of it that the thread
  // gets.
  template <class Work>
  void each(std::size_t count, std::size_t grain, Work&& work) const {
    if (guided == nullptr) return work(of(count, grain));
    for (Range piece = guided->take(count, grain, threads); piece.begin < piece.end;
         piece = guided->take(count, grain, threads)) {
      work(piece);
    }
  }
  template <class Work>
  void each_of_columns(std::size_t width, Work&& work) const {
    each(width, kColumnGrain, std::forward<Work>(work));
  }
  // Of a block of codes, and of two cache lines: threads write to no line together.
  static constexpr std::size_t kColumnGrain = 32;
};

class CpuOp {
 public:
  virtual ~CpuOp() = default;
  // Called on every thread; touches only its share of the output. Inputs are complete.
  virtual void run(const CpuLaunch& launch, Share share) const = 0;
};

class CpuProgram : public Program {
 public:
  struct Step {
    bool meet;    // all threads have finished every step before
    bool guided;  // else each thread has its part from the beginning
    std::unique_ptr<CpuOp> op;
  };
  std::vector<Step> steps;
  std::size_t guided_steps = 0;
  Rows logits, hidden;
  std::size_t thread_scratch_bytes = 0;

  void run(const CpuLaunch& launch, ThreadPool& pool) const;
};

// Threads meet here between two steps; microseconds apart, so they spin.
class SpinBarrier {
 public:
  explicit SpinBarrier(std::uint32_t threads) : threads_(threads) {}
  void wait() {
    const std::uint32_t turn = turn_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
      arrived_.store(0, std::memory_order_relaxed);
      turn_.store(turn + 1, std::memory_order_release);
      return;
    }
    for (Patience patience; turn_.load(std::memory_order_acquire) == turn;) patience.wait();
  }

 private:
  std::uint32_t threads_;
  std::atomic<std::uint32_t> arrived_{0};
  std::atomic<std::uint32_t> turn_{0};
};

}  // namespace outrider
