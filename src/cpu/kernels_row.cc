// What happens to one row between two matrix products.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kernels_row.cc"
#include "hwy/foreach_target.h"  // must precede highway.h: compiles this file once per target

#include "hwy/highway.h"

#include "hwy/contrib/math/math-inl.h"

#include <cmath>

#include "cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace outrider::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Runs `whole` on full vectors and `rest`, one lane wide, on what is left over.
template <class Whole, class Rest>
void for_each_vector(std::size_t width, Whole&& whole, Rest&& rest) {
  const hn::ScalableTag<float> d;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= width; i += hn::Lanes(d)) whole(d, i);
  const hn::CappedTag<float, 1> one;
  for (; i < width; ++i) rest(one, i);
}
template <class Op>
void for_each_vector(std::size_t width, Op&& op) {
  for_each_vector(width, op, op);
}

void rms_norm(const float* x, const float* gain, float eps, std::size_t width, float* out) {
  const hn::ScalableTag<float> d;
  auto squares = hn::Zero(d);
  float rest = 0;
  for_each_vector(
      width,
      [&](auto, std::size_t i) {
        const auto v = hn::LoadU(d, x + i);
        squares = hn::MulAdd(v, v, squares);
      },
      [&](auto, std::size_t i) { rest += x[i] * x[i]; });
  const float mean = (hn::GetLane(hn::SumOfLanes(d, squares)) + rest) / static_cast<float>(width);
  const float scale = 1.0f / std::sqrt(mean + eps);
  for_each_vector(width, [&](auto tag, std::size_t i) {
    const auto v = hn::Mul(hn::LoadU(tag, x + i), hn::Set(tag, scale));
    hn::StoreU(gain == nullptr ? v : hn::Mul(v, hn::LoadU(tag, gain + i)), tag, out + i);
  });
}

// gelu(x) = x / 2 * (1 + tanh(u)) = x / (1 + exp(-2u)), u = sqrt(2 / pi) * (x + 0.044715 x^3).
void geglu(const float* gate, const float* up, std::size_t width, float* out) {
  for_each_vector(width, [&](auto d, std::size_t i) {
    const auto x = hn::LoadU(d, gate + i);
    const auto cubic = hn::Mul(hn::Mul(hn::Mul(x, x), x), hn::Set(d, 0.044715f));
    const auto u2 = hn::Mul(hn::Add(x, cubic), hn::Set(d, -2.0f * 0.7978845608028654f));
    const auto past =
        hn::Gt(u2, hn::Set(d, 80.0f));  // where x / exp(80) is below any float's worth
    const auto e = hn::Exp(d, hn::Min(u2, hn::Set(d, 80.0f)));
    const auto gelu = hn::IfThenZeroElse(past, hn::Div(x, hn::Add(hn::Set(d, 1.0f), e)));
    hn::StoreU(hn::Mul(gelu, hn::LoadU(d, up + i)), d, out + i);
  });
}

void add(const float* x, std::size_t width, float* into) {
  for_each_vector(width, [&](auto d, std::size_t i) {
    hn::StoreU(hn::Add(hn::LoadU(d, into + i), hn::LoadU(d, x + i)), d, into + i);
  });
}

void scale(float factor, std::size_t width, float* x) {
  for_each_vector(width, [&](auto d, std::size_t i) {
    hn::StoreU(hn::Mul(hn::LoadU(d, x + i), hn::Set(d, factor)), d, x + i);
  });
}

void softcap(float cap, std::size_t width, float* x) {
  for_each_vector(width, [&](auto d, std::size_t i) {
    const auto bounded = hn::Tanh(d, hn::Div(hn::LoadU(d, x + i), hn::Set(d, cap)));
    hn::StoreU(hn::Mul(bounded, hn::Set(d, cap)), d, x + i);
  });
}

void rotate(const float* cosines, const float* sines, std::size_t half, float* head) {
  for_each_vector(half, [&](auto d, std::size_t i) {
    const auto c = hn::LoadU(d, cosines + i), s = hn::LoadU(d, sines + i);
    const auto a = hn::LoadU(d, head + i), b = hn::LoadU(d, head + half + i);
    hn::StoreU(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), d, head + i);
    hn::StoreU(hn::Add(hn::Mul(b, c), hn::Mul(a, s)), d, head + half + i);
  });
}

}  // namespace
}  // namespace outrider::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace outrider {
HWY_EXPORT(rms_norm);
HWY_EXPORT(geglu);
HWY_EXPORT(add);
HWY_EXPORT(scale);
HWY_EXPORT(softcap);
HWY_EXPORT(rotate);

void add_row_kernels(CpuKernels& table) {
  table.rms_norm = &HWY_DYNAMIC_DISPATCH(rms_norm);
  table.geglu = &HWY_DYNAMIC_DISPATCH(geglu);
  table.add = &HWY_DYNAMIC_DISPATCH(add);
  table.scale = &HWY_DYNAMIC_DISPATCH(scale);
  table.softcap = &HWY_DYNAMIC_DISPATCH(softcap);
  table.rotate = &HWY_DYNAMIC_DISPATCH(rotate);
}
}  // namespace outrider
#endif
