// A seed for whoever did not name one.
#pragma once
#include <cstdint>
#include <random>

namespace outrider {

// Differs from call to call and from run to run.
inline std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace outrider
