// Row operations of every instruction set against double precision.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/kernels_test_data.h"

namespace outrider {
namespace {

double mean_square(const std::vector<float>& x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum / static_cast<double>(x.size());
}

TEST(RmsNorm, is_within_the_rounding_of_one_sum_of_double_precision) {
  for_each_table([](const CpuKernels& kernels) {
    for (const std::size_t width : kWidths) {
      for (const bool has_gain : {false, true}) {
        const auto x = gaussian(width, 3, 1), gain = gaussian(width, 1, 2);
        std::vector<float> out(width + 1, 7.0f);
        constexpr float kEps = 1e-6f;
        kernels.rms_norm(x.data(), has_gain ? gain.data() : nullptr, kEps, width, out.data());
        const double scale = 1 / std::sqrt(mean_square(x) + static_cast<double>(kEps));
        // A sum of `width` squares, halved by the root, then a root, a quotient and two products.
        const double relative = (static_cast<double>(width) / 2 + 8) * kRounding;
        for (std::size_t i = 0; i < width; ++i) {
          const double want =
              static_cast<double>(x[i]) * scale * (has_gain ? static_cast<double>(gain[i]) : 1.0);
          ASSERT_NEAR(static_cast<double>(out[i]), want, relative * std::abs(want)) << width;
        }
        ASSERT_EQ(out[width], 7.0f) << "wrote past " << width;
      }
    }
  });
}

TEST(RmsNorm, in_place_gives_the_same_bits) {
  for_each_table([](const CpuKernels& kernels) {
    for (const std::size_t width : kWidths) {
      auto x = gaussian(width, 3, 1);
      std::vector<float> out(width);
      kernels.rms_norm(x.data(), nullptr, 1e-6f, width, out.data());
      kernels.rms_norm(x.data(), nullptr, 1e-6f, width, x.data());
      EXPECT_EQ(std::memcmp(x.data(), out.data(), width * sizeof(float)), 0) << width;
    }
  });
}

TEST(RmsNorm, a_row_of_zeros_stays_zeros) {
  for_each_table([](const CpuKernels& kernels) {
    std::vector<float> x(704, 0.0f);
    kernels.rms_norm(x.data(), nullptr, 1e-6f, x.size(), x.data());
    EXPECT_EQ(x, std::vector<float>(704, 0.0f));
  });
}

// The exponent of gelu(x) = x / (1 + exp(exponent)).
double gelu_exponent(double x) {
  return -2 * std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x);
}

TEST(Geglu, is_as_close_to_double_precision_as_its_exponent_allows) {
  for_each_table([](const CpuKernels& kernels) {
    for (const std::size_t width : kWidths) {
      const auto gate = gaussian(width, 4, 1), up = gaussian(width, 2, 2);
      std::vector<float> out(width + 1, 7.0f);
      kernels.geglu(gate.data(), up.data(), width, out.data());
      for (std::size_t i = 0; i < width; ++i) {
        const double x = static_cast<double>(gate[i]), exponent = gelu_exponent(x);
        if (exponent > 70) continue;  // below what the kernel resolves; see the limits below
        const double want = x / (1 + std::exp(exponent)) * static_cast<double>(up[i]);
        // Six roundings inside the exponent are relative to it, and as many follow.
        const double relative = 6 * (std::abs(exponent) + 1.5) * kRounding;
        ASSERT_NEAR(static_cast<double>(out[i]), want, relative * std::abs(want) + 1e-37)
            << gate[i];
      }
      ASSERT_EQ(out[width], 7.0f) << "wrote past " << width;
    }
  });
}

TEST(Geglu, saturates_to_its_input_on_one_side_and_to_zero_on_the_other) {
  for_each_table([](const CpuKernels& kernels) {
    for (const std::size_t lanes : {1u, 17u}) {  // the last lane alone, and whole vectors
      for (const float huge : {20.0f, 1e3f, 1e13f, 1e20f, 1e38f}) {
        const std::vector<float> up(lanes, 0.5f);
        std::vector<float> out(lanes);
        kernels.geglu(std::vector<float>(lanes, huge).data(), up.data(), lanes, out.data());
        EXPECT_EQ(out, std::vector<float>(lanes, huge * 0.5f));
        kernels.geglu(std::vector<float>(lanes, -huge).data(), up.data(), lanes, out.data());
        for (const float value : out) EXPECT_NEAR(value, 0.0f, 1e-30f) << huge;
      }
      std::vector<float> out(lanes);
      const std::vector<float> one(lanes, 1.0f);
      kernels.geglu(std::vector<float>(lanes, kNan).data(), one.data(), lanes, out.data());
      for (const float value : out) EXPECT_TRUE(std::isnan(value)) << "hides what went wrong";
    }
  });
}

TEST(AddAndScale, are_the_plain_float_operations_at_every_width) {
  for_each_table([](const CpuKernels& kernels) {
    for (const std::size_t width : kWidths) {
      const auto x = gaussian(width, 1, 1);
      auto y = gaussian(width + 1, 1, 2);
      auto want = y;
      for (std::size_t i = 0; i < width; ++i) want[i] += x[i];
      kernels.add(x.data(), width, y.data());
      ASSERT_EQ(y, want) << width;
      for (std::size_t i = 0; i < width; ++i) want[i] *= 0.3f;
      kernels.scale(0.3f, width, y.data());
      ASSERT_EQ(y, want) << width;
    }
  });
}

TEST(Softcap, is_within_a_few_roundings_of_double_precision) {
  for_each_table([](const CpuKernels& kernels) {
    for (const std::size_t width : kWidths) {
      const auto before = gaussian(width + 1, 40, 1);
      auto x = before;
      constexpr float kCap = 30;
      kernels.softcap(kCap, width, x.data());
      for (std::size_t i = 0; i < width; ++i) {
        const double cap = static_cast<double>(kCap);
        const double want = cap * std::tanh(static_cast<double>(before[i]) / cap);
        // Four units in the last place for the tangent, the quotient's and the product's rounding.
        ASSERT_NEAR(static_cast<double>(x[i]), want, 10 * kRounding * std::abs(want)) << before[i];
      }
      ASSERT_EQ(x[width], before[width]) << "wrote past " << width;
    }
  });
}

TEST(Softcap, tiny_values_pass_and_huge_ones_saturate) {
  for_each_table([](const CpuKernels& kernels) {
    std::vector<float> x = {0.0f, 1e-20f, -1e-20f, 1e30f, -1e30f, kInfinity, -kInfinity};
    kernels.softcap(30.0f, x.size(), x.data());
    EXPECT_EQ(x[0], 0.0f);
    EXPECT_FLOAT_EQ(x[1], 1e-20f);
    EXPECT_FLOAT_EQ(x[2], -1e-20f);
    EXPECT_EQ(x[3], 30.0f);
    EXPECT_EQ(x[4], -30.0f);
    EXPECT_EQ(x[5], 30.0f);
    EXPECT_EQ(x[6], -30.0f);
  });
}

TEST(Softcap, a_values_bits_do_not_depend_on_where_in_a_row_it_stands) {
  for_each_table([](const CpuKernels& kernels) {
    const auto before = gaussian(512, 40, 3);
    auto together = before;
    kernels.softcap(30.0f, together.size(), together.data());
    for (std::size_t i = 0; i < before.size(); ++i) {
      float alone = before[i];
      kernels.softcap(30.0f, 1, &alone);
      ASSERT_EQ(alone, together[i]) << before[i];
    }
  });
}

TEST(Rotate, turns_each_pair_by_its_angle) {
  for_each_table([](const CpuKernels& kernels) {
    for (const std::size_t half : {1u, 3u, 4u, 15u, 16u, 17u, 32u, 128u, 256u}) {
      const auto angles = gaussian(half, 3, 1), before = gaussian(2 * half + 1, 1, 2);
      std::vector<float> cosines(half), sines(half);
      for (std::size_t i = 0; i < half; ++i) {
        cosines[i] = std::cos(angles[i]);
        sines[i] = std::sin(angles[i]);
      }
      auto head = before;
      kernels.rotate(cosines.data(), sines.data(), half, head.data());
      for (std::size_t i = 0; i < half; ++i) {
        const double c = static_cast<double>(cosines[i]), s = static_cast<double>(sines[i]);
        const double a = static_cast<double>(before[i]), b = static_cast<double>(before[i + half]);
        const double bound = 3 * kRounding * (std::abs(a) + std::abs(b));
        ASSERT_NEAR(static_cast<double>(head[i]), a * c - b * s, bound) << half;
        ASSERT_NEAR(static_cast<double>(head[i + half]), b * c + a * s, bound) << half;
      }
      ASSERT_EQ(head[2 * half], before[2 * half]) << "wrote past " << half;
    }
  });
}

}  // namespace
}  // namespace outrider
