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

// Rows that share one pass over a weight row. Each keeps the accumulators and the order it has
// alone.
constexpr std::size_t kTile = 4;

// Two accumulators a row: enough to keep up with memory alone, few enough for four rows in sixteen
// registers.
template <std::size_t kRows>
void dot_tile(const float* w, const float* const* x, std::size_t width, float* const* out) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> even[kRows], odd[kRows];
  for (std::size_t r = 0; r < kRows; ++r) even[r] = odd[r] = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 2 * lanes <= width; i += 2 * lanes) {
    const auto w0 = hn::LoadU(d, w + i), w1 = hn::LoadU(d, w + i + lanes);
    for (std::size_t r = 0; r < kRows; ++r) {
      even[r] = hn::MulAdd(w0, hn::LoadU(d, x[r] + i), even[r]);
      odd[r] = hn::MulAdd(w1, hn::LoadU(d, x[r] + i + lanes), odd[r]);
    }
  }
  for (; i + lanes <= width; i += lanes) {
    const auto w0 = hn::LoadU(d, w + i);
    for (std::size_t r = 0; r < kRows; ++r)
      even[r] = hn::MulAdd(w0, hn::LoadU(d, x[r] + i), even[r]);
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even[r], odd[r])));
    for (std::size_t rest = i; rest < width; ++rest) sum += w[rest] * x[r][rest];
    *out[r] = sum;
  }
}

void dot_floats(const FloatDots& job) {
  const float* x[kTile];
  float* out[kTile];
  std::uint32_t row = 0;
  const auto point = [&](std::size_t rows) {
    for (std::size_t r = 0; r < rows; ++r) {
      x[r] = job.x + (row + r) * job.x_stride;
      out[r] = job.out + (row + r) * job.out_stride;
    }
  };
  for (; row + kTile <= job.rows; row += kTile) {
    point(kTile);
    dot_tile<kTile>(job.w, x, job.width, out);
  }
  for (; row < job.rows; ++row) {
    point(1);
    dot_tile<1>(job.w, x, job.width, out);
  }
}

float half_sum(const CodeActivation32& x, std::size_t half) {
  return x.scale * static_cast<float>(x.half_sum[half]);
}

#if HWY_TARGET == HWY_SCALAR

void dot_codes(const CodeDots& job) {
  for (std::uint32_t row = 0; row < job.rows; ++row) {
    const CodeActivation32* x = job.x + row * job.x_stride;
    float sum = 0;
    for (std::size_t b = 0; b < job.blocks; ++b) {
      const CodeBlock32& w = job.w[b];
      for (std::size_t half = 0; half < 2; ++half) {
        std::int32_t products = 0;
        for (std::size_t i = half * 16; i < half * 16 + 16; ++i)
          products += w.code[i] * x[b].code[i];
        sum += static_cast<float>(products) * (w.scale[half] * x[b].scale) +
               w.offset[half] * half_sum(x[b], half);
      }
    }
    job.out[row * job.out_stride] = sum;
  }
}

#else

template <std::size_t kRows>
void dot_code_tile(const CodeDots& job, std::uint32_t row) {
  const hn::CappedTag<std::int16_t, 16> d16;
  const hn::RepartitionToWide<decltype(d16)> d32;
  const hn::Rebind<std::int8_t, decltype(d16)> d8;
  const hn::RebindToFloat<decltype(d32)> df;
  const CodeActivation32* x[kRows];
  hn::Vec<decltype(df)> total[kRows];
  float offsets[kRows] = {};
  for (std::size_t r = 0; r < kRows; ++r) {
    x[r] = job.x + (row + r) * job.x_stride;
    total[r] = hn::Zero(df);
  }
  for (std::size_t b = 0; b < job.blocks; ++b) {
    const CodeBlock32& w = job.w[b];
    for (std::size_t half = 0; half < 2; ++half) {
      hn::Vec<decltype(d32)> even[kRows], odd[kRows];
      for (std::size_t r = 0; r < kRows; ++r) even[r] = odd[r] = hn::Zero(d32);
      for (std::size_t i = half * 16; i < half * 16 + 16; i += hn::Lanes(d16)) {
        const auto codes = hn::PromoteTo(d16, hn::LoadU(d8, w.code + i));
        for (std::size_t r = 0; r < kRows; ++r) {
          const auto values = hn::PromoteTo(d16, hn::LoadU(d8, x[r][b].code + i));
          even[r] = hn::ReorderWidenMulAccumulate(d32, codes, values, even[r], odd[r]);
        }
      }
      for (std::size_t r = 0; r < kRows; ++r) {
        const auto products = hn::ConvertTo(df, hn::Add(even[r], odd[r]));
        total[r] = hn::MulAdd(products, hn::Set(df, w.scale[half] * x[r][b].scale), total[r]);
      }
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      offsets[r] += w.offset[0] * half_sum(x[r][b], 0) + w.offset[1] * half_sum(x[r][b], 1);
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    job.out[(row + r) * job.out_stride] = hn::GetLane(hn::SumOfLanes(df, total[r])) + offsets[r];
  }
}

void dot_codes(const CodeDots& job) {
  std::uint32_t row = 0;
  for (; row + kTile <= job.rows; row += kTile) dot_code_tile<kTile>(job, row);
  for (; row < job.rows; ++row) dot_code_tile<1>(job, row);
}

#endif

// What a block of codes is made with: value ~ scale * code, code = nearest(value * inverse).
struct CodeStep {
  float scale;
  float inverse;
};

// Not a number where a value is none or infinite, so that what went wrong is not rounded away; zero
// where 127 / largest is no float, 2^100 times below anything that matters.
CodeStep code_step(const float* values) {
  const hn::CappedTag<float, 16> d;
  auto most = hn::Zero(d), broken = hn::Zero(d);
  for (std::size_t i = 0; i < 32; i += hn::Lanes(d)) {
    const auto v = hn::LoadU(d, values + i);
    most = hn::Max(most, hn::Abs(v));
    broken = hn::MulAdd(v, hn::Zero(d), broken);  // 0 times anything finite
  }
  const float wrong = hn::GetLane(hn::SumOfLanes(d, broken));
  if (wrong != 0) return {wrong, 0};
  const float largest = hn::GetLane(hn::MaxOfLanes(d, most));
  return largest < 0x1p-120f ? CodeStep{0, 0} : CodeStep{largest / 127.0f, 127.0f / largest};
}

void round_to_codes(const float* x, std::size_t width, CodeActivation32* out) {
  const hn::CappedTag<float, 16> d;
  const hn::Rebind<std::int8_t, decltype(d)> d8;
  const hn::RebindToSigned<decltype(d)> d32;
  for (std::size_t b = 0; b < width / 32; ++b) {
    const float* values = x + b * 32;
    CodeActivation32& block = out[b];
    const CodeStep step = code_step(values);
    block.scale = step.scale;
    if (step.inverse == 0) {
      block = {.code = {}, .scale = step.scale, .sum = step.scale, .minus_sum8 = 0, .half_sum = {}};
      continue;
    }
    for (std::size_t half = 0; half < 2; ++half) {
      auto sum = hn::Zero(d32);
      for (std::size_t i = half * 16; i < half * 16 + 16; i += hn::Lanes(d)) {
        const auto code =
            hn::NearestInt(hn::Mul(hn::LoadU(d, values + i), hn::Set(d, step.inverse)));
        sum = hn::Add(sum, code);
        hn::StoreU(hn::DemoteTo(d8, code), d8, block.code + i);
      }
      block.half_sum[half] = static_cast<std::int16_t>(hn::GetLane(hn::SumOfLanes(d32, sum)));
    }
    const std::int32_t total = block.half_sum[0] + block.half_sum[1];
    block.sum = block.scale * static_cast<float>(total);
    block.minus_sum8 = -8 * total;
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
  std::size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> d32;
  const hn::Rebind<std::uint16_t, decltype(d)> d16;
  for (; i + hn::Lanes(d) <= width; i += hn::Lanes(d)) {
    const auto upper = hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, x + i)));
    hn::StoreU(hn::BitCast(d, upper), d, out + i);
  }
#endif
  for (; i < width; ++i) out[i] = bf16_to_float(x[i]);
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
  // The machine may have better ones that were not compiled.
  const std::int64_t targets = hwy::SupportedTargets() & static_cast<std::int64_t>(HWY_TARGETS);
  table.target = hwy::TargetName(targets & -targets);
  table.dot_floats = &HWY_DYNAMIC_DISPATCH(dot_floats);
  table.dot_codes = &HWY_DYNAMIC_DISPATCH(dot_codes);
  table.round_to_codes = &HWY_DYNAMIC_DISPATCH(round_to_codes);
  table.widen_f16 = &HWY_DYNAMIC_DISPATCH(widen_f16);
  table.widen_bf16 = &HWY_DYNAMIC_DISPATCH(widen_bf16);
  table.narrow_f16 = &HWY_DYNAMIC_DISPATCH(narrow_f16);
}
}  // namespace outrider
#endif
