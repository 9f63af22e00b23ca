// Dot products and conversions of every instruction set against double precision.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <set>

#include "core/half.h"
#include "cpu/kernels_test_data.h"
#include "quant/codec.h"

namespace outrider {
namespace {

struct Sums {
  double value = 0;
  double magnitude = 0;  // of the same terms without their signs: what rounding is relative to
};

Sums dot_in_double(const float* a, const float* b, std::size_t width) {
  Sums sums;
  for (std::size_t i = 0; i < width; ++i) {
    const double term = static_cast<double>(a[i]) * static_cast<double>(b[i]);
    sums.value += term;
    sums.magnitude += std::abs(term);
  }
  return sums;
}

TEST(Tables, every_instruction_set_of_this_machine_is_named_once_and_complete) {
  std::set<std::string> names;
  for (const CpuKernels& k : all_cpu_kernels()) {
    EXPECT_TRUE(names.insert(k.target).second) << k.target;
    EXPECT_TRUE(k.dot_floats && k.dot_codes && k.dot_packed && k.packed_group > 0 &&
                k.round_to_codes && k.widen_f16 && k.widen_bf16 && k.narrow_f16 && k.rms_norm &&
                k.geglu && k.add && k.scale && k.softcap && k.rotate && k.attend_f32 &&
                k.attend_f16)
        << k.target;
  }
  ASSERT_FALSE(names.empty());
  EXPECT_TRUE(names.contains(best_cpu_kernels().target)) << best_cpu_kernels().target;
}

TEST(DotFloats, is_within_one_rounding_per_term_of_double_precision) {
  for_each_table([](const CpuKernels& kernels) {
    for (const std::size_t width : kWidths) {
      const auto w = gaussian(width, 1, 1), x = gaussian(width, 1, 2);
      float out = kNan;
      kernels.dot_floats({w.data(), x.data(), width, width, &out, 1, 1});
      const Sums want = dot_in_double(w.data(), x.data(), width);
      const double terms = static_cast<double>(width);
      EXPECT_NEAR(static_cast<double>(out), want.value, terms * kRounding * want.magnitude)
          << width;
    }
  });
}

TEST(DotFloats, a_rows_bits_do_not_depend_on_how_many_rows_are_passed) {
  for_each_table([](const CpuKernels& kernels) {
    for (const std::size_t width : {std::size_t{17}, std::size_t{704}}) {
      constexpr std::uint32_t kRows = 65;
      const std::size_t stride = width + 5, out_stride = 3;
      const auto w = gaussian(width, 1, 1), x = gaussian(kRows * stride, 1, 2);
      std::vector<float> together(kRows * out_stride, kNan);
      kernels.dot_floats({w.data(), x.data(), stride, width, together.data(), out_stride, kRows});
      for (std::uint32_t row = 0; row < kRows; ++row) {
        float alone = kNan;
        kernels.dot_floats({w.data(), &x[row * stride], stride, width, &alone, 1, 1});
        ASSERT_EQ(std::memcmp(&alone, &together[row * out_stride], sizeof alone), 0)
            << width << " row " << row;
      }
    }
  });
}

TEST(DotFloats, no_columns_are_zero) {
  for_each_table([](const CpuKernels& kernels) {
    float nothing = 0, out = kNan;
    kernels.dot_floats({&nothing, &nothing, 0, 0, &out, 1, 1});
    EXPECT_EQ(out, 0.0f);
  });
}

constexpr std::array kCodeTypes = {TensorType::kQ4_0, TensorType::kQ4_1,   TensorType::kQ5_0,
                                   TensorType::kQ5_1, TensorType::kQ8_0,   TensorType::kQ2_K,
                                   TensorType::kQ3_K, TensorType::kQ4_K,   TensorType::kQ5_K,
                                   TensorType::kQ6_K, TensorType::kIQ4_NL, TensorType::kIQ4_XS,
                                   TensorType::kMXFP4};

void put_f16(std::byte* at, float value) {
  const std::uint16_t half = float_to_f16(value);
  std::memcpy(at, &half, sizeof half);
}

// Scales of ordinary size where a block of random bytes has its own.
void tame_scales(TensorType type, std::byte* block) {
  switch (type) {
    case TensorType::kQ4_1:
      put_f16(block, 0.01f);
      put_f16(block + 2, -0.07f);
      return;
    case TensorType::kQ2_K:
      put_f16(block + 80, 0.01f);
      put_f16(block + 82, 0.005f);
      return;
    case TensorType::kQ3_K:
      put_f16(block + 108, 0.01f);
      return;
    case TensorType::kMXFP4:
      block[0] = std::byte{125};
      return;
    default:
      put_f16(block, 0.01f);  // IQ4_NL, IQ4_XS
  }
}

// A row of any quantised type: gaussian weights where there is an encoder, else random codes.
std::vector<std::byte> stored_row(TensorType type, std::size_t width, std::uint32_t seed) {
  std::vector<std::byte> bytes(row_bytes(type, width));
  if (can_encode(type)) {
    encode_row(type, gaussian(width, 0.05f, seed), bytes);
    return bytes;
  }
  std::mt19937 bits(seed);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(bits() & 255);
  for (std::size_t at = 0; at < bytes.size(); at += info(type).block_bytes) {
    tame_scales(type, &bytes[at]);
  }
  return bytes;
}

std::vector<CodeBlock32> codes_of(TensorType type, const std::vector<std::byte>& row,
                                  std::size_t width) {
  std::vector<CodeBlock32> blocks(width / 32);
  unpack_codes(type, row, static_cast<std::uint32_t>(width), blocks.data());
  return blocks;
}

std::vector<CodeActivation32> rounded(const CpuKernels& kernels, const std::vector<float>& x) {
  std::vector<CodeActivation32> blocks(x.size() / 32);
  kernels.round_to_codes(x.data(), x.size(), blocks.data());
  return blocks;
}

Sums dot_codes_in_double(const std::vector<CodeBlock32>& w, const CodeActivation32* x) {
  Sums sums;
  for (std::size_t b = 0; b < w.size(); ++b) {
    for (std::size_t i = 0; i < 32; ++i) {
      const double scale =
          static_cast<double>(w[b].scale[i / 16]) * static_cast<double>(x[b].scale);
      const double term = scale * (w[b].code[i] * x[b].code[i]);
      sums.value += term;
      sums.magnitude += std::abs(term);
    }
    for (std::size_t half = 0; half < 2; ++half) {
      const double term = static_cast<double>(w[b].offset[half]) * static_cast<double>(x[b].scale) *
                          x[b].half_sum[half];
      sums.value += term;
      sums.magnitude += std::abs(term);
    }
  }
  return sums;
}

TEST(DotCodes, is_within_one_rounding_per_addition_of_double_precision_for_every_type) {
  for_each_table([](const CpuKernels& kernels) {
    for (const TensorType type : kCodeTypes) {
      for (const std::size_t width : {32u, 64u, 256u, 704u, 2112u, 2304u, 15360u}) {
        if (width % info(type).block_values != 0) continue;
        const auto w = codes_of(type, stored_row(type, width, 3), width);
        const auto x = rounded(kernels, gaussian(width, 1, 4));
        float out = kNan;
        kernels.dot_codes({w.data(), x.data(), x.size(), x.size(), &out, 1, 1});
        const Sums want = dot_codes_in_double(w, x.data());
        // Two halves and two offsets per block, the product of scales, and the lanes' own sum.
        const double roundings = 4.0 * static_cast<double>(x.size()) + 8;
        EXPECT_NEAR(static_cast<double>(out), want.value, roundings * kRounding * want.magnitude)
            << info(type).name << " " << width;
      }
    }
  });
}

TEST(DotCodes, whole_numbers_are_summed_exactly_even_at_the_ends_of_their_range) {
  for_each_table([](const CpuKernels& kernels) {
    for (const int weight : {-128, -127, 127, 1}) {
      for (const int activation : {-127, 127, 3}) {
        std::vector<CodeBlock32> w(8);
        std::vector<CodeActivation32> x(8);
        std::int64_t want = 0;
        for (std::size_t b = 0; b < w.size(); ++b) {
          std::fill_n(w[b].scale, 2, 1.0f);
          std::fill_n(w[b].offset, 2, -0.0f);
          x[b].scale = 1;
          x[b].half_sum[0] = x[b].half_sum[1] = static_cast<std::int16_t>(16 * activation);
          for (std::size_t i = 0; i < 32; ++i) {
            w[b].code[i] = static_cast<std::int8_t>(weight + (i == 5 && weight < 127 ? 1 : 0));
            x[b].code[i] = static_cast<std::int8_t>(activation);
            want += w[b].code[i] * x[b].code[i];
          }
        }
        float out = kNan;
        kernels.dot_codes({w.data(), x.data(), 8, 8, &out, 1, 1});
        EXPECT_EQ(out, static_cast<float>(want)) << weight << " * " << activation;
      }
    }
  });
}

TEST(DotCodes, a_rows_bits_do_not_depend_on_how_many_rows_are_passed) {
  for_each_table([](const CpuKernels& kernels) {
    for (const TensorType type : kCodeTypes) {
      constexpr std::size_t kWidth = 768, kBlocks = kWidth / 32, kStride = kBlocks + 2;
      constexpr std::uint32_t kRows = 65;
      const auto w = codes_of(type, stored_row(type, kWidth, 5), kWidth);
      const auto x = rounded(kernels, gaussian(kRows * kStride * 32, 1, 6));
      std::vector<float> together(kRows * 2, kNan);
      kernels.dot_codes({w.data(), x.data(), kStride, kBlocks, together.data(), 2, kRows});
      for (std::uint32_t row = 0; row < kRows; ++row) {
        float alone = kNan;
        kernels.dot_codes({w.data(), &x[row * kStride], kStride, kBlocks, &alone, 1, 1});
        ASSERT_EQ(std::memcmp(&alone, &together[row * 2], sizeof alone), 0)
            << info(type).name << " row " << row;
      }
    }
  });
}

// |a matrix with int8 activations - the same in float| / |the latter|, over outputs and rows.
double integer_error(const CpuKernels& kernels, TensorType type, std::size_t width) {
  constexpr std::uint32_t kOutputs = 8, kRows = 4;
  const auto x = gaussian(kRows * width, 1, 7);
  const auto codes = rounded(kernels, x);
  double difference = 0, size = 0;
  for (std::uint32_t output = 0; output < kOutputs; ++output) {
    const auto stored = stored_row(type, width, 100 + output);
    const auto w = codes_of(type, stored, width);
    std::vector<float> decoded(width), floats(kRows), integers(kRows);
    decode_row(type, stored, decoded);
    kernels.dot_floats({decoded.data(), x.data(), width, width, floats.data(), 1, kRows});
    kernels.dot_codes({w.data(), codes.data(), width / 32, width / 32, integers.data(), 1, kRows});
    for (std::uint32_t row = 0; row < kRows; ++row) {
      const auto want = static_cast<double>(floats[row]);
      difference += std::pow(static_cast<double>(integers[row]) - want, 2);
      size += want * want;
    }
  }
  return std::sqrt(difference / size);
}

TEST(DotCodes, a_matrix_with_int8_activations_is_within_15_thousandths_of_float) {
  for_each_table([](const CpuKernels& kernels) {
    for (const TensorType type : kCodeTypes) {
      for (const std::size_t width : {64u, 704u, 2816u, 12288u}) {
        if (width % info(type).block_values != 0) continue;
        EXPECT_LT(integer_error(kernels, type, width), 1.5e-2) << info(type).name << " " << width;
      }
    }
  });
}

TEST(RoundToCodes, a_value_is_off_by_half_a_step_at_most_and_the_sums_are_of_the_codes) {
  for_each_table([](const CpuKernels& kernels) {
    for (const float size : {1e-30f, 1e-3f, 1.0f, 1e4f, 1e30f}) {
      const auto x = gaussian(2112, size, 8);
      const auto blocks = rounded(kernels, x);
      for (std::size_t b = 0; b < blocks.size(); ++b) {
        const CodeActivation32& block = blocks[b];
        const float* values = &x[b * 32];
        float most = 0;
        for (std::size_t i = 0; i < 32; ++i) most = std::max(most, std::abs(values[i]));
        ASSERT_EQ(block.scale, most / 127.0f);
        std::int32_t sums[2] = {0, 0};
        for (std::size_t i = 0; i < 32; ++i) {
          ASSERT_GE(block.code[i], -127);
          sums[i / 16] += block.code[i];
          // Half a step, and the roundings of the inverse and of the product of up to 127 steps.
          ASSERT_NEAR(block.scale * static_cast<float>(block.code[i]), values[i],
                      block.scale * static_cast<float>(0.5 + 127 * 4 * kRounding));
        }
        ASSERT_EQ(block.half_sum[0], sums[0]);
        ASSERT_EQ(block.half_sum[1], sums[1]);
        ASSERT_EQ(block.minus_sum8, -8 * (sums[0] + sums[1]));
        ASSERT_EQ(block.sum, block.scale * static_cast<float>(sums[0] + sums[1]));
      }
    }
  });
}

TEST(RoundToCodes, zeros_stay_zeros_and_the_tiniest_values_do_no_harm) {
  for_each_table([](const CpuKernels& kernels) {
    for (const float size : {0.0f, 1e-45f, 1e-39f, 1e-37f}) {
      std::vector<float> x(32, 0.0f);
      x[3] = size;
      x[20] = -size;
      const auto blocks = rounded(kernels, x);
      for (std::size_t i = 0; i < 32; ++i) {
        const float value = blocks[0].scale * static_cast<float>(blocks[0].code[i]);
        EXPECT_LE(std::abs(value - x[i]), size) << size << " at " << i;
        if (x[i] == 0.0f) {
          EXPECT_EQ(value, 0.0f) << size << " at " << i;
        }
      }
      EXPECT_LE(std::abs(blocks[0].sum), 2 * size);
    }
  });
}

TEST(RoundToCodes, one_value_that_is_not_finite_spoils_its_row_visibly) {
  for_each_table([](const CpuKernels& kernels) {
    const auto w = codes_of(TensorType::kQ8_0, stored_row(TensorType::kQ8_0, 64, 1), 64);
    for (const float bad : {kNan, kInfinity, -kInfinity}) {
      for (const std::size_t at : {0u, 17u, 40u, 63u}) {
        auto values = gaussian(64, 1, 2);
        values[at] = bad;
        const auto x = rounded(kernels, values);
        float out = 0;
        kernels.dot_codes({w.data(), x.data(), 2, 2, &out, 1, 1});
        EXPECT_TRUE(std::isnan(out)) << bad << " at " << at;
      }
    }
  });
}

TEST(Halves, widening_is_exact_for_every_bit_pattern_at_every_width) {
  std::vector<std::uint16_t> patterns(65536);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i);
  for_each_table([&](const CpuKernels& kernels) {
    std::vector<float> halves(65536), brains(65536);
    kernels.widen_f16(patterns.data(), patterns.size(), halves.data());
    kernels.widen_bf16(patterns.data(), patterns.size(), brains.data());
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      const float half = f16_to_float(patterns[i]), brain = bf16_to_float(patterns[i]);
      ASSERT_TRUE(std::isnan(half) ? std::isnan(halves[i]) : halves[i] == half) << i;
      ASSERT_TRUE(std::isnan(brain) ? std::isnan(brains[i]) : brains[i] == brain) << i;
    }
    for (const std::size_t width : kWidths) {
      std::vector<float> part(width + 1, 7.0f);
      kernels.widen_f16(&patterns[1000], width, part.data());
      EXPECT_EQ(part[width - 1], f16_to_float(static_cast<std::uint16_t>(999 + width)));
      EXPECT_EQ(part[width], 7.0f) << "wrote past " << width;
    }
  });
}

TEST(Halves, narrowing_rounds_to_nearest_even_like_the_scalar_definition) {
  // Every half, the midpoints between neighbours, and the floats beside those.
  std::vector<float> values;
  for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const float low = f16_to_float(static_cast<std::uint16_t>(bits));
    const float high =
        bits + 1 < 0x7c00 ? f16_to_float(static_cast<std::uint16_t>(bits + 1)) : 65536.0f;
    const float middle = (low + high) / 2;
    for (const float v : {low, std::nextafter(middle, 0.0f), middle, std::nextafter(middle, 1e6f)})
      values.insert(values.end(), {v, -v});
  }
  values.insert(values.end(), {1e6f, -1e30f, kInfinity, -kInfinity, 1e-9f, -1e-45f});
  for_each_table([&](const CpuKernels& kernels) {
    std::vector<std::uint16_t> out(values.size());
    kernels.narrow_f16(values.data(), values.size(), out.data());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < values.size(); ++i) wrong += out[i] != float_to_f16(values[i]);
    EXPECT_EQ(wrong, 0u) << "of " << values.size();
    std::uint16_t nan = 0;
    kernels.narrow_f16(&kNan, 1, &nan);
    EXPECT_TRUE(std::isnan(f16_to_float(nan)));
  });
}

}  // namespace
}  // namespace outrider
