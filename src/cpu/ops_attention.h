// Attention of the CPU recorder. The visible keys of a row fall into stretches of whole pages,
// whose places depend on the row's own position alone; each stretch is attended to by itself, and
// what they leave is put together in order. So it does not matter whether one thread takes them all
// or many threads some each.
#pragma once
#include <algorithm>
#include <cstdint>

#include "cpu/program.h"

namespace outrider {

// A row never has more stretches than this.
inline constexpr std::uint32_t kStretchesMost = 16;

// Positions [begin, end) in stretches of whole pages; no stretch has more than one page more than
// another.
class Stretches {
 public:
  Stretches(std::uint32_t begin, std::uint32_t end);

  std::uint32_t count() const { return count_; }
  // Stretch i is positions [from(i), to(i)).
  std::uint32_t from(std::uint32_t i) const { return std::max(begin_, edge(i)); }
  std::uint32_t to(std::uint32_t i) const { return std::min(end_, edge(i + 1)); }

 private:
  std::uint32_t edge(std::uint32_t i) const;

  std::uint32_t begin_, end_, first_page_, pages_, count_;
};

// Every row's stretches one after the other on one thread: for launches of many rows.
struct AttendOp final : CpuOp {
  Rows q;
  KvTarget kv{KvLayerId(0), {}, 0};
  Rows out;
  void run(const CpuLaunch& launch, Share share) const override;
};

// The stretches of few rows shared out among threads; `states` is [rows, kStretchesMost * heads *
// attention_stride(head_dim)].
struct AttendStretchesOp final : CpuOp {
  Rows q;
  KvTarget kv{KvLayerId(0), {}, 0};
  Rows states;
  void run(const CpuLaunch& launch, Share share) const override;
};

// Puts together what they left.
struct MergeStretchesOp final : CpuOp {
  KvTarget kv{KvLayerId(0), {}, 0};
  Rows states;
  Rows out;
  void run(const CpuLaunch& launch, Share share) const override;
};

// Scratch of one thread for AttendOp.
std::size_t attention_scratch_bytes(std::uint32_t q_width, const KvLayerShape& shape);

}  // namespace outrider
