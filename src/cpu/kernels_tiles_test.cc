// Products on tile registers against those without them, bit by bit.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "cpu/packed_test_data.h"

namespace outrider {
namespace {

class DotTiles : public testing::Test {
 protected:
  void SetUp() override {
    if (kernels_.tiles.dot_packed == nullptr) {
      GTEST_SKIP() << "this machine has no tile registers, or none for this process";
    }
    auto scratch = AlignedBuffer::allocate(kernels_.tiles.scratch_bytes, "scratch");
    ASSERT_TRUE(scratch);
    scratch_ = std::move(*scratch);
  }
  // [rows, w.rows + 3], NaN where nothing was written.
  std::vector<float> outputs(const PackedMatrix& w, std::uint32_t rows) const {
    return std::vector<float>(std::size_t{rows} * (w.rows + 3), kNan);
  }
  static PackedDots job(const PackedMatrix& w, const std::vector<CodeActivation32>& x,
                        std::size_t x_stride, std::vector<float>& out, std::uint32_t rows) {
    return {w.data, w.groups(), x.data(), x_stride, w.cols / 32, out.data(), w.rows + 3, rows};
  }
  void expect_same_bits(const PackedMatrix& w, const std::vector<CodeActivation32>& x,
                        std::size_t x_stride, std::uint32_t rows) const {
    auto want = outputs(w, rows), found = want;
    kernels_.dot_packed(w.format, job(w, x, x_stride, want, rows));
    const Tiles tiles(x, x_stride, rows, w.cols / 32);
    PackedDots tiled = job(w, x, x_stride, found, rows);
    tiled.x_tiles = tiles.data();
    kernels_.tiles.dot_packed(w.format, tiled, scratch_.data());
    ASSERT_EQ(std::memcmp(want.data(), found.data(), want.size() * sizeof(float)), 0)
        << static_cast<int>(w.format) << " [" << w.rows << ", " << w.cols << "] " << rows
        << " rows";
  }

  const CpuKernels kernels_ = best_cpu_kernels();
  AlignedBuffer scratch_;
  ThreadPool pool_{1};
};

TEST_F(DotTiles, bits_are_those_without_tiles_for_every_type_and_any_number_of_rows) {
  for (const TensorType type : kPackedTypes) {
    for (const std::uint32_t cols : {32u, 96u, 256u, 352u, 2112u, 2304u}) {  // up to nine panels
      if (cols % info(type).block_values != 0) continue;
      Stored stored(type, 80, cols);
      if (cols == 256) stored.scramble();
      PackedWeights weights(kernels_, pool_);
      const PackedMatrix w = weights.of(stored.weight);
      const std::size_t stride = cols / 32 + 1;
      const auto x = rounded(kernels_, gaussian(70 * stride * 32, 1, 6));
      for (std::uint32_t rows = 1; rows <= 70; ++rows) expect_same_bits(w, x, stride, rows);
    }
  }
}

TEST_F(DotTiles, bits_are_those_without_tiles_for_more_groups_and_rows_than_a_stretch) {
  for (const TensorType type : kPackedTypes) {
    // Whole panels and, where the type allows, a part of one.
    const std::uint32_t cols = info(type).block_values == 32 ? 1376 : 1280;
    const Stored stored(type, 16 * 67, cols);
    PackedWeights weights(kernels_, pool_);
    const PackedMatrix w = weights.of(stored.weight);
    const auto x = rounded(kernels_, gaussian(260 * cols, 1, 6));
    for (const std::uint32_t rows : {9u, 33u, 129u, 260u}) expect_same_bits(w, x, cols / 32, rows);
  }
}

TEST_F(DotTiles, sums_of_the_largest_codes_are_exact) {
  for (const TensorType type : kPackedTypes) {
    for (const int byte : {0x00, 0x7f, 0x80, 0x88, 0xff}) {
      Stored stored(type, 16, 256);
      stored.fill_codes(static_cast<std::byte>(byte));
      PackedWeights weights(kernels_, pool_);
      const PackedMatrix w = weights.of(stored.weight);
      for (const float activation : {-127.0f, 127.0f, 0.0f}) {
        std::vector<float> values(16 * 256, activation);
        values[5] = 1;
        expect_same_bits(w, rounded(kernels_, values), 8, 16);
      }
    }
  }
}

TEST_F(DotTiles, one_value_that_is_not_finite_spoils_its_row_and_no_other) {
  for (const TensorType type : kPackedTypes) {
    const Stored stored(type, 16, 256);
    PackedWeights weights(kernels_, pool_);
    const PackedMatrix w = weights.of(stored.weight);
    auto values = gaussian(20 * 256, 1, 2);
    values[7 * 256 + 77] = kInfinity;
    const auto x = rounded(kernels_, values);
    auto out = outputs(w, 20);
    const Tiles tiles(x, 8, 20, 8);
    PackedDots tiled = job(w, x, 8, out, 20);
    tiled.x_tiles = tiles.data();
    kernels_.tiles.dot_packed(w.format, tiled, scratch_.data());
    for (std::size_t at = 0; at < out.size(); ++at) {
      const std::size_t row = at / (w.rows + 3), column = at % (w.rows + 3);
      EXPECT_EQ(std::isnan(out[at]), row == 7 || column >= w.rows) << row << " " << column;
    }
  }
}

TEST_F(DotTiles, several_threads_give_the_same_bits_as_one) {
  const Stored stored(TensorType::kQ4_0, 16 * 64, 1536);
  ThreadPool pool(3);
  PackedWeights weights(kernels_, pool);
  const PackedMatrix w = weights.of(stored.weight);
  const auto x = rounded(kernels_, gaussian(40 * 1536, 1, 6));
  auto want = outputs(w, 40), found = want;
  kernels_.dot_packed(w.format, job(w, x, 48, want, 40));
  const std::size_t scratch_bytes = (kernels_.tiles.scratch_bytes + 63) / 64 * 64;
  auto scratch = AlignedBuffer::allocate(3 * scratch_bytes, "scratch");
  ASSERT_TRUE(scratch);
  const Tiles tiles(x, 48, 40, 48);
  for (int turn = 0; turn < 20; ++turn) {
    std::fill(found.begin(), found.end(), kNan);
    pool.run([&](std::uint32_t thread) {
      const Range part = share_of(w.groups(), thread, 3);
      PackedDots own = job(w, x, 48, found, 40);
      own.w = w.at(part.begin), own.groups = part.end - part.begin;
      own.out += part.begin * w.group;
      own.x_tiles = tiles.data();
      kernels_.tiles.dot_packed(w.format, own, scratch->data() + thread * scratch_bytes);
    });
    ASSERT_EQ(std::memcmp(want.data(), found.data(), want.size() * sizeof(float)), 0) << turn;
  }
}

TEST_F(DotTiles, are_taken_for_as_many_rows_as_the_table_says) {
  CpuKernels table = kernels_;
  static std::uint32_t tiled = 0, plain = 0;
  table.tiles.dot_packed = [](PackedFormat, const PackedDots& job, std::byte*) {
    tiled = job.rows;
  };
  table.dot_packed = [](PackedFormat, const PackedDots& job) { plain = job.rows; };
  const CodeTile tile{};
  PackedDots job{};
  job.x_tiles = &tile;
  for (job.rows = 1; job.rows < 40; ++job.rows) {
    table.dot_rows(PackedFormat::kQ4_0, job, nullptr);
    EXPECT_EQ(job.rows < table.tiles.rows_least ? plain : tiled, job.rows);
  }
  job.x_tiles = nullptr;  // rows that are in no tiles
  table.dot_rows(PackedFormat::kQ4_0, job, nullptr);
  EXPECT_EQ(plain, job.rows);
  job.x_tiles = &tile, ++job.rows;
  table.tiles.dot_packed = nullptr;  // no tile registers
  table.dot_rows(PackedFormat::kQ4_0, job, nullptr);
  EXPECT_EQ(plain, job.rows);
}

}  // namespace
}  // namespace outrider
