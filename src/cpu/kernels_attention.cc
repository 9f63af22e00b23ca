// Attention of one query head over paged keys and values, with a running softmax (Dao et al.,
// "FlashAttention", 2022, algorithm 1) whose steps are pages. Pages start at absolute positions, so
// the order of every sum depends on nothing but the visible range.
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

template <class Stored>
float dot(const float* q, const Stored* key, std::size_t width) {
  const hn::CappedTag<float, 8> d;  // head sizes are multiples of 8
  auto s0 = hn::Zero(d), s1 = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 2 * hn::Lanes(d) <= width; i += 2 * hn::Lanes(d)) {
    s0 = hn::MulAdd(load(d, key + i), hn::LoadU(d, q + i), s0);
    s1 = hn::MulAdd(load(d, key + i + hn::Lanes(d)), hn::LoadU(d, q + i + hn::Lanes(d)), s1);
  }
  for (; i < width; i += hn::Lanes(d)) s0 = hn::MulAdd(load(d, key + i), hn::LoadU(d, q + i), s0);
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
}

// out = out * keep + sum over rows of weight[row] * values[row].
template <class Stored>
void mix(const float* weight, std::size_t rows, const Stored* values, float keep, std::size_t width,
         float* out) {
  const hn::CappedTag<float, 8> d;
  for (std::size_t i = 0; i < width; i += hn::Lanes(d)) {
    auto sum = hn::Mul(hn::LoadU(d, out + i), hn::Set(d, keep));
    for (std::size_t row = 0; row < rows; ++row) {
      sum = hn::MulAdd(load(d, values + row * width + i), hn::Set(d, weight[row]), sum);
    }
    hn::StoreU(sum, d, out + i);
  }
}

template <class Stored>
void attend(const HeadAttention& job) {
  const hn::CappedTag<float, 8> d;
  HWY_ALIGN float weight[kPageRows];
  float most = -std::numeric_limits<float>::infinity();
  float total = 0;
  std::fill_n(job.out, job.head_dim, 0.0f);
  for (std::uint32_t at = job.begin; at < job.end;) {
    const std::uint32_t first = at % kPageRows;
    const std::uint32_t rows = std::min(job.end - at, kPageRows - first);
    const std::byte* page =
        job.base + std::size_t{job.pages[at / kPageRows].value()} * job.page_bytes;
    const auto* keys =
        reinterpret_cast<const Stored*>(page + job.key_offset) + std::size_t{first} * job.head_dim;
    const auto* values = reinterpret_cast<const Stored*>(page + job.value_offset) +
                         std::size_t{first} * job.head_dim;

    float page_most = -std::numeric_limits<float>::infinity();
    for (std::uint32_t row = 0; row < rows; ++row) {
      weight[row] = dot(job.q, keys + std::size_t{row} * job.head_dim, job.head_dim);
      page_most = std::max(page_most, weight[row]);
    }
    const float new_most = std::max(most, page_most);
    std::fill(weight + rows, weight + kPageRows, new_most);
    for (std::uint32_t row = 0; row < kPageRows; row += static_cast<std::uint32_t>(hn::Lanes(d))) {
      hn::Store(hn::Exp(d, hn::Sub(hn::Load(d, weight + row), hn::Set(d, new_most))), d,
                weight + row);
    }
    const float keep = std::exp(most - new_most);
    float page_total = 0;
    for (std::uint32_t row = 0; row < rows; ++row) page_total += weight[row];
    mix(weight, rows, values, keep, job.head_dim, job.out);
    total = total * keep + page_total;
    most = new_most;
    at += rows;
  }
  if (total == 0) return;  // nothing visible: zeros
  const float inverse = 1.0f / total;
  for (std::uint32_t i = 0; i < job.head_dim; ++i) job.out[i] *= inverse;
}

void attend_f32(const HeadAttention& job) {
  attend<float>(job);
}
void attend_f16(const HeadAttention& job) {
  attend<std::uint16_t>(job);
}

}  // namespace
}  // namespace outrider::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace outrider {
HWY_EXPORT(attend_f32);
HWY_EXPORT(attend_f16);

void add_attention_kernels(CpuKernels& table) {
  table.attend_f32 = &HWY_DYNAMIC_DISPATCH(attend_f32);
  table.attend_f16 = &HWY_DYNAMIC_DISPATCH(attend_f16);
}
}  // namespace outrider
#endif
