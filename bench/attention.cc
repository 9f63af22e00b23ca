// bench_attention [threads] [positions]: attention of one row over long texts, keys and values in
// F16, against what this machine's memory can give, measured in the same run; and what the kernel
// does with a page that stays in a near cache.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "core/half.h"
#include "cpu/buffer.h"
#include "cpu/kernels.h"
#include "platform/bandwidth.h"
#include "platform/thread_pool.h"

namespace outrider {
namespace {

using Clock = std::chrono::steady_clock;

struct Shape {
  const char* name;
  std::uint32_t heads, head_dim;  // query heads that share one KV head
};

struct Bench {
  const CpuKernels& kernels;
  ThreadPool& pool;
  double bandwidth;
  AlignedBuffer memory;

  // Seconds of the fastest of some walks through positions [0, positions) of `layers` layers, whose
  // pages stand one behind the other or are all the same one.
  double seconds(const Shape& shape, std::uint32_t positions, std::uint32_t layers,
                 bool same_page) {
    const std::uint32_t pages = positions / kPageRows;
    const std::size_t plane = std::size_t{kPageRows} * shape.head_dim * 2;
    std::vector<PageId> table;
    for (std::uint32_t i = 0; i < pages * layers; ++i) table.emplace_back(same_page ? 0 : i);
    auto q = AlignedBuffer::allocate(std::size_t{shape.heads} * shape.head_dim * sizeof(float),
                                     "queries");
    require(bool{q}, "some memory");
    std::fill_n(reinterpret_cast<float*>(q->data()), std::size_t{shape.heads} * shape.head_dim,
                0.05f);
    const std::size_t state_floats = shape.heads * attention_stride(shape.head_dim);
    auto states = AlignedBuffer::allocate(state_floats * pool.threads() * sizeof(float), "states");
    require(bool{states}, "some memory");
    double best = 1e9;
    for (int turn = 0; turn < 7; ++turn) {
      const auto start = Clock::now();
      for (std::uint32_t layer = 0; layer < layers; ++layer) {
        pool.run([&](std::uint32_t thread) {
          const Range part = share_of(pages, thread, pool.threads());
          for (std::size_t at = part.begin; at < part.end; at += 16) {
            const std::size_t end = std::min(part.end, at + 16);
            kernels.attend_f16(
                {.q = reinterpret_cast<const float*>(q->data()),
                 .state = reinterpret_cast<float*>(states->data()) + thread * state_floats,
                 .heads = shape.heads,
                 .head_dim = shape.head_dim,
                 .base = memory.data(),
                 .page_bytes = 2 * plane,
                 .key_offset = 0,
                 .value_offset = plane,
                 .pages = std::span(table).subspan(std::size_t{layer} * pages, pages),
                 .begin = static_cast<std::uint32_t>(at * kPageRows),
                 .end = static_cast<std::uint32_t>(end * kPageRows)});
          }
        });
      }
      best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
    }
    return best;
  }

  void report(const Shape& shape, std::uint32_t positions) {
    const std::size_t bytes = std::size_t{positions} * shape.head_dim * 4;
    const auto layers = static_cast<std::uint32_t>(memory.size() / bytes);
    const double far = seconds(shape, positions, layers, false) / layers / positions;
    const double near = seconds(shape, positions, layers, true) / layers / positions;
    const double per_position = shape.head_dim * 4.0;
    fmt::print(
        "{:28} from memory {:6.1f} ns, {:5.1f} GB/s, {:3.0f} %; from a cache {:6.1f} ns, {:6.1f} G "
        "products/s\n",
        shape.name, far * 1e9, per_position / far / 1e9, 100 * per_position / far / bandwidth,
        near * 1e9, 2.0 * shape.heads * shape.head_dim / near / 1e9);
  }
};

void run(std::uint32_t threads, std::uint32_t positions) {
  const CpuKernels kernels = best_cpu_kernels();
  ThreadPool pool(threads);
  auto memory = AlignedBuffer::allocate(std::size_t{512} << 20, "keys and values");
  require(bool{memory}, "some memory");
  auto* halves = reinterpret_cast<std::uint16_t*>(memory->data());
  for (std::size_t i = 0; i < memory->size() / 2; ++i)
    halves[i] = float_to_f16(static_cast<float>(i * 7919 % 1000) / 1000 - 0.5f);
  Bench bench{kernels, pool, read_bandwidth(pool), std::move(*memory)};
  fmt::print("{} threads, {}: memory {:.1f} GB/s; per position and layer, all threads together\n",
             threads, kernels.target, bench.bandwidth / 1e9);
  for (const Shape& shape :
       {Shape{"E2B global, 8 heads of 512", 8, 512}, Shape{"E4B global, 4 heads of 512", 4, 512},
        Shape{"12B global, 16 heads of 512", 16, 512}, Shape{"sliding, 8 heads of 256", 8, 256},
        Shape{"sliding, 2 heads of 256", 2, 256}})
    bench.report(shape, positions);
}

}  // namespace
}  // namespace outrider

int main(int argc, char** argv) {
  const auto number = [&](int index, std::size_t otherwise) {
    return static_cast<std::uint32_t>(argc > index ? std::strtoull(argv[index], nullptr, 10)
                                                   : otherwise);
  };
  outrider::run(number(1, outrider::usable_cores()), number(2, 16384) / 64 * 64);
  return 0;
}
