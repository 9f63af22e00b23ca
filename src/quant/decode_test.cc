#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/half.h"
#include "quant/codec.h"
#include "quant/codes.h"

namespace outrider {
namespace {

// One line of tests/golden/quant_vectors.txt, written by tools/quant_vectors.py.
struct Vector {
  TensorType type;
  std::vector<std::byte> bytes;
  std::vector<std::int8_t> codes;
  std::vector<float> values;
};

std::uint32_t hex(const std::string& digits, std::size_t from, std::size_t count) {
  return static_cast<std::uint32_t>(std::stoul(digits.substr(from, count), nullptr, 16));
}

std::vector<Vector> golden_vectors() {
  std::ifstream file(OUTRIDER_SOURCE_DIR "/tests/golden/quant_vectors.txt");
  std::vector<Vector> vectors;
  std::string name, bytes, codes, values;
  while (file >> name >> bytes >> codes >> values) {
    Vector v{tensor_type_from_name(name)->type, {}, {}, {}};
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
      v.bytes.push_back(static_cast<std::byte>(hex(bytes, i, 2)));
    }
    for (std::size_t i = 0; i < codes.size(); i += 2) {
      v.codes.push_back(static_cast<std::int8_t>(hex(codes, i, 2)));
    }
    for (std::size_t i = 0; i < values.size(); i += 8) {
      v.values.push_back(std::bit_cast<float>(hex(values, i, 8)));
    }
    vectors.push_back(std::move(v));
  }
  return vectors;
}

// The same blocks one after the other, as rows of one type: offset by a byte so that nothing is
// aligned.
struct GoldenRow {
  TensorType type = TensorType::kF32;
  std::vector<std::byte> storage{std::byte{0}};
  std::vector<std::int8_t> codes;
  std::vector<float> values;
  std::span<const std::byte> bytes() const { return std::span(storage).subspan(1); }
};

std::vector<GoldenRow> golden_rows() {
  std::vector<GoldenRow> rows;
  for (const Vector& v : golden_vectors()) {
    if (rows.empty() || rows.back().type != v.type) rows.emplace_back().type = v.type;
    GoldenRow& row = rows.back();
    row.storage.insert(row.storage.end(), v.bytes.begin(), v.bytes.end());
    row.codes.insert(row.codes.end(), v.codes.begin(), v.codes.end());
    row.values.insert(row.values.end(), v.values.begin(), v.values.end());
  }
  return rows;
}

TEST(Decode, golden_vectors_cover_every_block_format) {
  std::set<TensorType> seen;
  for (const Vector& v : golden_vectors()) {
    seen.insert(v.type);
    ASSERT_EQ(v.values.size(), info(v.type).block_values);
    ASSERT_EQ(v.codes.size(), info(v.type).block_values);
    ASSERT_EQ(v.bytes.size(), info(v.type).block_bytes);
  }
  EXPECT_EQ(seen.size(), 13u);
}

TEST(Decode, every_bit_is_the_formula_of_the_format) {
  for (const GoldenRow& row : golden_rows()) {
    std::vector<float> out(row.values.size(), -1.0f);
    decode_row(row.type, row.bytes(), out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(out[i]), std::bit_cast<std::uint32_t>(row.values[i]))
          << info(row.type).name << " value " << i << ": " << out[i] << " for " << row.values[i];
    }
  }
}

TEST(Decode, a_row_may_end_inside_a_chunk_of_256) {
  for (const GoldenRow& row : golden_rows()) {
    for (std::size_t cols = 0; cols <= row.values.size(); cols += info(row.type).block_values) {
      std::vector<float> out(cols);
      decode_row(row.type, row.bytes().first(row_bytes(row.type, cols)), out);
      for (std::size_t i = 0; i < cols; ++i) ASSERT_EQ(out[i], row.values[i]);
    }
  }
}

TEST(Codes, are_the_integers_of_the_format) {
  for (const GoldenRow& row : golden_rows()) {
    std::vector<CodeBlock32> blocks(row.codes.size() / 32);
    unpack_codes(row.type, row.bytes(), static_cast<std::uint32_t>(row.codes.size()),
                 blocks.data());
    for (std::size_t i = 0; i < row.codes.size(); ++i) {
      ASSERT_EQ(blocks[i / 32].code[i % 32], row.codes[i]) << info(row.type).name << " " << i;
    }
  }
}

TEST(Codes, times_scale_plus_offset_is_the_decoded_value) {
  for (const GoldenRow& row : golden_rows()) {
    std::vector<CodeBlock32> blocks(row.codes.size() / 32);
    unpack_codes_for(row.type)(row.bytes().data(), static_cast<std::uint32_t>(row.codes.size()),
                               blocks.data());
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      const CodeBlock32& b = blocks[i / 32];
      const std::size_t half = i % 32 / 16;
      const float value = b.scale[half] * static_cast<float>(b.code[i % 32]) + b.offset[half];
      ASSERT_EQ(std::bit_cast<std::uint32_t>(value), std::bit_cast<std::uint32_t>(row.values[i]));
    }
  }
}

TEST(Codes, have_no_offset_where_the_format_has_no_minimum) {
  const std::set<TensorType> with_minimum = {TensorType::kQ4_1, TensorType::kQ5_1,
                                             TensorType::kQ2_K, TensorType::kQ4_K,
                                             TensorType::kQ5_K};
  for (const GoldenRow& row : golden_rows()) {
    std::vector<CodeBlock32> blocks(row.codes.size() / 32);
    unpack_codes(row.type, row.bytes(), static_cast<std::uint32_t>(row.codes.size()),
                 blocks.data());
    bool any = false;
    for (const CodeBlock32& b : blocks) any = any || b.offset[0] != 0.0f || b.offset[1] != 0.0f;
    EXPECT_EQ(any, with_minimum.contains(row.type)) << info(row.type).name;
  }
}

TEST(Codes, are_refused_for_types_that_hold_none) {
  for (const auto type :
       {TensorType::kF32, TensorType::kF16, TensorType::kBF16, TensorType::kI32}) {
    EXPECT_EQ(unpack_codes_for(type), nullptr);
  }
  CodeBlock32 block;
  const std::vector<std::byte> bytes(128);
  EXPECT_DEATH(unpack_codes(TensorType::kF32, bytes, 32, &block), "holds codes");
  EXPECT_DEATH(unpack_codes(TensorType::kQ8_0, bytes, 32, &block), "as long as its type says");
}

TEST(Decode, plain_floats_are_copied_and_widened) {
  const std::vector<float> values = {0.0f, -0.0f, 1.5f, -65504.0f, 0x1p-24f, -0x1p-14f, 3.0f};
  for (const auto type : {TensorType::kF32, TensorType::kF16, TensorType::kBF16}) {
    std::vector<std::byte> storage(row_bytes(type, values.size()) + 1);
    const auto bytes = std::span(storage).subspan(1);
    encode_row(type, values, bytes);
    std::vector<float> out(values.size());
    decode_row(type, bytes, out);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float expected =
          type == TensorType::kBF16 ? bf16_to_float(float_to_bf16(values[i])) : values[i];
      EXPECT_EQ(std::bit_cast<std::uint32_t>(out[i]), std::bit_cast<std::uint32_t>(expected));
    }
  }
}

TEST(Decode, the_wrong_length_or_type_is_our_bug) {
  std::vector<float> out(32);
  const std::vector<std::byte> bytes(128);
  EXPECT_DEATH(decode_row(TensorType::kQ4_0, bytes, out), "as long as its type says");
  EXPECT_DEATH(decode_row(TensorType::kI32, bytes, out), "known format");
  EXPECT_DEATH(decode_row(TensorType::kQ4_K, bytes, out), "nothing over");
}

}  // namespace
}  // namespace outrider
