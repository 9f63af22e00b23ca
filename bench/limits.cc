// bench_limits [threads]: what this machine can do at most, as one JSON object: bytes read per
// second, Q4_0's products per second in loops on registers alone, without and with tiles (0 where
// there are none), and from how many rows on products are done on tiles.
#include <fmt/format.h>

#include <cstdlib>

#include "cpu/kernels.h"
#include "machine.h"
#include "platform/bandwidth.h"
#include "platform/thread_pool.h"

int main(int argc, char** argv) {
  using namespace outrider;
  const CpuKernels kernels = best_cpu_kernels();
  ThreadPool pool(argc > 1 ? static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10))
                           : usable_cores());
  fmt::print(R"({{"memory": {:.0f}, "registers": {:.0f}, "tiles": {:.0f}, "tiles_from": {}}})"
             "\n",
             read_bandwidth(pool), register_rate(pool, kernels.target),
             kernels.tiles.dot_packed == nullptr ? 0 : tile_rate(pool), kernels.tiles.rows_least);
  return 0;
}
