// Matrices and activations for the tests of packed products.
#pragma once
#include <array>
#include <random>
#include <vector>

#include "cpu/kernels_test_data.h"
#include "cpu/packed_weights.h"
#include "quant/codec.h"

namespace outrider {

inline constexpr std::array kPackedTypes = {TensorType::kQ4_0, TensorType::kQ8_0, TensorType::kQ4_K,
                                            TensorType::kQ6_K};

// A stored matrix with rows of gaussian values, and what it holds.
struct Stored {
  std::vector<std::byte> bytes;
  Weight weight;

  Stored(TensorType type, std::uint32_t rows, std::uint32_t cols) {
    const std::size_t row = row_bytes(type, cols);
    bytes.resize(rows * row);
    for (std::uint32_t r = 0; r < rows; ++r)
      encode_row(type, gaussian(cols, 0.05f, r), std::span(bytes).subspan(r * row, row));
    weight = {type, rows, cols, bytes};
  }
  // The same with any bits at all for codes and scales, the halves that scale everything tamed.
  void scramble() {
    std::mt19937 bits(7);
    for_each_code([&](std::byte& code) { code = static_cast<std::byte>(bits() & 255); });
  }
  void fill_codes(std::byte value) {
    for_each_code([&](std::byte& code) { code = value; });
  }

 private:
  // Every byte but the halves that scale everything.
  template <class Use>
  void for_each_code(Use&& use) {
    const std::size_t block = info(weight.type).block_bytes;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      const std::size_t i = at % block;
      const bool half = weight.type == TensorType::kQ6_K
                            ? i >= 208
                            : i < (weight.type == TensorType::kQ4_K ? 4u : 2u);
      if (!half) use(bytes[at]);
    }
  }
};

inline std::vector<CodeActivation32> rounded(const CpuKernels& kernels,
                                             const std::vector<float>& x) {
  std::vector<CodeActivation32> blocks(x.size() / 32);
  kernels.round_to_codes(x.data(), x.size(), blocks.data());
  return blocks;
}

// The same in tiles, of `rows` rows.
class Tiles {
 public:
  Tiles(const std::vector<CodeActivation32>& x, std::size_t x_stride, std::size_t rows,
        std::size_t blocks)
      : tiles_(code_tiles(rows, blocks)) {
    for (std::size_t row = 0; row < rows; ++row)
      put_in_tiles(&x[row * x_stride], row, rows, {0, blocks}, blocks, tiles_.data());
  }
  const CodeTile* data() const { return tiles_.data(); }

 private:
  std::vector<CodeTile> tiles_;
};

}  // namespace outrider
