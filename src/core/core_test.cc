#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/half.h"
#include "core/id.h"
#include "core/random.h"
#include "core/result.h"
#include "core/tensor_type.h"
#include "core/view.h"

namespace outrider {
namespace {

TEST(Half, every_f16_survives_the_round_trip) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = f16_to_float(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(f16_to_float(float_to_f16(value))));
    } else {
      ASSERT_EQ(float_to_f16(value), half) << bits;
    }
  }
}

TEST(Half, f16_rounds_to_nearest_even) {
  for (std::uint32_t bits = 0; bits < 0x7c00u; ++bits) {
    const float low = f16_to_float(static_cast<std::uint16_t>(bits));
    const float high =
        bits == 0x7bffu ? 65536.0f : f16_to_float(static_cast<std::uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;  // exact: halves have 11 bits
    const auto even = static_cast<std::uint16_t>(bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(float_to_f16(middle), even) << bits;
    ASSERT_EQ(float_to_f16(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(float_to_f16(std::nextafter(middle, 1e9f)), bits + 1);
    ASSERT_EQ(float_to_f16(-middle), even | 0x8000u);
  }
  EXPECT_EQ(float_to_f16(std::numeric_limits<float>::infinity()), 0x7c00);
  EXPECT_EQ(float_to_f16(1e-9f), 0);
}

TEST(Half, bf16_rounds_to_nearest_even_and_keeps_nan) {
  EXPECT_EQ(float_to_bf16(1.0f), 0x3f80);
  EXPECT_EQ(float_to_bf16(std::bit_cast<float>(0x3f808000u)), 0x3f80);
  EXPECT_EQ(float_to_bf16(std::bit_cast<float>(0x3f818000u)), 0x3f82);
  EXPECT_EQ(float_to_bf16(std::bit_cast<float>(0x3f808001u)), 0x3f81);
  EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(std::bit_cast<float>(0x7f800001u)))));
}

TEST(Random, philox_matches_the_published_vectors) {
  // Random123's known-answer test for philox4x32-10.
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxBlock{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  EXPECT_EQ(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (PhiloxBlock{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
  EXPECT_EQ(
      philox4x32({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u}),
      (PhiloxBlock{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(Random, uniform_never_reaches_its_ends) {
  EXPECT_GT(uniform_open(0), 0.0f);
  EXPECT_LT(uniform_open(~0u), 1.0f);
}

TEST(TensorType, sizes_are_those_of_the_format) {
  EXPECT_EQ(row_bytes(TensorType::kQ4_0, 64), 36u);
  EXPECT_EQ(row_bytes(TensorType::kQ6_K, 512), 420u);
  EXPECT_EQ(row_bytes(TensorType::kF32, 3), 12u);
  EXPECT_EQ(tensor_type_from_name("q4_k")->type, TensorType::kQ4_K);
  EXPECT_FALSE(tensor_type_from_name("q4"));
  EXPECT_FALSE(tensor_type_from_id(4));
  EXPECT_EQ(tensor_type_from_id(39)->name, "MXFP4");
}

TEST(View, peels_axes_from_the_front) {
  std::array<int, 12> data{};
  for (int i = 0; i < 12; ++i) data[static_cast<std::size_t>(i)] = i;
  const View<int, 3> cube(data, {2, 3, 2});
  EXPECT_EQ(cube[1][2][1], 11);
  EXPECT_EQ(cube[1].extent(0), 3u);
  EXPECT_DEATH(cube[2], "inside the view");
  EXPECT_DEATH((View<int, 2>(data, {3, 3})), "covers exactly");
}

TEST(Result, is_read_only_after_it_was_checked) {
  const Result<int> bad = Error{ErrorCode::kBadRequest, "no"};
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "no");
  EXPECT_DEATH((void)bad.value(), "after it was checked");
  EXPECT_DEATH((void)Result<int>(3).error(), "where there is one");
  EXPECT_DEATH(divide_exact(1u, 2u), "nothing over");
}

}  // namespace
}  // namespace outrider
