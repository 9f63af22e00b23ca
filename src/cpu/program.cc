#include "cpu/program.h"

namespace outrider {

void CpuProgram::run(const CpuLaunch& launch, ThreadPool& pool) const {
  SpinBarrier barrier(pool.threads());
  pool.run([&](std::uint32_t thread) {
    const Share share{thread, pool.threads()};
    for (const CpuProgram::Step& step : steps) {
      if (step.meet) barrier.wait();
      step.op->run(launch, share);
    }
  });
}

}  // namespace outrider
