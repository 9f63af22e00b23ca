#include "cpu/program.h"

#include <algorithm>

namespace outrider {

Range GuidedWork::take(std::size_t count, std::size_t grain, std::uint32_t threads) {
  std::size_t begin = begun_.load(std::memory_order_relaxed), end = 0;
  do {
    if (begin >= count) return {count, count};
    const std::size_t part = threads == 1 ? count : (count - begin) / (2 * threads) + 1;
    const std::size_t piece = divide_up(part, grain) * grain;
    end = std::min(begin + piece, count);
  } while (!begun_.compare_exchange_weak(begin, end, std::memory_order_relaxed));
  return {begin, end};
}

void CpuProgram::run(const CpuLaunch& launch, ThreadPool& pool) const {
  for (GuidedWork& work : launch.guided.first(guided_steps)) work.restart();
  SpinBarrier barrier(pool.threads());
  pool.run([&](std::uint32_t thread) {
    GuidedWork* guided = launch.guided.data();
    for (const CpuProgram::Step& step : steps) {
      if (step.meet) barrier.wait();
      step.op->run(launch, {thread, pool.threads(), step.guided ? guided++ : nullptr});
    }
  });
}

}  // namespace outrider
