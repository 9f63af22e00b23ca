#include "core/random_weights.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace outrider {
namespace {

// The lines of the vectors that the Python side wrote, those that begin with `kind`, without it.
std::vector<std::istringstream> vector_lines(const std::string& kind) {
  std::ifstream file(OUTRIDER_SOURCE_DIR "/tests/golden/random_weights.txt");
  std::vector<std::istringstream> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kind + " ")) lines.emplace_back(line.substr(kind.size()));
  }
  EXPECT_FALSE(lines.empty()) << kind;
  return lines;
}

std::vector<float> draw(const RandomTensor& tensor, std::uint64_t first, std::size_t count) {
  std::vector<float> values(count);
  random_weights(tensor, first, values);
  return values;
}

struct NextBits {
  float* value;
  friend std::istream& operator>>(std::istream& in, NextBits next) {
    std::uint32_t bits = 0;
    in >> std::hex >> bits >> std::dec;
    *next.value = std::bit_cast<float>(bits);
    return in;
  }
};

TEST(RandomWeights, agree_bit_for_bit_with_the_python_side) {
  for (auto& line : vector_lines("tensor")) {
    std::string name;
    RandomTensor tensor;
    std::uint64_t first = 0;
    line >> name >> tensor.seed >> NextBits{&tensor.mean} >> NextBits{&tensor.std} >> first;
    tensor.name = name;
    std::vector<float> wanted;
    for (float value = 0; line >> NextBits{&value};) wanted.push_back(value);
    ASSERT_GE(wanted.size(), 11u);
    const std::vector<float> got = draw(tensor, first, wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(wanted[i]))
          << name << " at " << first + i;
    }
  }
}

TEST(RandomWeights, roles_agree_with_the_python_side) {
  for (auto& line : vector_lines("role")) {
    std::string name;
    std::uint64_t cols = 0;
    RandomRole wanted;
    line >> name >> cols >> NextBits{&wanted.mean} >> NextBits{&wanted.std};
    ASSERT_TRUE(line) << name;
    const RandomRole got = role_of(name, cols);
    EXPECT_EQ(got.mean, wanted.mean) << name;
    EXPECT_EQ(got.std, wanted.std) << name;
  }
}

TEST(RandomWeights, the_ordering_agrees_with_the_python_side) {
  for (auto& line : vector_lines("permuted")) {
    std::uint64_t index = 0;
    std::uint64_t vocab = 0;
    std::int32_t id = -1;
    line >> index >> vocab >> id;
    EXPECT_EQ(permuted_id(index, vocab), id) << index << " of " << vocab;
  }
}

TEST(RandomWeights, any_split_into_ranges_gives_the_same_bits) {
  const RandomTensor tensor{"blk.2.ffn_gate.weight", 9, 0.5F, 0.25F};
  const std::vector<float> whole = draw(tensor, 0, 3000);
  for (const std::size_t first : {1u, 2u, 3u, 4u, 255u, 256u, 257u, 1001u}) {
    for (const std::size_t count : {0u, 1u, 2u, 5u, 255u, 256u, 257u, 1023u}) {
      const std::vector<float> part = draw(tensor, first, count);
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(part[i], whole[first + i]);
    }
  }
}

TEST(RandomWeights, have_the_mean_and_deviation_asked_for) {
  constexpr std::size_t kCount = 1 << 20;
  const std::vector<float> values = draw({"blk.0.attn_norm.weight", 3, 1.0F, 0.1F}, 0, kCount);
  double sum = 0;
  double squares = 0;
  for (const float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const double mean = sum / kCount;
  // Five standard errors: 0.1 / sqrt(2^20) for the mean, somewhat less for the deviation.
  EXPECT_NEAR(mean, 1.0, 5e-4);
  EXPECT_NEAR(std::sqrt(squares / kCount - mean * mean), 0.1, 5e-4);
}

TEST(RandomWeights, neighbouring_rows_and_tensors_are_unrelated) {
  constexpr std::size_t kCount = 1 << 18;
  const std::vector<float> a = draw({"blk.0.attn_q.weight", 1, 0, 1}, 0, kCount + 1536);
  const std::vector<float> b = draw({"blk.1.attn_q.weight", 1, 0, 1}, 0, kCount);
  const std::vector<float> c = draw({"blk.0.attn_q.weight", 2, 0, 1}, 0, kCount);
  double next = 0;
  double row = 0;
  double layer = 0;
  double seed = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    next += static_cast<double>(a[i]) * a[i + 1];
    row += static_cast<double>(a[i]) * a[i + 1536];
    layer += static_cast<double>(a[i]) * b[i];
    seed += static_cast<double>(a[i]) * c[i];
  }
  const double five_errors = 5 * std::sqrt(static_cast<double>(kCount));
  for (const double sum : {next, row, layer, seed}) EXPECT_LT(std::abs(sum), five_errors);
}

TEST(RandomWeights, the_ordering_lists_every_id_once) {
  for (const std::uint64_t vocab : {2048u, 262144u, 1000u}) {
    std::vector<bool> seen(vocab);
    for (std::uint64_t i = 0; i < vocab; ++i) {
      const auto id = static_cast<std::size_t>(permuted_id(i, vocab));
      ASSERT_LT(id, vocab);
      ASSERT_FALSE(seen[id]);
      seen[id] = true;
    }
  }
}

}  // namespace
}  // namespace outrider
