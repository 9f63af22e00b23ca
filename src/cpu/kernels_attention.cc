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
using Widest = hn::CappedTag<float, 16>;

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

#endif

// Rows of one page that are visible.
template <class Stored>
struct PageRows {
  const Stored* keys;
  const Stored* values;
  std::size_t count;
  bool fetch_values;         // ask for the values while the keys are used,
  const Stored* fetch_next;  // and for as many keys from here while the values are; null: no
};

// Asks for memory that is used soon, into the second nearest cache: processors that do so
// themselves stop at each page of 4 KiB, and values are read in columns.
template <class Stored>
HWY_INLINE void fetch(const Stored* from, std::size_t values) {
  const auto* at = reinterpret_cast<const std::byte*>(from);
  for (std::size_t i = 0; i < values * sizeof(Stored); i += 64) __builtin_prefetch(at + i, 0, 2);
}

// Keys, or vectors of values, that some heads meet at a time: enough sums to keep the multipliers
// busy, and few enough for the registers.
constexpr std::size_t at_a_time(std::size_t heads) {
  return std::clamp<std::size_t>(kSums / heads, 1, 4);
}

// weight[h][row] = q[h] . keys[row], for kRows rows.
template <std::size_t kHeads, std::size_t kRows, class Stored>
HWY_INLINE void score_rows(const float* q, const Stored* keys, std::size_t width,
                           float (*weight)[kPageRows], std::size_t row) {
  const Eight d;
  const std::size_t lanes = hn::Lanes(d);
  Pair sum[kRows][kHeads];
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t h = 0; h < kHeads; ++h) sum[r][h] = Pair::zero();
  const Stored* key = keys + row * width;
  std::size_t i = 0;
  for (; i + 2 * lanes <= width; i += 2 * lanes) {
    Pair k[kRows];
    for (std::size_t r = 0; r < kRows; ++r) k[r] = load_pair(key + r * width + i);
    for (std::size_t h = 0; h < kHeads; ++h) {
      const Pair of_head = load_pair(q + h * width + i);
      for (std::size_t r = 0; r < kRows; ++r) mul_add(k[r], of_head, sum[r][h]);
    }
  }
  for (; i < width; i += lanes) {
    for (std::size_t r = 0; r < kRows; ++r) {
      const auto k = load(d, key + r * width + i);
      for (std::size_t h = 0; h < kHeads; ++h)
        sum[r][h].set_even(hn::MulAdd(k, hn::LoadU(d, q + h * width + i), sum[r][h].even()));
    }
  }
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t h = 0; h < kHeads; ++h)
      weight[h][row + r] =
          hn::GetLane(hn::SumOfLanes(d, hn::Add(sum[r][h].even(), sum[r][h].odd())));
}

template <std::size_t kHeads, class Stored>
void score(const float* q, const PageRows<Stored>& rows, std::size_t width,
           float (*weight)[kPageRows]) {
  constexpr std::size_t kRows = at_a_time(kHeads);
  std::size_t row = 0;
  for (; row + kRows <= rows.count; row += kRows) {
    if (rows.fetch_values) fetch(rows.values + row * width, kRows * width);
    score_rows<kHeads, kRows>(q, rows.keys, width, weight, row);
  }
  for (; row < rows.count; ++row) score_rows<kHeads, 1>(q, rows.keys, width, weight, row);
}

// Some vectors of columns of mix_values.
template <std::size_t kHeads, std::size_t kVectors, class D, class Stored>
HWY_INLINE void mix_columns(D d, const float (*weight)[kPageRows], const PageRows<Stored>& rows,
                            const float* keep, std::size_t width, float* mix) {
  const std::size_t stride = attention_stride(width), lanes = hn::Lanes(d);
  hn::Vec<D> sum[kHeads][kVectors];
  for (std::size_t h = 0; h < kHeads; ++h)
    for (std::size_t v = 0; v < kVectors; ++v)
      sum[h][v] = hn::Mul(hn::LoadU(d, mix + h * stride + v * lanes), hn::Set(d, keep[h]));
  for (std::size_t row = 0; row < rows.count; ++row) {
    hn::Vec<D> value[kVectors];
    for (std::size_t v = 0; v < kVectors; ++v)
      value[v] = load(d, rows.values + row * width + v * lanes);
    for (std::size_t h = 0; h < kHeads; ++h) {
      const auto of_head = hn::Set(d, weight[h][row]);
      for (std::size_t v = 0; v < kVectors; ++v)
        sum[h][v] = hn::MulAdd(value[v], of_head, sum[h][v]);
    }
  }
  for (std::size_t h = 0; h < kHeads; ++h)
    for (std::size_t v = 0; v < kVectors; ++v)
      hn::StoreU(sum[h][v], d, mix + h * stride + v * lanes);
}

// mix[h] = mix[h] * keep[h] + sum over rows of weight[h][row] * values[row].
template <std::size_t kHeads, class Stored>
void mix_values(const float (*weight)[kPageRows], PageRows<Stored> rows, const float* keep,
                std::size_t width, float* mix) {
  constexpr std::size_t kVectors = at_a_time(kHeads);
  std::size_t i = 0;
  for (const std::size_t columns = kVectors * hn::Lanes(Widest()); i + columns <= width;
       i += columns) {
    if (rows.fetch_next) fetch(rows.fetch_next + i * rows.count, rows.count * columns);
    mix_columns<kHeads, kVectors>(Widest(), weight, rows, keep, width, mix + i);
    rows.values += columns;
  }
  for (const std::size_t lanes = hn::Lanes(Eight()); i < width; i += lanes) {
    mix_columns<kHeads, 1>(Eight(), weight, rows, keep, width, mix + i);
    rows.values += lanes;
  }
}

// Scores become weights relative to the largest score so far, which is returned.
HWY_INLINE float weigh(float* weight, std::size_t count, float most) {
  const Widest d;
  std::fill(weight + count, weight + kPageRows, weight[0]);
  auto largest = hn::Set(d, most);
  for (std::size_t row = 0; row < kPageRows; row += hn::Lanes(d))
    largest = hn::Max(largest, hn::LoadU(d, weight + row));
  largest = hn::MaxOfLanes(d, largest);
  for (std::size_t row = 0; row < kPageRows; row += hn::Lanes(d)) {
    const auto above = hn::Sub(hn::LoadU(d, weight + row), largest);
    hn::StoreU(hn::Exp(d, above), d, weight + row);
  }
  return hn::GetLane(largest);
}

// weigh for each head, whose largest score and total are kept; keep[h] is what earlier sums keep.
// Totals run one beside the other, each in the order of the rows.
template <std::size_t kHeads>
void weigh_heads(float (*weight)[kPageRows], std::size_t count, std::size_t stride, float* most,
                 float* keep) {
  float page_total[kHeads] = {};
  for (std::size_t h = 0; h < kHeads; ++h) {
    const float new_most = weigh(weight[h], count, most[h * stride]);
    keep[h] = std::exp(most[h * stride] - new_most);
    most[h * stride] = new_most;
  }
  for (std::size_t row = 0; row < count; ++row)
    for (std::size_t h = 0; h < kHeads; ++h) page_total[h] += weight[h][row];
  for (std::size_t h = 0; h < kHeads; ++h) {
    float& total = most[h * stride + 1];
    total = total * keep[h] + page_total[h];
  }
}

template <std::size_t kHeads, class Stored>
void attend_page(const GroupAttention& job, const PageRows<Stored>& rows, std::size_t head) {
  const std::size_t stride = attention_stride(job.head_dim);
  float weight[kHeads][kPageRows];
  float keep[kHeads];
  float* state = job.state + head * stride;
  score<kHeads>(job.q + head * job.head_dim, rows, job.head_dim, weight);
  weigh_heads<kHeads>(weight, rows.count, stride, state + job.head_dim, keep);
  mix_values<kHeads>(weight, rows, keep, job.head_dim, state);
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
    PageRows<Stored> rows{reinterpret_cast<const Stored*>(page + job.key_offset) + skip,
                          reinterpret_cast<const Stored*>(page + job.value_offset) + skip, count,
                          job.fetch, nullptr};
    if (job.fetch && at + count < job.end)
      rows.fetch_next = reinterpret_cast<const Stored*>(page_of(job, at + count) + job.key_offset);
    std::size_t head = 0;
    for (; head + kTileHeads <= job.heads; head += kTileHeads) {
      attend_page<kTileHeads>(job, rows, head);
      rows.fetch_values = false, rows.fetch_next = nullptr;  // other heads find them there
    }
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
