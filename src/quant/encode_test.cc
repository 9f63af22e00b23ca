#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include "core/half.h"
#include "quant/codec.h"

namespace outrider {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

constexpr std::array kBlockTypes = {TensorType::kQ8_0, TensorType::kQ4_0, TensorType::kQ5_0,
                                    TensorType::kQ5_1, TensorType::kQ4_K, TensorType::kQ5_K,
                                    TensorType::kQ6_K};

// The bytes of a row, at an odd address on purpose.
std::vector<std::byte> encode(TensorType type, const std::vector<float>& values) {
  std::vector<std::byte> storage(row_bytes(type, values.size()) + 1, std::byte{0xaa});
  encode_row(type, values, std::span(storage).subspan(1));
  storage.erase(storage.begin());
  return storage;
}

std::vector<float> decode(TensorType type, const std::vector<std::byte>& bytes, std::size_t count) {
  std::vector<float> values(count);
  decode_row(type, bytes, values);
  return values;
}

std::vector<float> round_trip(TensorType type, const std::vector<float>& values) {
  return decode(type, encode(type, values), values.size());
}

double norm(const std::vector<float>& x) {
  double sum = 0.0;
  for (const float v : x) sum += static_cast<double>(v) * static_cast<double>(v);
  return std::sqrt(sum);
}

double distance(const std::vector<float>& x, const std::vector<float>& y) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
  }
  return std::sqrt(sum);
}

std::vector<float> gaussian(std::size_t count, float deviation, unsigned seed = 1) {
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(count);
  for (float& v : values) v = normal(bits);
  return values;
}

// Relative L2 error on gaussian rows: what was measured, and a little room.
double gaussian_bound(TensorType type) {
  switch (type) {
    case TensorType::kQ8_0:
      return 0.006;
    case TensorType::kQ6_K:
      return 0.0175;
    case TensorType::kQ5_K:
      return 0.035;
    case TensorType::kQ5_1:
      return 0.039;
    case TensorType::kQ5_0:
      return 0.044;
    case TensorType::kQ4_K:
      return 0.0705;
    case TensorType::kQ4_0:
      return 0.088;
    default:
      return 0.0;
  }
}

TEST(Encode, knows_which_types_it_can_write) {
  std::set<TensorType> types;
  for (std::uint32_t id = 0; id < 64; ++id) {
    const auto found = tensor_type_from_id(id);
    if (found && can_encode(found->type)) types.insert(found->type);
  }
  std::set<TensorType> expected = {TensorType::kF32, TensorType::kF16, TensorType::kBF16};
  expected.insert(kBlockTypes.begin(), kBlockTypes.end());
  EXPECT_EQ(types, expected);
  std::vector<std::byte> bytes(20);
  EXPECT_DEATH(encode_row(TensorType::kQ4_1, std::vector<float>(32), bytes), "can be encoded");
  EXPECT_DEATH(encode_row(TensorType::kQ4_0, std::vector<float>(32), bytes), "as long as its type");
}

TEST(Encode, gaussian_rows_stay_within_the_error_of_their_type) {
  const std::vector<float> values = gaussian(256 * 128, 0.02f);
  for (const TensorType type : kBlockTypes) {
    const double error = distance(values, round_trip(type, values)) / norm(values);
    EXPECT_LT(error, gaussian_bound(type)) << info(type).name;
    EXPECT_GT(error, gaussian_bound(type) / 2) << info(type).name << ": the bound says nothing";
  }
}

TEST(Encode, a_decoded_row_stays_within_the_same_bound) {
  const std::vector<float> values = gaussian(256 * 64, 1.0f, 2);
  for (const TensorType type : kBlockTypes) {
    const std::vector<float> once = round_trip(type, values);
    EXPECT_LT(distance(once, round_trip(type, once)), norm(once) * gaussian_bound(type))
        << info(type).name;
  }
}

// Their extremum lies on a code of known number, so the second scale is the first one.
TEST(Encode, a_decoded_row_of_a_symmetric_format_encodes_to_itself) {
  const std::vector<float> values = gaussian(256 * 64, 0.3f, 3);
  for (const TensorType type : {TensorType::kQ8_0, TensorType::kQ4_0, TensorType::kQ5_0}) {
    const std::vector<std::byte> bytes = encode(type, values);
    EXPECT_EQ(encode(type, decode(type, bytes, values.size())), bytes) << info(type).name;
  }
}

TEST(Encode, q4_0_puts_the_signed_extremum_on_code_zero) {
  std::vector<float> values(32);
  for (std::size_t i = 0; i < 32; ++i) values[i] = 8.0f - static_cast<float>(i % 16);
  const std::vector<std::byte> bytes = encode(TensorType::kQ4_0, values);
  EXPECT_EQ(bytes[0], std::byte{0x00});  // -1.0 as f16
  EXPECT_EQ(bytes[1], std::byte{0xbc});
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(bytes[2 + i], static_cast<std::byte>(i * 0x11));
  EXPECT_EQ(decode(TensorType::kQ4_0, bytes, 32), values);
}

TEST(Encode, q4_0_cuts_the_other_end_at_code_fifteen) {
  std::vector<float> values(32, 1.0f);
  values[3] = -8.0f;
  values[4] = 8.0f;  // as large, but later; would need code 16
  const std::vector<float> out = round_trip(TensorType::kQ4_0, values);
  EXPECT_EQ(out[3], -8.0f);
  EXPECT_EQ(out[4], 7.0f);
  EXPECT_EQ(out[5], 1.0f);
}

TEST(Encode, q8_0_uses_codes_up_to_127_and_rounds_to_nearest) {
  std::vector<float> values(32, 0.0f);
  values[0] = -127.0f;
  values[1] = 63.4f;
  values[2] = -63.6f;
  const std::vector<float> out = round_trip(TensorType::kQ8_0, values);
  EXPECT_EQ(out[0], -127.0f);
  EXPECT_EQ(out[1], 63.0f);
  EXPECT_EQ(out[2], -64.0f);
  EXPECT_EQ(out[3], 0.0f);
}

TEST(Encode, zeros_stay_plain_zeros) {
  const std::vector<float> values(512, 0.0f);
  for (const TensorType type : kBlockTypes) {
    for (const float v : round_trip(type, values)) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(v), 0u) << info(type).name;
    }
    for (const float v : round_trip(type, std::vector<float>(256, -0.0f))) ASSERT_EQ(v, 0.0f);
  }
}

TEST(Encode, equal_values_keep_their_value_to_f16_precision) {
  for (const TensorType type : kBlockTypes) {
    for (const float value : {1.0f, -1.0f, 0.1f, -0.0037f, 250.7f, -60000.0f}) {
      for (const float v : round_trip(type, std::vector<float>(256, value))) {
        ASSERT_NEAR(v, value, std::fabs(value) * 0x1p-10f) << info(type).name;
      }
    }
  }
}

TEST(Encode, a_power_of_two_passes_through_to_the_scales) {
  const std::vector<float> values = gaussian(512, 1.0f, 4);
  for (const TensorType type : kBlockTypes) {
    std::vector<float> expected = round_trip(type, values);
    std::vector<float> small = values;
    for (float& v : expected) v *= 0.125f;
    for (float& v : small) v *= 0.125f;
    // Equal but for the last bits where a scale is a subnormal f16 at the smaller size.
    EXPECT_LT(distance(round_trip(type, small), expected), 0.003 * norm(expected))
        << info(type).name;
  }
}

TEST(Encode, blocks_do_not_influence_each_other) {
  const std::vector<float> values = gaussian(512, 1.0f, 5);
  for (const TensorType type : kBlockTypes) {
    std::vector<std::byte> joined = encode(type, {values.begin(), values.begin() + 256});
    const auto second = encode(type, {values.begin() + 256, values.end()});
    joined.insert(joined.end(), second.begin(), second.end());
    EXPECT_EQ(encode(type, values), joined) << info(type).name;
  }
}

TEST(Encode, what_is_not_finite_counts_as_zero_in_block_formats) {
  std::vector<float> dirty = gaussian(512, 1.0f, 6);
  std::vector<float> clean = dirty;
  const std::array bad = {kNan, kInfinity, -kInfinity, std::bit_cast<float>(0xff800001u)};
  for (std::size_t i = 0; i < dirty.size(); i += 5) {
    dirty[i] = bad[i % bad.size()];
    clean[i] = 0.0f;
  }
  for (const TensorType type : kBlockTypes) {
    EXPECT_EQ(encode(type, dirty), encode(type, clean)) << info(type).name;
    for (const float v : round_trip(type, std::vector<float>(256, kNan))) ASSERT_EQ(v, 0.0f);
  }
}

TEST(Encode, plain_floats_keep_nan_and_infinity) {
  const std::vector<float> values = {kNan, kInfinity, -kInfinity, 1e6f};
  for (const TensorType type : {TensorType::kF32, TensorType::kF16, TensorType::kBF16}) {
    const std::vector<float> out = round_trip(type, values);
    EXPECT_TRUE(std::isnan(out[0]));
    EXPECT_EQ(out[1], kInfinity);
    EXPECT_EQ(out[2], -kInfinity);
    EXPECT_EQ(std::isinf(out[3]), type == TensorType::kF16);
  }
}

TEST(Encode, huge_values_saturate_and_stay_finite) {
  constexpr float kMax = std::numeric_limits<float>::max();
  for (const TensorType type : kBlockTypes) {
    for (const float size : {1e8f, 1e30f, kMax}) {
      std::vector<float> values = gaussian(256, 0.1f, 7);
      for (std::size_t i = 0; i < 256; i += 4) values[i] = i % 8 == 0 ? size : -size;
      const std::vector<float> out = round_trip(type, values);
      for (std::size_t i = 0; i < 256; ++i) ASSERT_TRUE(std::isfinite(out[i])) << info(type).name;
      // The sign of a saturated value survives at any size the format reaches.
      ASSERT_LE(out[4], -60000.0f) << info(type).name;
      ASSERT_GE(out[0], 60000.0f) << info(type).name;
    }
  }
}

TEST(Encode, tiny_values_are_never_worse_than_zeros) {
  for (const TensorType type : kBlockTypes) {
    for (float size = 1.0f; size > 0.0f; size *= 0.5f) {
      std::vector<float> values = gaussian(256, size, 8);
      for (std::size_t i = 32; i < 64; ++i) values[i] = i == 40 ? -size : 0.0f;
      const double error = distance(values, round_trip(type, values));
      ASSERT_LE(error, norm(values) * (1.0 + 1e-6)) << info(type).name << " at " << size;
      // While the scales are ordinary halves, so is the error.
      if (size > 0.02f) {
        ASSERT_LT(error, norm(values) * 0.1) << info(type).name << " at " << size;
      }
    }
  }
}

TEST(Encode, one_outlier_does_not_ruin_the_sub_blocks_around_it) {
  std::vector<float> values = gaussian(256, 0.01f, 9);
  values[100] = 0.5f;
  for (const TensorType type : {TensorType::kQ4_K, TensorType::kQ5_K, TensorType::kQ6_K}) {
    const std::vector<float> out = round_trip(type, values);
    const std::vector<float> away(values.begin() + 128, values.end());
    const std::vector<float> away_out(out.begin() + 128, out.end());
    EXPECT_LT(distance(away, away_out), norm(away) * 0.2) << info(type).name;
    EXPECT_NEAR(out[100], 0.5f, 0.01f) << info(type).name;
  }
}

}  // namespace
}  // namespace outrider
