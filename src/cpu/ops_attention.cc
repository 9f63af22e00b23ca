#include "cpu/ops_attention.h"

#include <algorithm>

namespace outrider {
namespace {

Stretches stretches_of(const Row& row, std::uint32_t window) {
  const std::uint32_t pos = row.pos.value(), end = row.kv.length();
  return {std::min(window > 0 && pos >= window ? pos - window + 1 : 0, end), end};
}

// One layer's attention in one launch.
struct Layer {
  const CpuLaunch& launch;
  const KvTarget& kv;
  std::uint32_t group;  // query heads that share a KV head

  Layer(const CpuLaunch& of, const KvTarget& target, std::uint32_t heads)
      : launch(of), kv(target), group(divide_exact(heads, target.shape.kv_heads)) {}

  std::size_t stride() const { return attention_stride(kv.shape.head_dim); }

  void attend(const Row& row, const float* q, std::uint32_t kv_head, const Stretches& stretches,
              std::uint32_t i, float* state) const {
    const KvLayout& layout = launch.layout;
    const KvGroup pages = kv.shape.group;
    const GroupAttention job{.q = q + std::size_t{kv_head} * group * kv.shape.head_dim,
                             .state = state,
                             .heads = group,
                             .head_dim = kv.shape.head_dim,
                             .base = launch.pages[static_cast<std::size_t>(pages)],
                             .page_bytes = layout.page_bytes(pages),
                             .key_offset = layout.plane_offset(kv.layer, kv_head, KvSide::kKey),
                             .value_offset = layout.plane_offset(kv.layer, kv_head, KvSide::kValue),
                             .pages = row.kv.pages(pages),
                             .begin = stretches.from(i),
                             .end = stretches.to(i)};
    (layout.format() == KvFormat::kF32 ? launch.kernels.attend_f32
                                       : launch.kernels.attend_f16)(job);
  }
};

}  // namespace

Stretches::Stretches(std::uint32_t begin, std::uint32_t end)
    : begin_(begin), end_(end), first_page_(begin / kPageRows) {
  pages_ = begin == end ? 0 : divide_up(end, kPageRows) - first_page_;
  count_ = std::min(pages_, kStretchesMost);
}

std::uint32_t Stretches::edge(std::uint32_t i) const {
  const std::uint64_t pages = std::uint64_t{pages_} * i / count_;
  return (first_page_ + static_cast<std::uint32_t>(pages)) * kPageRows;
}

std::size_t attention_scratch_bytes(std::uint32_t q_width, const KvLayerShape& shape) {
  const std::uint32_t group = q_width / shape.head_dim / shape.kv_heads;
  return 2 * std::size_t{group} * attention_stride(shape.head_dim) * sizeof(float);
}

void AttendOp::run(const CpuLaunch& launch, Share share) const {
  const std::uint32_t dim = kv.shape.head_dim, kv_heads = kv.shape.kv_heads;
  const Layer layer(launch, kv, q.width / dim);
  const std::size_t state_floats = layer.group * layer.stride();
  auto* state = reinterpret_cast<float*>(launch.scratch(share.thread));
  float* later = state + state_floats;
  const auto attend = [&](std::size_t at) {
    const std::size_t i = at / kv_heads;
    const auto kv_head = static_cast<std::uint32_t>(at % kv_heads);
    const Row& row = launch.row(q.set, i);
    const Stretches stretches = stretches_of(row, kv.window);
    float* to = launch.at(out, i) + std::size_t{kv_head} * layer.group * dim;
    if (stretches.count() == 0) {
      std::fill_n(to, std::size_t{layer.group} * dim, 0.0f);
      return;
    }
    for (std::uint32_t s = 0; s < stretches.count(); ++s) {
      layer.attend(row, launch.at(q, i), kv_head, stretches, s, s == 0 ? state : later);
      for (std::size_t h = 0; s > 0 && h < layer.group; ++h)
        launch.kernels.merge_attention(later + h * layer.stride(), dim, state + h * layer.stride());
    }
    for (std::size_t h = 0; h < layer.group; ++h)
      launch.kernels.finish_attention(state + h * layer.stride(), dim, to + h * dim);
  };
  share.each(launch.count(q.set) * kv_heads, 1, [&](Range part) {
    for (std::size_t at = part.begin; at < part.end; ++at) attend(at);
  });
}

void AttendStretchesOp::run(const CpuLaunch& launch, Share share) const {
  const std::uint32_t kv_heads = kv.shape.kv_heads;
  const Layer layer(launch, kv, q.width / kv.shape.head_dim);
  const std::size_t rows = launch.count(q.set);
  std::size_t total = 0;  // stretches of all rows and KV heads
  for (std::size_t i = 0; i < rows; ++i)
    total += std::size_t{kv_heads} * stretches_of(launch.row(q.set, i), kv.window).count();
  share.each(total, 1, [&](Range part) {
    std::size_t first = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const Row& row = launch.row(q.set, i);
      const Stretches stretches = stretches_of(row, kv.window);
      const std::size_t count = stretches.count(), end = first + kv_heads * count;
      for (std::size_t at = std::max(first, part.begin); at < std::min(end, part.end); ++at) {
        const auto kv_head = static_cast<std::uint32_t>((at - first) / count);
        const auto s = static_cast<std::uint32_t>((at - first) % count);
        float* state = launch.at(states, i) +
                       (std::size_t{s} * kv_heads + kv_head) * layer.group * layer.stride();
        layer.attend(row, launch.at(q, i), kv_head, stretches, s, state);
      }
      first = end;
    }
  });
}

void MergeStretchesOp::run(const CpuLaunch& launch, Share share) const {
  const std::uint32_t dim = kv.shape.head_dim, heads = out.width / dim;
  const std::size_t stride = attention_stride(dim);
  const Range part = share.of(launch.count(out.set) * heads);
  for (std::size_t at = part.begin; at < part.end; ++at) {
    const std::size_t i = at / heads, head = at % heads;
    const std::uint32_t count = stretches_of(launch.row(out.set, i), kv.window).count();
    float* to = launch.at(out, i) + head * dim;
    float* state = launch.at(states, i) + head * stride;
    for (std::uint32_t s = 1; s < count; ++s)
      launch.kernels.merge_attention(state + s * heads * stride, dim, state);
    if (count > 0) {
      launch.kernels.finish_attention(state, dim, to);
    } else {
      std::fill_n(to, dim, 0.0f);
    }
  }
}

}  // namespace outrider
