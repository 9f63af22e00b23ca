#include "cpu/ops_row.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "quant/codec.h"

namespace outrider {

void EmbedOp::run(const CpuLaunch& launch, Share share) const {
  const Range part = share.of(launch.count(out.set));
  for (std::size_t i = part.begin; i < part.end; ++i) {
    const RowSource& source = launch.row(out.set, i).source;
    float* to = launch.at(out, i);
    if (!source.is_token() && !per_layer) {
      require(source.embedding().size() == out.width, "an embedding row has the model's width");
      std::copy(source.embedding().begin(), source.embedding().end(), to);
      continue;
    }
    const std::uint32_t token = source.is_token() ? source.token().value() : 0;
    decode_row(table.type, table.row(token), {to, out.width});
    launch.kernels.scale(scale, out.width, to);
  }
}

void RmsNormOp::run(const CpuLaunch& launch, Share share) const {
  const std::size_t groups = in.width / gain.width;
  const Range part = share.of(launch.count(in.set) * groups);
  const float* values = gain.values.empty() ? nullptr : gain.values.data();
  for (std::size_t at = part.begin; at < part.end; ++at) {
    const std::size_t row = at / groups, column = at % groups * gain.width;
    launch.kernels.rms_norm(launch.at(in, row) + column, values, gain.eps, gain.width,
                            launch.at(out, row) + column);
  }
}

void AnglesOp::run(const CpuLaunch& launch, Share share) const {
  const Range part = share.of(launch.count(out.set));
  const std::size_t half = frequency.size();
  for (std::size_t i = part.begin; i < part.end; ++i) {
    const auto pos = static_cast<float>(launch.row(out.set, i).pos.value());
    float* cosines = launch.at(out, i);
    float* sines = cosines + half;
    for (std::size_t pair = 0; pair < half; ++pair) {
      const float angle = pos * frequency[pair];  // in float, as the reference has it
      cosines[pair] = static_cast<float>(std::cos(static_cast<double>(angle)));
      sines[pair] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
}

void RopeOp::run(const CpuLaunch& launch, Share share) const {
  const std::size_t heads_per_row = heads.width / head_dim;
  const Range part = share.of(launch.count(heads.set) * heads_per_row);
  const std::size_t half = head_dim / 2;
  for (std::size_t at = part.begin; at < part.end; ++at) {
    const std::size_t row = at / heads_per_row;
    const std::size_t launch_row =
        heads.set == RowSet::kAll ? row : std::size_t{launch.logit_rows[row]};
    const float* cosines = launch.at(angles, launch_row);
    launch.kernels.rotate(cosines, cosines + half, half,
                          launch.at(heads, row) + at % heads_per_row * head_dim);
  }
}

void StoreKvOp::run(const CpuLaunch& launch, Share share) const {
  const KvLayout& layout = launch.layout;
  const KvLayerShape& shape = layout.place(layer).shape;
  const auto group = static_cast<std::size_t>(shape.group);
  const std::size_t heads = shape.kv_heads;
  const std::size_t heads_of_part = divide_exact<std::size_t>(heads, parts);
  const Range part = share.of(launch.count(k.set) * parts);
  for (std::size_t at = 2 * heads_of_part * part.begin; at < 2 * heads_of_part * part.end; ++at) {
    const std::size_t i = at / 2 / heads;
    const Row& row = launch.row(k.set, i);
    const auto head = static_cast<std::uint32_t>(at / 2 % heads);
    const KvSide side = at % 2 == 0 ? KvSide::kKey : KvSide::kValue;
    const float* from = launch.at(side == KvSide::kKey ? k : v, i) + head * shape.head_dim;
    const std::uint32_t pos = row.pos.value();
    const PageId page = row.kv.pages(shape.group)[pos / kPageRows];
    std::byte* plane = launch.pages[group] + page.value() * layout.page_bytes(shape.group) +
                       layout.plane_offset(layer, head, side);
    const std::size_t first = std::size_t{pos % kPageRows} * shape.head_dim;
    if (layout.format() == KvFormat::kF32) {
      std::memcpy(plane + first * sizeof(float), from, shape.head_dim * sizeof(float));
    } else {
      launch.kernels.narrow_f16(from, shape.head_dim,
                                reinterpret_cast<std::uint16_t*>(plane) + first);
    }
  }
}

void GegluOp::run(const CpuLaunch& launch, Share share) const {
  // Split along columns: one row must be as fast as many.
  const Range part = share.of_columns(gate.width);
  for (std::size_t i = 0; i < launch.count(gate.set); ++i) {
    launch.kernels.geglu(launch.at(gate, i) + part.begin, launch.at(up, i) + part.begin,
                         part.end - part.begin, launch.at(out, i) + part.begin);
  }
}

void AddOp::run(const CpuLaunch& launch, Share share) const {
  const Range part = share.of(launch.count(in.set));
  for (std::size_t i = part.begin; i < part.end; ++i) {
    launch.kernels.add(launch.at(in, i), in.width, launch.at(into, i));
  }
}

void ScaleOp::run(const CpuLaunch& launch, Share share) const {
  const Range part = share.of(launch.count(rows.set));
  for (std::size_t i = part.begin; i < part.end; ++i)
    launch.kernels.scale(factor, rows.width, launch.at(rows, i));
}

void SelectOp::run(const CpuLaunch& launch, Share share) const {
  const Range part = share.of(launch.logit_rows.size());
  for (std::size_t i = part.begin; i < part.end; ++i) {
    std::copy_n(launch.at(in, launch.logit_rows[i]), in.width, launch.at(out, i));
  }
}

void HiddenInputOp::run(const CpuLaunch& launch, Share share) const {
  const Range part = share.of(launch.count(out.set));
  for (std::size_t i = part.begin; i < part.end; ++i)
    std::copy_n(launch.hidden[i], out.width, launch.at(out, i));
}

void FinishLogitsOp::run(const CpuLaunch& launch, Share share) const {
  const Range part = share.of_columns(logits.width);
  for (std::size_t i = 0; i < launch.count(logits.set); ++i) {
    float* row = launch.at(logits, i);
    if (cap > 0) launch.kernels.softcap(cap, part.end - part.begin, row + part.begin);
    for (const std::uint32_t token : suppressed) {
      if (token >= part.begin && token < part.end)
        row[token] = -std::numeric_limits<float>::infinity();
    }
  }
}

}  // namespace outrider
