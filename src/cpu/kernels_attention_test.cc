// Attention of every instruction set over scattered pages against double precision.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "core/half.h"
#include "cpu/kernels_test_data.h"

namespace outrider {
namespace {

// One KV head's pages, everything but the visible positions filled with NaN.
struct Cache {
  Cache(std::uint32_t dim, std::uint32_t first, std::uint32_t last, bool half, std::uint32_t seed)
      : head_dim(dim), begin(first), end(last), halves(half) {
    const std::uint32_t pages = divide_up(std::max(last, 1u), kPageRows);
    for (std::uint32_t page = 0; page < pages; ++page) table.push_back(PageId(2 * page + 1));
    std::mt19937 bits(seed);
    std::shuffle(table.begin(), table.end(), bits);
    const std::vector<float> nothing((2 * pages + 2) * page_values(), kNan);
    stored = nothing;
    keys = gaussian(std::size_t{last} * dim, 1, seed + 1);
    values = gaussian(std::size_t{last} * dim, 1, seed + 2);
    for (std::uint32_t pos = first; pos < last; ++pos) {
      round_and_put(keys, pos, key_plane());
      round_and_put(values, pos, value_plane());
    }
    for (const float value : stored) narrowed.push_back(float_to_f16(value));
  }

  // A page holds another head's planes before, between and after this one's.
  std::size_t plane() const { return std::size_t{kPageRows} * head_dim; }
  std::size_t page_values() const { return 5 * plane(); }
  std::size_t key_plane() const { return plane(); }
  std::size_t value_plane() const { return 3 * plane(); }
  std::size_t value_bytes() const { return halves ? 2 : 4; }

  // The state that attention over [from, to) leaves for `heads` heads.
  std::vector<float> attend(const CpuKernels& kernels, const float* q, std::uint32_t heads,
                            std::uint32_t from, std::uint32_t to) const {
    const auto* bytes = halves ? reinterpret_cast<const std::byte*>(narrowed.data())
                               : reinterpret_cast<const std::byte*>(stored.data());
    std::vector<float> state(heads * attention_stride(head_dim), kNan);
    (halves ? kernels.attend_f16
            : kernels.attend_f32)({.q = q,
                                   .state = state.data(),
                                   .heads = heads,
                                   .head_dim = head_dim,
                                   .base = bytes,
                                   .page_bytes = page_values() * value_bytes(),
                                   .key_offset = key_plane() * value_bytes(),
                                   .value_offset = value_plane() * value_bytes(),
                                   .pages = table,
                                   .begin = from,
                                   .end = to});
    return state;
  }
  void run(const CpuKernels& kernels, const float* q, float* out) const {
    kernels.finish_attention(attend(kernels, q, 1, begin, end).data(), head_dim, out);
  }

  std::uint32_t head_dim, begin, end;
  bool halves;
  std::vector<PageId> table;
  std::vector<float> stored;
  std::vector<std::uint16_t> narrowed;
  std::vector<float> keys, values;  // [end, head_dim] as the cache holds them

 private:
  void round_and_put(std::vector<float>& rows, std::uint32_t pos, std::size_t plane_at) {
    float* row = &rows[std::size_t{pos} * head_dim];
    for (std::uint32_t i = 0; i < head_dim; ++i) {
      if (halves) row[i] = f16_to_float(float_to_f16(row[i]));
    }
    const std::size_t at = table[pos / kPageRows].value() * page_values() + plane_at +
                           std::size_t{pos % kPageRows} * head_dim;
    std::copy_n(row, head_dim, &stored[at]);
  }
};

struct Expected {
  std::vector<double> mix;        // [head_dim]
  std::vector<double> magnitude;  // the same with absolute values
  double score_error = 0;         // that a float dot product of this size may have
};

Expected attend_in_double(const Cache& cache, const std::vector<float>& q) {
  const std::size_t dim = cache.head_dim;
  std::vector<double> scores;
  Expected want{std::vector<double>(dim), std::vector<double>(dim)};
  for (std::uint32_t pos = cache.begin; pos < cache.end; ++pos) {
    double score = 0, magnitude = 0;
    for (std::size_t i = 0; i < dim; ++i) {
      const double term =
          static_cast<double>(q[i]) * static_cast<double>(cache.keys[pos * dim + i]);
      score += term;
      magnitude += std::abs(term);
    }
    scores.push_back(score);
    const double terms = static_cast<double>(dim) + 2;
    want.score_error = std::max(want.score_error, terms * kRounding * magnitude);
  }
  if (scores.empty()) return want;
  const double most = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (double& score : scores) total += score = std::exp(score - most);
  for (std::size_t row = 0; row < scores.size(); ++row) {
    for (std::size_t i = 0; i < dim; ++i) {
      const double term =
          scores[row] / total * static_cast<double>(cache.values[(cache.begin + row) * dim + i]);
      want.mix[i] += term;
      want.magnitude[i] += std::abs(term);
    }
  }
  return want;
}

void expect_attention(const CpuKernels& kernels, const Cache& cache) {
  const auto q = gaussian(cache.head_dim, 2 / std::sqrt(static_cast<float>(cache.head_dim)), 9);
  std::vector<float> out(cache.head_dim + 1, 7.0f);
  cache.run(kernels, q.data(), out.data());
  const Expected want = attend_in_double(cache, q);
  // An error of a score is one of its weight, above and below the fraction; then as many additions
  // as there are keys in both, and the exponentials' own.
  const double keys = static_cast<double>(cache.end - cache.begin);
  const double relative = 2 * want.score_error + (2 * keys + 24) * kRounding;
  for (std::uint32_t i = 0; i < cache.head_dim; ++i) {
    ASSERT_NEAR(static_cast<double>(out[i]), want.mix[i], relative * want.magnitude[i])
        << "head size " << cache.head_dim << ", keys " << cache.begin << " to " << cache.end
        << (cache.halves ? ", f16" : ", f32");
  }
  ASSERT_EQ(out[cache.head_dim], 7.0f) << "wrote past the head";
}

TEST(Attention, is_within_its_roundings_of_double_precision_and_sees_nothing_else) {
  for_each_table([](const CpuKernels& kernels) {
    for (const bool halves : {false, true}) {
      for (const std::uint32_t head_dim : {8u, 16u, 24u, 32u, 64u, 128u, 256u, 512u}) {
        for (const std::uint32_t length : {0u, 1u, 63u, 64u, 65u, 200u}) {
          expect_attention(kernels, Cache(head_dim, 0, length, halves, length));
        }
      }
      expect_attention(kernels, Cache(64, 0, 1000, halves, 1));
    }
  });
}

TEST(Attention, a_window_may_start_and_end_inside_any_page) {
  for_each_table([](const CpuKernels& kernels) {
    for (const bool halves : {false, true}) {
      for (const std::uint32_t begin : {1u, 37u, 63u, 64u, 65u, 127u, 128u, 190u}) {
        for (const std::uint32_t length : {1u, 2u, 64u, 130u}) {
          expect_attention(kernels, Cache(32, begin, begin + length, halves, begin));
        }
      }
      expect_attention(kernels, Cache(8, 999, 1000, halves, 1));
    }
  });
}

TEST(Attention, no_visible_key_gives_zeros) {
  for_each_table([](const CpuKernels& kernels) {
    for (const bool halves : {false, true}) {
      for (const std::uint32_t at : {0u, 70u}) {
        const Cache cache(16, at, at, halves, 1);
        const auto q = gaussian(16, 1, 1);
        std::vector<float> out(16, kNan);
        cache.run(kernels, q.data(), out.data());
        EXPECT_EQ(out, std::vector<float>(16, 0.0f));
      }
    }
  });
}

TEST(Attention, which_physical_pages_hold_the_keys_changes_no_bit) {
  for_each_table([](const CpuKernels& kernels) {
    Cache cache(32, 10, 300, false, 5);
    const auto q = gaussian(32, 0.3f, 9);
    std::vector<float> first(32), second(32);
    cache.run(kernels, q.data(), first.data());
    Cache moved = cache;
    std::swap(moved.table[1], moved.table[3]);
    const std::size_t one = moved.table[1].value() * cache.page_values();
    const std::size_t three = moved.table[3].value() * cache.page_values();
    std::swap_ranges(&moved.stored[one], &moved.stored[one] + cache.page_values(),
                     &moved.stored[three]);
    moved.run(kernels, q.data(), second.data());
    EXPECT_EQ(std::memcmp(first.data(), second.data(), 32 * sizeof(float)), 0);
  });
}

TEST(Attention, scores_far_apart_neither_overflow_nor_vanish) {
  for_each_table([](const CpuKernels& kernels) {
    const Cache cache(8, 0, 130, false, 3);
    for (const float size : {1e3f, 1e6f, 1e30f}) {  // all weight on the best key
      const auto q = gaussian(8, size, 4);
      std::vector<double> scores;
      for (std::size_t pos = 0; pos < 130; ++pos) {
        scores.push_back(std::inner_product(q.begin(), q.end(), &cache.keys[pos * 8], 0.0));
      }
      const auto best =
          static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
      std::vector<float> out(8);
      cache.run(kernels, q.data(), out.data());
      for (std::size_t i = 0; i < 8; ++i) EXPECT_FLOAT_EQ(out[i], cache.values[best * 8 + i]);
    }
  });
}

TEST(Attention, a_heads_bits_do_not_depend_on_the_heads_that_share_its_keys) {
  for_each_table([](const CpuKernels& kernels) {
    for (const bool halves : {false, true}) {
      for (const std::uint32_t head_dim : {8u, 24u, 256u}) {
        const Cache cache(head_dim, 10, 300, halves, 5);
        const auto q = gaussian(std::size_t{11} * head_dim, 0.2f, 9);
        const std::size_t stride = attention_stride(head_dim);
        for (const std::uint32_t heads : {1u, 2u, 3u, 4u, 5u, 8u, 11u}) {
          const auto together = cache.attend(kernels, q.data(), heads, 10, 300);
          for (std::uint32_t h = 0; h < heads; ++h) {
            const auto alone = cache.attend(kernels, &q[h * head_dim], 1, 10, 300);
            EXPECT_EQ(std::memcmp(alone.data(), &together[h * stride], (head_dim + 2) * 4), 0)
                << "head " << h << " of " << heads;
          }
        }
      }
    }
  });
}

TEST(Attention, stretches_put_together_are_the_whole) {
  for_each_table([](const CpuKernels& kernels) {
    for (const bool halves : {false, true}) {
      const Cache cache(64, 30, 500, halves, 5);
      const auto q = gaussian(64, 0.25f, 9);
      auto state = cache.attend(kernels, q.data(), 1, 30, 30);  // nothing visible
      const std::uint32_t cuts[] = {30, 128, 128, 256, 448, 500};
      for (std::size_t i = 0; i + 1 < std::size(cuts); ++i) {
        const auto later = cache.attend(kernels, q.data(), 1, cuts[i], cuts[i + 1]);
        kernels.merge_attention(later.data(), 64, state.data());
      }
      std::vector<float> out(64);
      kernels.finish_attention(state.data(), 64, out.data());
      const Expected want = attend_in_double(cache, q);
      const double relative = 2 * want.score_error + (2 * 470 + 64) * kRounding;
      for (std::size_t i = 0; i < 64; ++i)
        EXPECT_NEAR(static_cast<double>(out[i]), want.mix[i], relative * want.magnitude[i]);
    }
  });
}

}  // namespace
}  // namespace outrider
