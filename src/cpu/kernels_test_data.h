// Data and the unit of rounding for this folder's kernel tests.
#pragma once
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cpu/kernels.h"

namespace outrider {

// One rounding of a float is off by at most this, relative to the result.
inline constexpr double kRounding = 0x1p-24;
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

inline constexpr std::size_t kWidths[] = {1, 3, 15, 16, 17, 64, 255, 704, 2112, 15360};

inline std::vector<float> gaussian(std::size_t count, float deviation, std::uint32_t seed) {
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(bits);
  return values;
}

// Calls test(table) with every instruction set's kernels, and says which one failed.
template <class Test>
void for_each_table(Test&& test) {
  for (const CpuKernels& kernels : all_cpu_kernels()) {
    const testing::ScopedTrace trace(__FILE__, __LINE__, std::string("target ") + kernels.target);
    test(kernels);
  }
}

}  // namespace outrider
