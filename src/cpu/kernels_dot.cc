// Dot products, where nearly all time goes, and the conversions that feed them.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kernels_dot.cc"
#include "hwy/foreach_target.h"  // must precede highway.h: compiles this file once per target

#include "hwy/highway.h"

#include <cmath>

#include "core/half.h"
#include "cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace outrider::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Four accumulators hide the latency of a fused multiply-add; the order is fixed by the width
// alone.
float dot(const float* a, const float* b, std::size_t width) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  auto s0 = hn::Zero(d), s1 = hn::Zero(d), s2 = hn::Zero(d), s3 = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 4 * lanes <= width; i += 4 * lanes) {
    s0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), s0);
    s1 = hn::MulAdd(hn::LoadU(d, a + i + lanes), hn::LoadU(d, b + i + lanes), s1);
    s2 = hn::MulAdd(hn::LoadU(d, a + i + 2 * lanes), hn::LoadU(d, b + i + 2 * lanes), s2);
    s3 = hn::MulAdd(hn::LoadU(d, a + i + 3 * lanes), hn::LoadU(d, b + i + 3 * lanes), s3);
  }
  for (; i + lanes <= width; i += lanes) {
    s0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), s0);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
  for (; i < width; ++i) sum += a[i] * b[i];
  return sum;
}

void dot_floats(const FloatDots& job) {
  for (std::uint32_t i = 0; i < job.rows; ++i) {
    job.out[i * job.out_stride] = dot(job.w, job.x + i * job.x_stride, job.width);
  }
}

#if HWY_TARGET == HWY_SCALAR

float dot_block_row(const CodeBlock32* w, const CodeActivation32* x, std::size_t blocks) {
  float sum = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    for (std::size_t half = 0; half < 2; ++half) {
      std::int32_t products = 0;
      for (std::size_t i = half * 16; i < half * 16 + 16; ++i)
        products += w[b].code[i] * x[b].code[i];
      sum += static_cast<float>(products) * (w[b].scale[half] * x[b].scale) +
             w[b].offset[half] * x[b].sum[half];
    }
  }
  return sum;
}

#else

float dot_block_row(const CodeBlock32* w, const CodeActivation32* x, std::size_t blocks) {
  const hn::CappedTag<std::int16_t, 16> d16;
  const hn::RepartitionToWide<decltype(d16)> d32;
  const hn::Rebind<std::int8_t, decltype(d16)> d8;
  const hn::RebindToFloat<decltype(d32)> df;
  auto total = hn::Zero(df);
  float offsets = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    for (std::size_t half = 0; half < 2; ++half) {
      auto even = hn::Zero(d32), odd = hn::Zero(d32);
      for (std::size_t i = half * 16; i < half * 16 + 16; i += hn::Lanes(d16)) {
        const auto codes = hn::PromoteTo(d16, hn::LoadU(d8, w[b].code + i));
        const auto values = hn::PromoteTo(d16, hn::LoadU(d8, x[b].code + i));
        even = hn::ReorderWidenMulAccumulate(d32, codes, values, even, odd);
      }
      const auto products = hn::ConvertTo(df, hn::Add(even, odd));
      total = hn::MulAdd(products, hn::Set(df, w[b].scale[half] * x[b].scale), total);
    }
    offsets += w[b].offset[0] * x[b].sum[0] + w[b].offset[1] * x[b].sum[1];
  }
  return hn::GetLane(hn::SumOfLanes(df, total)) + offsets;
}

#endif

void dot_codes(const CodeDots& job) {
  for (std::uint32_t i = 0; i < job.rows; ++i) {
    job.out[i * job.out_stride] = dot_block_row(job.w, job.x + i * job.x_stride, job.blocks);
  }
}

void round_to_codes(const float* x, std::size_t width, CodeActivation32* out) {
  const hn::CappedTag<float, 16> d;
  const hn::Rebind<std::int8_t, decltype(d)> d8;
  const hn::RebindToSigned<decltype(d)> d32;
  for (std::size_t b = 0; b < width / 32; ++b) {
    const float* values = x + b * 32;
    CodeActivation32& block = out[b];
    auto most = hn::Zero(d);
    for (std::size_t i = 0; i < 32; i += hn::Lanes(d))
      most = hn::Max(most, hn::Abs(hn::LoadU(d, values + i)));
    const float largest = hn::GetLane(hn::MaxOfLanes(d, most));
    const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    block.scale = largest / 127.0f;
    for (std::size_t half = 0; half < 2; ++half) {
      auto sum = hn::Zero(d32);
      for (std::size_t i = half * 16; i < half * 16 + 16; i += hn::Lanes(d)) {
        const auto code = hn::NearestInt(hn::Mul(hn::LoadU(d, values + i), hn::Set(d, inverse)));
        sum = hn::Add(sum, code);
        hn::StoreU(hn::DemoteTo(d8, code), d8, block.code + i);
      }
      block.sum[half] = block.scale * static_cast<float>(hn::GetLane(hn::SumOfLanes(d32, sum)));
    }
  }
}

void widen_f16(const std::uint16_t* x, std::size_t width, float* out) {
  std::size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<float> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> d16;
  for (; i + hn::Lanes(d) <= width; i += hn::Lanes(d)) {
    const auto halves = hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(x + i));
    hn::StoreU(hn::PromoteTo(d, halves), d, out + i);
  }
#endif
  for (; i < width; ++i) out[i] = f16_to_float(x[i]);
}

void widen_bf16(const std::uint16_t* x, std::size_t width, float* out) {
  for (std::size_t i = 0; i < width; ++i) out[i] = bf16_to_float(x[i]);
}

void narrow_f16(const float* x, std::size_t width, std::uint16_t* out) {
  std::size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<float> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> d16;
  for (; i + hn::Lanes(d) <= width; i += hn::Lanes(d)) {
    hn::StoreU(hn::DemoteTo(d16, hn::LoadU(d, x + i)), d16,
               reinterpret_cast<hwy::float16_t*>(out + i));
  }
#endif
  for (; i < width; ++i) out[i] = float_to_f16(x[i]);
}

}  // namespace
}  // namespace outrider::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace outrider {
HWY_EXPORT(dot_floats);
HWY_EXPORT(dot_codes);
HWY_EXPORT(round_to_codes);
HWY_EXPORT(widen_f16);
HWY_EXPORT(widen_bf16);
HWY_EXPORT(narrow_f16);

void add_dot_kernels(CpuKernels& table) {
  table.target = hwy::TargetName(
      static_cast<std::int64_t>(hwy::SupportedTargets() & -hwy::SupportedTargets()));
  table.dot_floats = &HWY_DYNAMIC_DISPATCH(dot_floats);
  table.dot_codes = &HWY_DYNAMIC_DISPATCH(dot_codes);
  table.round_to_codes = &HWY_DYNAMIC_DISPATCH(round_to_codes);
  table.widen_f16 = &HWY_DYNAMIC_DISPATCH(widen_f16);
  table.widen_bf16 = &HWY_DYNAMIC_DISPATCH(widen_bf16);
  table.narrow_f16 = &HWY_DYNAMIC_DISPATCH(narrow_f16);
}
}  // namespace outrider
#endif
