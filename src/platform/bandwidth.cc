#include "platform/bandwidth.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "platform/memory.h"

namespace outrider {
namespace {

using Clock = std::chrono::steady_clock;

// Eight sums, so that no addition waits for another. A line of memory at a time, asked for
// beforehand: processors that do so by themselves stop at every page.
std::uint64_t sum_words(const std::uint64_t* words, std::size_t count) {
  constexpr std::size_t kAhead = 6144 / sizeof(std::uint64_t);
  std::uint64_t sums[8] = {};
  for (std::size_t i = 0; i + 8 <= count; i += 8) {
    __builtin_prefetch(words + i + kAhead);
    for (std::size_t k = 0; k < 8; ++k) sums[k] += words[i + k];
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t part : sums) sum += part;
  return sum;
}

}  // namespace

double read_bandwidth(ThreadPool& pool) {
  std::vector<std::uint64_t> words;
  words.reserve(std::size_t{64} << 20);  // 512 MiB
  prefer_huge_pages({reinterpret_cast<std::byte*>(words.data()), words.capacity() * 8});
  words.resize(words.capacity(), 1);
  double best = 0;
  for (int turn = 0; turn < 4; ++turn) {
    const auto start = Clock::now();
    pool.run([&](std::uint32_t thread) {
      const Range part = share_of(words.size(), thread, pool.threads(), 8);
      const std::uint64_t sum = sum_words(&words[part.begin], part.end - part.begin);
      asm volatile("" : : "m"(sum) : "memory");  // keeps the compiler from leaving the work out
    });
    best = std::max(best, static_cast<double>(words.size() * 8) /
                              std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

}  // namespace outrider
