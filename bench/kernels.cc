// bench_kernels [threads] [MiB of weights] [rows]: the packed dot products against what this
// machine can do at most, measured in the same run: few rows against its memory, many against its
// registers. Tiles are used from so many rows on, where there are any; otherwise from where they
// are faster.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/half.h"
#include "cpu/packed_weights.h"
#include "machine.h"
#include "platform/bandwidth.h"
#include "platform/thread_pool.h"

namespace outrider {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kCols = 1536, kRowsMost = 128;

// A matrix of any codes, every half float in it a small one.
struct Matrix {
  std::vector<std::byte> bytes;
  Weight weight;

  Matrix(TensorType type, std::size_t bytes_about) {
    const std::size_t row = row_bytes(type, kCols);
    const auto rows = static_cast<std::uint32_t>(bytes_about / row / 64 * 64);
    bytes.resize(rows * row);
    std::uint32_t state = 1;
    for (std::byte& byte : bytes) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::byte>(state >> 24);
    }
    const std::uint16_t scale = float_to_f16(0.01f);
    for (std::size_t at = 0; at < bytes.size(); at += info(type).block_bytes) {
      std::memcpy(&bytes[at + (type == TensorType::kQ6_K ? 208 : 0)], &scale, 2);
      if (type == TensorType::kQ4_K) std::memcpy(&bytes[at + 2], &scale, 2);
    }
    weight = {type, rows, kCols, bytes};
  }
};

struct Limits {
  double bandwidth, rate, tile_rate;
};

struct Bench {
  const CpuKernels& kernels;
  ThreadPool& pool;
  std::vector<CodeActivation32> x;
  std::vector<CodeTile> tiles;
  std::vector<float> out;
  AlignedBuffer scratch;

  // Seconds of the fastest of some walks over the matrix.
  double seconds(const PackedMatrix& w, std::uint32_t rows) {
    double best = 1e9;
    tiles.resize(code_tiles(rows, kCols / 32));
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t blocks = kCols / 32;
      put_in_tiles(&x[row * blocks], row, rows, {0, blocks}, blocks, tiles.data());
    }
    for (int turn = 0; turn < (rows > 16 ? 3 : 5); ++turn) {
      const auto start = Clock::now();
      pool.run([&](std::uint32_t thread) {
        const Range part = share_of(w.groups(), thread, pool.threads(), 2);
        const PackedDots job{w.at(part.begin), part.end - part.begin,      x.data(), kCols / 32,
                             kCols / 32,       &out[part.begin * w.group], w.rows,   rows,
                             tiles.data()};
        kernels.dot_rows(w.format, job, scratch.data() + thread * kernels.tiles.scratch_bytes);
      });
      best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
    }
    return best;
  }

  void report(const PackedMatrix& w, const char* name, const Limits& limits) {
    const auto bytes = static_cast<double>(w.groups() * w.group_bytes);
    for (const std::uint32_t rows : {1u, 2u, 3u, 4u, 6u, 8u, 16u, 32u, 64u, kRowsMost}) {
      const double time = seconds(w, rows);
      const double products = static_cast<double>(w.rows) * kCols * rows / time;
      fmt::print("{:5} {:4} rows {:8.2f} GB/s {:4.0f} % of memory {:8.1f} G products/s", name, rows,
                 bytes / time / 1e9, 100 * bytes / time / limits.bandwidth, products / 1e9);
      const bool on_tiles = kernels.tiles.take(rows);
      const double rate = on_tiles ? limits.tile_rate : limits.rate;
      if (rate > 0)
        fmt::print(" {:4.0f} % of {}", 100 * products / rate, on_tiles ? "tiles" : "registers");
      fmt::print("\n");
    }
  }
};

void run(std::uint32_t threads, std::size_t weight_bytes, std::size_t tiles_from) {
  CpuKernels kernels = best_cpu_kernels();
  if (tiles_from > 0) kernels.tiles.rows_least = static_cast<std::uint32_t>(tiles_from);
  ThreadPool pool(threads);
  const Limits limits{read_bandwidth(pool), register_rate(pool, kernels.target), tile_rate(pool)};
  fmt::print(
      "{} threads, {}: memory {:.1f} GB/s, registers {:.0f}, tiles {:.0f} G products/s (Q4_0's)\n",
      threads, kernels.target, limits.bandwidth / 1e9, limits.rate / 1e9, limits.tile_rate / 1e9);
  auto scratch = AlignedBuffer::allocate(kernels.tiles.scratch_bytes * threads, "scratch");
  require(bool{scratch}, "some memory");
  Bench bench{kernels, pool, {}, {}, {}, std::move(*scratch)};
  std::vector<float> values(kCols * kRowsMost);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i * 7919 % 1000) / 500 - 1;
  bench.x.resize(values.size() / 32);
  kernels.round_to_codes(values.data(), values.size(), bench.x.data());
  for (const TensorType type :
       {TensorType::kQ4_0, TensorType::kQ4_K, TensorType::kQ6_K, TensorType::kQ8_0}) {
    const Matrix matrix(type, weight_bytes);
    PackedWeights weights(kernels, pool);
    const PackedMatrix packed = weights.of(matrix.weight);
    bench.out.assign(std::size_t{packed.rows} * kRowsMost, 0);
    bench.report(packed, info(type).name.data(), limits);
  }
}

}  // namespace
}  // namespace outrider

int main(int argc, char** argv) {
  const auto number = [&](int index, std::size_t otherwise) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
  };
  const auto threads = static_cast<std::uint32_t>(number(1, outrider::usable_cores()));
  outrider::run(threads, number(2, 128) << 20, number(3, 0));
  return 0;
}
