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

// Sums run in vectors of eight lanes, an even one and an odd one.
using Eight = hn::CappedTag<float, 8>;  // head sizes are multiples of 8

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

#if HWY_TARGET <= HWY_AVX3_DL  // one register holds both

constexpr std::size_t kTileHeads = 8, kSums = 16;  // that registers have room for
using Widest = hn::FixedTag<float, 16>;

struct Pair {
  hn::Vec<Widest> both;

  static HWY_INLINE Pair zero() { return {hn::Zero(Widest())}; }
  HWY_INLINE hn::Vec<Eight> even() const { return hn::LowerHalf(Eight(), both); }
  HWY_INLINE hn::Vec<Eight> odd() const { return hn::UpperHalf(Eight(), both); }
  HWY_INLINE void set_even(hn::Vec<Eight> v) { both = hn::Combine(Widest(), odd(), v); }
};
template <class Stored>
HWY_INLINE Pair load_pair(const Stored* at) {
  return {load(Widest(), at)};
}
HWY_INLINE void mul_add(const Pair& a, const Pair& b, Pair& sum) {
  sum.both = hn::MulAdd(a.both, b.both, sum.both);
}
// Keeps what was loaded in a register: GCC would load it again for each product.
HWY_INLINE void stay(Pair& loaded) {
  asm("" : "+v"(loaded.both.raw));
}

// Lanes whose number has the bit kLane are added to those that have not: of a into those that have
// not, of b into those that have.
template <std::size_t kLane>
HWY_INLINE hn::Vec<Widest> fold(hn::Vec<Widest> a, hn::Vec<Widest> b) {
  const Widest d;
  const hn::Repartition<double, Widest> wide;
  if constexpr (kLane == 8) {
    return hn::Add(hn::ConcatUpperLower(d, b, a), hn::ConcatLowerUpper(d, b, a));
  } else if constexpr (kLane == 4) {
    const auto other = hn::SwapAdjacentBlocks(hn::OddEvenBlocks(a, b));
    return hn::Add(hn::OddEvenBlocks(b, a), other);
  } else if constexpr (kLane == 2) {
    const auto x = hn::BitCast(wide, a), y = hn::BitCast(wide, b);
    const auto other = hn::BitCast(d, hn::Shuffle01(hn::OddEven(x, y)));
    return hn::Add(hn::BitCast(d, hn::OddEven(y, x)), other);
  } else {
    return hn::Add(hn::OddEven(b, a), hn::Shuffle2301(hn::OddEven(a, b)));
  }
}

template <std::size_t kLane>
HWY_INLINE void fold_all(Pair (&sum)[kSums]) {
  for (std::size_t i = 0; i < kLane; ++i)
    sum[i].both = fold<kLane>(sum[i].both, sum[i + kLane].both);
}

// out[i] = all lanes of sum[i], which are as many as there are sums: each fold leaves half as many.
HWY_INLINE void add_lanes(Pair (&sum)[kSums], float* out) {
  fold_all<8>(sum), fold_all<4>(sum), fold_all<2>(sum), fold_all<1>(sum);
  hn::StoreU(sum[0].both, Widest(), out);
}

#else

constexpr std::size_t kTileHeads = 4, kSums = 4;
using Widest = Eight;

struct Pair {
  hn::Vec<Eight> first, second;

  // Written out: constructors that the compiler adds are not compiled for the target.
  HWY_INLINE Pair() {}
  HWY_INLINE Pair(hn::Vec<Eight> v, hn::Vec<Eight> w) : first(v), second(w) {}
  static HWY_INLINE Pair zero() { return {hn::Zero(Eight()), hn::Zero(Eight())}; }
  HWY_INLINE hn::Vec<Eight> even() const { return first; }
  HWY_INLINE hn::Vec<Eight> odd() const { return second; }
  HWY_INLINE void set_even(hn::Vec<Eight> v) { first = v; }
};
template <class Stored>
HWY_INLINE Pair load_pair(const Stored* at) {
  return {load(Eight(), at), load(Eight(), at + hn::Lanes(Eight()))};
}
HWY_INLINE void mul_add(const Pair& a, const Pair& b, Pair& sum) {
  sum = {hn::MulAdd(a.first, b.first, sum.first), hn::MulAdd(a.second, b.second, sum.second)};
}
HWY_INLINE void stay(const Pair&) {}
HWY_INLINE void add_lanes(const Pair (&sum)[kSums], float* out) {
  for (std::size_t i = 0; i < kSums; ++i)
    out[i] = hn::GetLane(hn::SumOfLanes(Eight(), hn::Add(sum[i].even(), sum[i].odd())));
}

#endif

// Rows of one page that are visible.
template <class Stored>
struct PageRows {
  const Stored* keys;
  const Stored* values;
  std::size_t count;
  const Stored* next_keys;  // of as many rows that come next
};

// Asks for memory that is used soon, into the second nearest cache: processors that do so
// themselves stop at each page of 4 KiB, and values are read in columns. A little at a time, beside
// the arithmetic: few requests can be under way, and what asks for more has to wait.
template <std::size_t kValues, class Stored>
HWY_INLINE void fetch(const Stored*& ahead) {
  const auto* at = reinterpret_cast<const std::byte*>(ahead);
  for (std::size_t i = 0; i < kValues * sizeof(Stored); i += 64) __builtin_prefetch(at + i, 0, 2);
  ahead += kValues;
}

// weight[row * kHeads + h] = q[h] . keys[row], for kSums / kHeads rows. Rows that are not visible
// have those of the last one that is.
template <std::size_t kHeads, class Stored>
HWY_INLINE void score_rows(const float* q, const PageRows<Stored>& rows, std::size_t width,
                           std::size_t row, float* weight) {
  constexpr std::size_t kRows = kSums / kHeads;
  const Eight d;
  const std::size_t lanes = hn::Lanes(d);
  const Stored* key[kRows];
  for (std::size_t r = 0; r < kRows; ++r)
    key[r] = rows.keys + std::min(row + r, rows.count - 1) * width;
  const Stored* ahead = rows.values + row * width;
  Pair sum[kSums];
  for (Pair& of : sum) of = Pair::zero();
  std::size_t i = 0;
  for (; i + 2 * lanes <= width; i += 2 * lanes) {
    fetch<kRows * 2 * hn::MaxLanes(Eight())>(ahead);
    if constexpr (kRows < kHeads) {  // the fewer ones stay in registers
      Pair k[kRows];
      for (std::size_t r = 0; r < kRows; ++r) k[r] = load_pair(key[r] + i);
      for (std::size_t h = 0; h < kHeads; ++h) {
        Pair of_head = load_pair(q + h * width + i);
        stay(of_head);
        for (std::size_t r = 0; r < kRows; ++r) mul_add(k[r], of_head, sum[r * kHeads + h]);
      }
    } else {
      Pair of_head[kHeads];
      for (std::size_t h = 0; h < kHeads; ++h) of_head[h] = load_pair(q + h * width + i);
      for (std::size_t r = 0; r < kRows; ++r) {
        const Pair k = load_pair(key[r] + i);
        for (std::size_t h = 0; h < kHeads; ++h) mul_add(k, of_head[h], sum[r * kHeads + h]);
      }
    }
  }
  for (; i < width; i += lanes) {
    for (std::size_t r = 0; r < kRows; ++r) {
      const auto k = load(d, key[r] + i);
      for (std::size_t h = 0; h < kHeads; ++h) {
        Pair& of = sum[r * kHeads + h];
        of.set_even(hn::MulAdd(k, hn::LoadU(d, q + h * width + i), of.even()));
      }
    }
  }
  add_lanes(sum, weight + row * kHeads);
}

// Some vectors of columns of mix_values.
template <std::size_t kHeads, std::size_t kVectors, class D, class Stored>
HWY_INLINE void mix_columns(D d, const float* weight, const PageRows<Stored>& rows,
                            const float* keep, std::size_t width, float* mix) {
  const std::size_t stride = attention_stride(width), lanes = hn::Lanes(d);
  hn::Vec<D> sum[kHeads][kVectors];
  for (std::size_t h = 0; h < kHeads; ++h)
    for (std::size_t v = 0; v < kVectors; ++v)
      sum[h][v] = hn::Mul(hn::LoadU(d, mix + h * stride + v * lanes), hn::Set(d, keep[h]));
  const Stored* ahead = rows.next_keys;
  for (std::size_t row = 0; row < rows.count; ++row) {
    fetch<kVectors * hn::MaxLanes(D())>(ahead);
    hn::Vec<D> value[kVectors];
    for (std::size_t v = 0; v < kVectors; ++v)
      value[v] = load(d, rows.values + row * width + v * lanes);
    for (std::size_t h = 0; h < kHeads; ++h) {
      const auto of_head = hn::Set(d, weight[row * kHeads + h]);
      for (std::size_t v = 0; v < kVectors; ++v)
        sum[h][v] = hn::MulAdd(value[v], of_head, sum[h][v]);
    }
  }
  for (std::size_t h = 0; h < kHeads; ++h)
    for (std::size_t v = 0; v < kVectors; ++v)
      hn::StoreU(sum[h][v], d, mix + h * stride + v * lanes);
}

// mix[h] = mix[h] * keep[h] + sum over rows of weight[row * kHeads + h] * values[row].
template <std::size_t kHeads, class Stored>
void mix_values(const float* weight, PageRows<Stored> rows, const float* keep, std::size_t width,
                float* mix) {
  constexpr std::size_t kVectors = std::min<std::size_t>(kSums / kHeads, 4);
  std::size_t i = 0;
  for (const std::size_t columns = kVectors * hn::Lanes(Widest()); i + columns <= width;
       i += columns) {
    mix_columns<kHeads, kVectors>(Widest(), weight, rows, keep, width, mix + i);
    rows.values += columns;
    rows.next_keys += columns * rows.count;
  }
  for (const std::size_t lanes = hn::Lanes(Eight()); i < width; i += lanes) {
    mix_columns<kHeads, 1>(Eight(), weight, rows, keep, width, mix + i);
    rows.values += lanes;
  }
}

// Scores, weight[row * kHeads + h], become weights relative to the head's largest score so far.
// That and the head's total of weights are kept in `most`; keep[h] is what earlier sums keep.
// Totals run in 16 parts, the rows of one remainder each, so their order is that of the rows alone.
template <std::size_t kHeads>
void weigh(float* weight, std::size_t count, std::size_t stride, float* most, float* keep) {
  const Widest d;
  const std::size_t lanes = hn::Lanes(d);
  constexpr std::size_t kTotals = 16 * kHeads;
  constexpr std::size_t kPeriod = std::max(hn::MaxLanes(Widest()), kHeads);  // heads repeat
  static_assert((kPeriod & (kPeriod - 1)) == 0);
  const std::size_t whole = divide_up(count, std::size_t{16}) * kTotals;
  std::fill(weight + count * kHeads, weight + whole, -std::numeric_limits<float>::infinity());

  float before[kPeriod], largest[kPeriod];
  for (std::size_t i = 0; i < kPeriod; ++i) largest[i] = before[i] = most[i % kHeads * stride];
  for (std::size_t lane = 0; lane < kPeriod; lane += lanes) {
    auto most_here = hn::LoadU(d, largest + lane);
    for (std::size_t i = lane; i < whole; i += kPeriod)
      most_here = hn::Max(most_here, hn::LoadU(d, weight + i));
    hn::StoreU(most_here, d, largest + lane);
  }
  for (std::size_t i = kHeads; i < kPeriod; ++i)
    largest[i % kHeads] = std::max(largest[i % kHeads], largest[i]);
  for (std::size_t i = kHeads; i < kPeriod; ++i) largest[i] = largest[i % kHeads];

  float total[kTotals] = {};
  for (std::size_t i = 0; i < whole; i += lanes) {
    const auto above =
        hn::Sub(hn::LoadU(d, weight + i), hn::LoadU(d, largest + (i & (kPeriod - 1))));
    const auto w = hn::Exp(d, above);
    float* sum = total + i % kTotals;
    hn::StoreU(w, d, weight + i);
    hn::StoreU(hn::Add(hn::LoadU(d, sum), w), d, sum);
  }
  for (std::size_t half = kTotals / 2; half >= kHeads; half /= 2)
    for (std::size_t i = 0; i < half; ++i) total[i] += total[i + half];
  for (std::size_t h = 0; h < kHeads; ++h) {
    float* of_head = most + h * stride;
    keep[h] = std::exp(before[h] - largest[h]);
    of_head[0] = largest[h];
    of_head[1] = of_head[1] * keep[h] + total[h];
  }
}

template <std::size_t kHeads, class Stored>
void attend_page(const GroupAttention& job, const PageRows<Stored>& rows, std::size_t head) {
  const std::size_t width = job.head_dim, stride = attention_stride(width);
  alignas(64) float weight[kPageRows * kHeads];
  float keep[kHeads];
  float* state = job.state + head * stride;
  for (std::size_t row = 0; row < rows.count; row += kSums / kHeads)
    score_rows<kHeads>(job.q + head * width, rows, width, row, weight);
  weigh<kHeads>(weight, rows.count, stride, state + width, keep);
  mix_values<kHeads>(weight, rows, keep, width, state);
}

HWY_INLINE const std::byte* page_of(const GroupAttention& job, std::uint32_t position) {
  return job.base + std::size_t{job.pages[position / kPageRows].value()} * job.page_bytes;
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
    const std::byte* page = page_of(job, at);
    const std::size_t skip = std::size_t{first} * job.head_dim;
    const auto keys_of = [&](const std::byte* of) {
      return reinterpret_cast<const Stored*>(of + job.key_offset);
    };
    const PageRows<Stored> rows{
        keys_of(page) + skip, reinterpret_cast<const Stored*>(page + job.value_offset) + skip,
        count, keys_of(at + count < job.end ? page_of(job, at + count) : page)};
    std::size_t head = 0;
    for (; head + kTileHeads <= job.heads; head += kTileHeads)
      attend_page<kTileHeads>(job, rows, head);
    for (; head + 4 <= job.heads; head += 4) attend_page<4>(job, rows, head);
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
