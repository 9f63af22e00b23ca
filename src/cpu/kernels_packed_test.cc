// Packed dot products of every instruction set against exact sums of the stored codes, and packing
// itself, which these sums go through.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

#include "cpu/packed_test_data.h"
#include "quant/codes.h"

namespace outrider {
namespace {

struct Sums {
  double value = 0;
  double magnitude = 0;  // of the same terms without their signs: what rounding is relative to
};

Sums exact(const Weight& weight, std::uint32_t row, const CodeActivation32* x) {
  std::vector<CodeBlock32> w(weight.cols / 32);
  unpack_codes(weight.type, weight.row(row), weight.cols, w.data());
  Sums sums;
  for (std::size_t b = 0; b < w.size(); ++b) {
    for (std::size_t i = 0; i < 32; ++i) {
      const double value = static_cast<double>(w[b].scale[i / 16]) * w[b].code[i];
      const auto offset = static_cast<double>(w[b].offset[i / 16]);
      const double activation = static_cast<double>(x[b].scale) * x[b].code[i];
      sums.value += (value + offset) * activation;
      // A zero point that is taken off later is part of what is rounded.
      sums.magnitude += (std::abs(value) + std::abs(offset)) * std::abs(activation);
    }
  }
  return sums;
}

std::vector<float> multiply(const CpuKernels& kernels, const PackedMatrix& w,
                            const std::vector<CodeActivation32>& x, std::size_t x_stride,
                            std::uint32_t rows) {
  std::vector<float> out(std::size_t{rows} * (w.rows + 3), kNan);
  kernels.dot_packed(w.format, {w.data, w.groups(), x.data(), x_stride, w.cols / 32, out.data(),
                                w.rows + 3, rows});
  return out;
}

TEST(DotPacked, is_within_one_rounding_per_addition_of_exact_for_every_type) {
  ThreadPool pool(1);
  for_each_table([&](const CpuKernels& kernels) {
    for (const TensorType type : kPackedTypes) {
      for (const std::uint32_t cols : {32u, 64u, 256u, 1536u, 2304u, 6144u}) {
        if (cols % info(type).block_values != 0) continue;
        for (const bool scrambled : {false, true}) {
          if (scrambled && cols > 256) continue;
          Stored stored(type, 32, cols);
          if (scrambled) stored.scramble();
          PackedWeights weights(kernels, pool);
          const PackedMatrix w = weights.of(stored.weight);
          const auto x = rounded(kernels, gaussian(2 * std::size_t{cols}, 1, 4));
          const auto out = multiply(kernels, w, x, cols / 32, 2);
          for (std::uint32_t at = 0; at < 2 * w.rows; ++at) {
            const std::uint32_t row = at / w.rows, c = at % w.rows;
            const Sums want = exact(stored.weight, c, &x[row * (cols / 32)]);
            const double roundings = 6.0 * cols / 32 + 8;
            ASSERT_NEAR(static_cast<double>(out[row * (w.rows + 3) + c]), want.value,
                        roundings * kRounding * want.magnitude)
                << info(type).name << " " << cols << " output " << c;
          }
        }
      }
    }
  });
}

// Codes at the ends of their range everywhere: where sixteen bits would be too few, they are here.
TEST(DotPacked, no_sum_is_too_large_for_its_lane) {
  ThreadPool pool(1);
  for_each_table([&](const CpuKernels& kernels) {
    for (const TensorType type : kPackedTypes) {
      for (const int byte : {0x00, 0x7f, 0x80, 0x88, 0xff}) {
        for (const int activation : {-127, 127}) {
          Stored stored(type, 16, 512);
          stored.fill_codes(static_cast<std::byte>(byte));
          std::vector<float> values(512, static_cast<float>(activation));
          const auto x = rounded(kernels, values);
          PackedWeights weights(kernels, pool);
          const PackedMatrix w = weights.of(stored.weight);
          const auto out = multiply(kernels, w, x, 16, 1);
          for (std::uint32_t c = 0; c < w.rows; ++c) {
            const Sums want = exact(stored.weight, c, x.data());
            ASSERT_NEAR(static_cast<double>(out[c]), want.value, 1e-5 * want.magnitude)
                << info(type).name << " codes " << byte << " against " << activation;
          }
        }
      }
    }
  });
}

TEST(DotPacked, a_rows_bits_do_not_depend_on_how_many_rows_are_passed) {
  ThreadPool pool(1);
  for_each_table([&](const CpuKernels& kernels) {
    for (const TensorType type : kPackedTypes) {
      for (const std::uint32_t cols : {512u, 2560u}) {  // within a panel, and more than two
        constexpr std::uint32_t kRows = 37;
        const Stored stored(type, 32, cols);
        PackedWeights weights(kernels, pool);
        const PackedMatrix w = weights.of(stored.weight);
        const std::size_t stride = cols / 32 + 2;
        const auto x = rounded(kernels, gaussian(kRows * stride * 32, 1, 6));
        const auto alone = [&](std::uint32_t row) {
          const std::vector<CodeActivation32> own(&x[row * stride], &x[row * stride] + cols / 32);
          return multiply(kernels, w, own, 0, 1);
        };
        for (const std::uint32_t rows : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 13u, 16u, kRows}) {
          const auto together = multiply(kernels, w, x, stride, rows);
          for (std::uint32_t row = 0; row < rows; ++row) {
            const auto want = alone(row);
            ASSERT_EQ(std::memcmp(want.data(), &together[row * (w.rows + 3)], w.rows * 4), 0)
                << info(type).name << " " << cols << " row " << row << " of " << rows;
          }
        }
      }
    }
  });
}

TEST(DotPacked, writes_nothing_beside_its_columns) {
  ThreadPool pool(1);
  for_each_table([&](const CpuKernels& kernels) {
    const Stored stored(TensorType::kQ4_0, 16, 64);
    PackedWeights weights(kernels, pool);
    const PackedMatrix w = weights.of(stored.weight);
    const auto x = rounded(kernels, gaussian(9 * 64, 1, 2));
    const auto out = multiply(kernels, w, x, 2, 9);
    for (std::size_t at = 0; at < out.size(); ++at)
      EXPECT_EQ(std::isnan(out[at]), at % (w.rows + 3) >= w.rows) << at;
  });
}

TEST(DotPacked, one_value_that_is_not_finite_spoils_its_row_visibly) {
  ThreadPool pool(1);
  for_each_table([&](const CpuKernels& kernels) {
    for (const TensorType type : kPackedTypes) {
      const Stored stored(type, 16, 256);
      PackedWeights weights(kernels, pool);
      const PackedMatrix w = weights.of(stored.weight);
      for (const float bad : {kNan, kInfinity, -kInfinity}) {
        auto values = gaussian(256, 1, 2);
        values[77] = bad;
        const auto out = multiply(kernels, w, rounded(kernels, values), 8, 1);
        for (std::uint32_t c = 0; c < w.rows; ++c) EXPECT_TRUE(std::isnan(out[c])) << bad;
      }
    }
  });
}

TEST(PackedWeights, any_number_of_threads_packs_the_same_and_each_matrix_once) {
  const CpuKernels kernels = best_cpu_kernels();
  const Stored stored(TensorType::kQ6_K, 48, 512);
  ThreadPool one(1), three(3);
  PackedWeights weights(kernels, one), others(kernels, three);
  const PackedMatrix w = weights.of(stored.weight), o = others.of(stored.weight);
  const std::size_t bytes = w.groups() * w.group_bytes;
  EXPECT_EQ(std::memcmp(w.data, o.data, bytes), 0);
  EXPECT_EQ(weights.of(stored.weight).data, w.data);
  EXPECT_EQ(weights.bytes(), (bytes + 63) / 64 * 64);
  EXPECT_TRUE(weights.status());
}

TEST(PackedWeights, an_order_says_which_row_stands_where) {
  const CpuKernels kernels = best_cpu_kernels();
  const Stored stored(TensorType::kQ8_0, 32, 64);
  ThreadPool pool(2);
  std::vector<std::uint32_t> order(32);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), std::mt19937(5));
  PackedWeights plain(kernels, pool), ordered(kernels, pool);
  const auto x = rounded(kernels, gaussian(64, 1, 2));
  const auto in_order = multiply(kernels, plain.of(stored.weight), x, 2, 1);
  const auto by_order = multiply(kernels, ordered.of(stored.weight, order), x, 2, 1);
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(by_order[i], in_order[order[i]]) << i;
}

TEST(PackedWeights, only_whole_groups_of_types_with_a_packed_form_are_packed) {
  const CpuKernels kernels = best_cpu_kernels();
  ThreadPool pool(1);
  const PackedWeights weights(kernels, pool);
  const Stored q8(TensorType::kQ8_0, 16, 64);
  EXPECT_TRUE(weights.packs(q8.weight, 16));
  EXPECT_FALSE(weights.packs(q8.weight, 12));
  EXPECT_FALSE(weights.packs({TensorType::kF32, 16, 64, {}}, 16));
  EXPECT_FALSE(weights.packs({TensorType::kQ5_K, 16, 256, {}}, 16));
}

}  // namespace
}  // namespace outrider
