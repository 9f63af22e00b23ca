// Attention over paged keys and values, with a running softmax (Dao et al., "FlashAttention", 2022,
// algorithm 1) whose steps are pages. Pages start at absolute positions, so the order of every sum
// depends on nothing but the visible range. Query heads that share a KV head go through its pages
// together, each in the order it has alone.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kernels_attention.cc"
#include "hwy/foreach_target.h"  // must precede highway.h: compiles this file once per target

#include "hwy/highway.h"

#include "hwy/contrib/math/math-inl.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/half.h"
#include "cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace outrider::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kTileHeads = 4;  // as many as have their sums in registers, two each

template <class D>
hn::Vec<D> load(D d, const float* values) {
  return hn::LoadU(d, values);
}
template <class D>
hn::Vec<D> load(D d, const std::uint16_t* halves) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(d, f16_to_float(*halves));
#else
  const hn::Rebind<hwy::float16_t, D> d16;
  return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(halves)));
#endif
}

// Rows of one page that are visible.
template <class Stored>
struct PageRows {
  const Stored* keys;
  const Stored* values;
  std::size_t count;
};

// weight[h][row] = q[h] . keys[row]
template <std::size_t kHeads, class Stored>
void score(const float* q, const PageRows<Stored>& rows, std::size_t width,
           float (*weight)[kPageRows]) {
  const hn::CappedTag<float, 8> d;  // head sizes are multiples of 8
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t row = 0; row < rows.count; ++row) {
    const Stored* key = rows.keys + row * width;
    hn::Vec<decltype(d)> even[kHeads], odd[kHeads];
    for (std::size_t h = 0; h < kHeads; ++h) even[h] = odd[h] = hn::Zero(d);
    std::size_t i = 0;
    for (; i + 2 * lanes <= width; i += 2 * lanes) {
      const auto k0 = load(d, key + i), k1 = load(d, key + i + lanes);
      for (std::size_t h = 0; h < kHeads; ++h) {
        even[h] = hn::MulAdd(k0, hn::LoadU(d, q + h * width + i), even[h]);
        odd[h] = hn::MulAdd(k1, hn::LoadU(d, q + h * width + i + lanes), odd[h]);
      }
    }
    for (; i < width; i += lanes) {
      const auto k0 = load(d, key + i);
      for (std::size_t h = 0; h < kHeads; ++h)
        even[h] = hn::MulAdd(k0, hn::LoadU(d, q + h * width + i), even[h]);
    }
    for (std::size_t h = 0; h < kHeads; ++h)
      weight[h][row] = hn::GetLane(hn::SumOfLanes(d, hn::Add(even[h], odd[h])));
  }
}

// mix[h] = mix[h] * keep[h] + sum over rows of weight[h][row] * values[row].
template <std::size_t kHeads, class Stored>
void mix_values(const float (*weight)[kPageRows], const PageRows<Stored>& rows, const float* keep,
                std::size_t width, float* mix, std::size_t mix_stride) {
  const hn::CappedTag<float, 8> d;
  for (std::size_t i = 0; i < width; i += hn::Lanes(d)) {
    hn::Vec<decltype(d)> sum[kHeads];
    for (std::size_t h = 0; h < kHeads; ++h)
      sum[h] = hn::Mul(hn::LoadU(d, mix + h * mix_stride + i), hn::Set(d, keep[h]));
    for (std::size_t row = 0; row < rows.count; ++row) {
      const auto value = load(d, rows.values + row * width + i);
      for (std::size_t h = 0; h < kHeads; ++h)
        sum[h] = hn::MulAdd(value, hn::Set(d, weight[h][row]), sum[h]);
    }
    for (std::size_t h = 0; h < kHeads; ++h) hn::StoreU(sum[h], d, mix + h * mix_stride + i);
  }
}

// Scores become weights relative to the largest score so far; returns what earlier sums keep.
float weigh(float* weight, std::size_t count, float& most, float& total) {
  const hn::CappedTag<float, 8> d;
  const float new_most = std::max(most, *std::max_element(weight, weight + count));
  std::fill(weight + count, weight + kPageRows, new_most);
  for (std::size_t row = 0; row < kPageRows; row += hn::Lanes(d)) {
    const auto above = hn::Sub(hn::LoadU(d, weight + row), hn::Set(d, new_most));
    hn::StoreU(hn::Exp(d, above), d, weight + row);
  }
  float page_total = 0;
  for (std::size_t row = 0; row < count; ++row) page_total += weight[row];
  const float keep = std::exp(most - new_most);
  total = total * keep + page_total;
  most = new_most;
  return keep;
}

template <std::size_t kHeads, class Stored>
void attend_page(const GroupAttention& job, const PageRows<Stored>& rows, std::size_t head) {
  const std::size_t stride = attention_stride(job.head_dim);
  float weight[kHeads][kPageRows];
  float keep[kHeads];
  float* state = job.state + head * stride;
  score<kHeads>(job.q + head * job.head_dim, rows, job.head_dim, weight);
  for (std::size_t h = 0; h < kHeads; ++h) {
    float* of_head = state + h * stride + job.head_dim;
    keep[h] = weigh(weight[h], rows.count, of_head[0], of_head[1]);
  }
  mix_values<kHeads>(weight, rows, keep, job.head_dim, state, stride);
}

template <class Stored>
void attend(const GroupAttention& job) {
  for (std::size_t head = 0; head < job.heads; ++head) {
    float* state = job.state + head * attention_stride(job.head_dim);
    std::fill_n(state, job.head_dim, 0.0f);
    state[job.head_dim] = -std::numeric_limits<float>::infinity();
    state[job.head_dim + 1] = 0;
  }
  for (std::uint32_t at = job.begin; at < job.end;) {
    const std::uint32_t first = at % kPageRows;
    const std::uint32_t count = std::min(job.end - at, kPageRows - first);
    const std::byte* page =
        job.base + std::size_t{job.pages[at / kPageRows].value()} * job.page_bytes;
    const std::size_t skip = std::size_t{first} * job.head_dim;
    const PageRows<Stored> rows{reinterpret_cast<const Stored*>(page + job.key_offset) + skip,
                                reinterpret_cast<const Stored*>(page + job.value_offset) + skip,
                                count};
    std::size_t head = 0;
    for (; head + kTileHeads <= job.heads; head += kTileHeads)
      attend_page<kTileHeads>(job, rows, head);
    for (; head + 2 <= job.heads; head += 2) attend_page<2>(job, rows, head);
    if (head < job.heads) attend_page<1>(job, rows, head);
    at += count;
  }
}

void attend_f32(const GroupAttention& job) {
  attend<float>(job);
}
void attend_f16(const GroupAttention& job) {
  attend<std::uint16_t>(job);
}

void merge_attention(const float* later, std::uint32_t head_dim, float* state) {
  const hn::CappedTag<float, 8> d;
  const float most = std::max(state[head_dim], later[head_dim]);
  if (most == -std::numeric_limits<float>::infinity()) return;  // nothing visible so far
  const float keep = std::exp(state[head_dim] - most), take = std::exp(later[head_dim] - most);
  for (std::size_t i = 0; i < head_dim; i += hn::Lanes(d)) {
    const auto kept = hn::Mul(hn::LoadU(d, state + i), hn::Set(d, keep));
    hn::StoreU(hn::MulAdd(hn::LoadU(d, later + i), hn::Set(d, take), kept), d, state + i);
  }
  state[head_dim] = most;
  state[head_dim + 1] = state[head_dim + 1] * keep + later[head_dim + 1] * take;
}

void finish_attention(const float* state, std::uint32_t head_dim, float* out) {
  const float total = state[head_dim + 1];
  const float inverse = total == 0 ? 0 : 1.0f / total;  // nothing visible: zeros
  for (std::uint32_t i = 0; i < head_dim; ++i) out[i] = state[i] * inverse;
}

}  // namespace
}  // namespace outrider::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace outrider {
HWY_EXPORT(attend_f32);
HWY_EXPORT(attend_f16);
HWY_EXPORT(merge_attention);
HWY_EXPORT(finish_attention);

void add_attention_kernels(CpuKernels& table) {
  table.attend_f32 = &HWY_DYNAMIC_DISPATCH(attend_f32);
  table.attend_f16 = &HWY_DYNAMIC_DISPATCH(attend_f16);
  table.merge_attention = &HWY_DYNAMIC_DISPATCH(merge_attention);
  table.finish_attention = &HWY_DYNAMIC_DISPATCH(finish_attention);
}
}  // namespace outrider
#endif
