#include "cpu/ops_matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace outrider {
namespace {

// Indices of the `top` largest of `values`, best first; ties go to the lower index.
void pick_largest(std::span<const float> values, std::uint32_t top, float* indices) {
  const auto better = [&](std::uint32_t a, std::uint32_t b) {
    return values[a] > values[b] || (values[a] == values[b] && a < b);
  };
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < values.size(); ++i) {  // insertion into a short sorted list
    if (kept == top && !better(i, static_cast<std::uint32_t>(indices[top - 1]))) continue;
    std::uint32_t at = kept < top ? kept++ : top - 1;
    while (at > 0 && better(i, static_cast<std::uint32_t>(indices[at - 1]))) {
      indices[at] = indices[at - 1];
      --at;
    }
    indices[at] = static_cast<float>(i);
  }
}

// The codes of one activation row, from column `from` on.
const CodeActivation32* codes_at(const CpuLaunch& launch, const Activations& x, std::size_t row,
                                 std::size_t from = 0) {
  const auto* codes = reinterpret_cast<const CodeActivation32*>(launch.workspace + x.codes_offset);
  return codes + row * (x.floats.width / 32) + from / 32;
}

// The same in tiles; null where this launch has none.
CodeTile* tiles_at(const CpuLaunch& launch, const Activations& x) {
  const bool tiled = x.tiles_offset != 0 && launch.kernels.tiles.take(launch.count(x.floats.set));
  return tiled ? reinterpret_cast<CodeTile*>(launch.workspace + x.tiles_offset) : nullptr;
}

// `row` of the activations against groups of `w`.
PackedDots one_row(const PackedMatrix& w, Range groups, const CodeActivation32* row, float* out) {
  return {w.at(groups.begin), groups.end - groups.begin, row, 0, w.cols / 32, out, 0, 1};
}

}  // namespace

void RoundToCodesOp::run(const CpuLaunch& launch, Share share) const {
  const std::size_t width = x.floats.width, rows = launch.count(x.floats.set);
  auto* codes = reinterpret_cast<CodeActivation32*>(launch.workspace + x.codes_offset);
  CodeTile* tiles = tiles_at(launch, x);
  const auto round = [&](std::size_t row, std::size_t from, std::size_t columns) {
    CodeActivation32* of_row = codes + row * (width / 32);
    launch.kernels.round_to_codes(launch.at(x.floats, row) + from, columns, of_row + from / 32);
    if (tiles == nullptr) return;
    put_in_tiles(of_row, row, rows, {from / 32, (from + columns) / 32}, width / 32, tiles);
  };
  if (split.kind == Split::Kind::kColumns) {
    const Range part = share.of_columns(width);
    for (std::size_t row = 0; row < rows; ++row) round(row, part.begin, part.end - part.begin);
    return;
  }
  const Range part = share.of(rows * split.parts);
  const std::size_t columns = width / split.parts;
  for (std::size_t at = part.begin; at < part.end; ++at)
    round(at / split.parts, at % split.parts * columns, columns);
}

void MatmulOp::run(const CpuLaunch& launch, Share share) const {
  constexpr std::uint32_t kTile = 4;  // activation rows that meet a group of weight rows at a time
  const auto rows = static_cast<std::uint32_t>(launch.count(out.set));
  if (rows == 0) return;
  WeightRows weights(launch, w, mode, launch.scratch(share.thread));
  const std::uint32_t group = weight_group(rows);
  share.each_of_columns(w.rows, [&](Range part) {
    for (std::size_t r = part.begin; r < part.end; r += group) {
      const auto taken = static_cast<std::uint32_t>(std::min<std::size_t>(group, part.end - r));
      for (std::uint32_t slot = 0; slot < taken; ++slot) {
        weights.take(static_cast<std::uint32_t>(r) + slot, slot);
      }
      for (std::uint32_t first = 0; first < rows; first += kTile) {
        const WeightRows::Span tile{0, first, std::min(kTile, rows - first)};
        for (std::uint32_t slot = 0; slot < taken; ++slot) {
          weights.dot(x, tile, launch.at(out, first) + r + slot, out.stride, slot);
        }
      }
    }
  });
}

void PackedMatmulOp::run(const CpuLaunch& launch, Share share) const {
  const auto rows = static_cast<std::uint32_t>(launch.count(out.set));
  if (rows == 0) return;
  share.each_of_columns(w.rows, [&](Range columns) {
    const Range part{columns.begin / w.group, columns.end / w.group};
    if (part.begin == part.end) return;
    const PackedDots job{w.at(part.begin),
                         part.end - part.begin,
                         codes_at(launch, x, 0),
                         x.floats.width / 32,
                         w.cols / 32,
                         launch.at(out, 0) + part.begin * w.group,
                         out.stride,
                         rows,
                         tiles_at(launch, x)};
    launch.kernels.dot_rows(w.format, job, launch.scratch(share.thread));
  });
}

void RouteOp::run(const CpuLaunch& launch, Share share) const {
  const Range part = share.of(launch.count(logits.set));
  for (std::size_t i = part.begin; i < part.end; ++i) {
    const std::span<float> scores(launch.at(logits, i), logits.width);
    float* ids = launch.at(route.rows, i);
    float* weights = ids + route.top;
    pick_largest(scores, route.top, ids);
    // Softmax over all, renormalised over the chosen: the sum over all cancels.
    const float most = scores[static_cast<std::size_t>(ids[0])];
    float total = 0;
    for (std::uint32_t k = 0; k < route.top; ++k) {
      weights[k] = std::exp(scores[static_cast<std::size_t>(ids[k])] - most);
      total += weights[k];
    }
    for (std::uint32_t k = 0; k < route.top; ++k) {
      weights[k] = weights[k] / total * expert_scale[static_cast<std::size_t>(ids[k])];
    }
  }
}

void ExpertMatmulOp::run(const CpuLaunch& launch, Share share) const {
  const std::size_t rows = launch.count(out.set);
  const std::uint32_t height = divide_exact(stack.rows, experts);
  const bool shared_input = x.floats.width == stack.cols;
  WeightRows weights(launch, stack, mode, launch.scratch(share.thread));
  share.each(height, 16, [&](Range part) {
    for (std::uint32_t expert = 0; expert < experts; ++expert) {
      // Rows that chose this expert; most experts have none, and their weights are then never read.
      const auto for_each_user = [&](auto&& use) {
        for (std::size_t i = 0; i < rows; ++i) {
          const float* ids = launch.at(route.rows, i);
          for (std::uint32_t k = 0; k < route.top; ++k) {
            if (ids[k] == static_cast<float>(expert)) use(i, k);
          }
        }
      };
      bool used = false;
      for_each_user([&](std::size_t, std::uint32_t) { used = true; });
      if (!used) continue;
      for (std::size_t r = part.begin; r < part.end; ++r) {
        weights.take(static_cast<std::uint32_t>(expert * height + r));
        for_each_user([&](std::size_t i, std::uint32_t k) {
          weights.dot(x, {shared_input ? 0 : k * stack.cols, i, 1},
                      launch.at(out, i) + std::size_t{k} * height + r, 0);
        });
      }
    }
  });
}

void PackedExpertMatmulOp::run(const CpuLaunch& launch, Share share) const {
  const std::uint32_t height = divide_exact(stack.rows, experts);
  const bool shared_input = x.floats.width == stack.cols;
  const std::size_t groups = height / stack.group;
  share.each(groups, 16 / stack.group, [&](Range part) {
    for (std::uint32_t expert = 0; expert < experts; ++expert) {
      const Range own{expert * groups + part.begin, expert * groups + part.end};
      for (std::size_t i = 0; i < launch.count(out.set); ++i) {
        const float* ids = launch.at(route.rows, i);
        for (std::uint32_t k = 0; k < route.top; ++k) {
          if (ids[k] != static_cast<float>(expert)) continue;
          const std::size_t from = shared_input ? 0 : std::size_t{k} * stack.cols;
          float* to = launch.at(out, i) + std::size_t{k} * height + part.begin * stack.group;
          launch.kernels.dot_packed(stack.format,
                                    one_row(stack, own, codes_at(launch, x, i, from), to));
        }
      }
    }
  });
}

void ExpertSumOp::run(const CpuLaunch& launch, Share share) const {
  const Range part = share.of(launch.count(out.set));
  for (std::size_t i = part.begin; i < part.end; ++i) {
    const float* weights = launch.at(route.rows, i) + route.top;
    const float* each = launch.at(in, i);
    float* sum = launch.at(out, i);
    std::fill_n(sum, out.width, 0.0f);
    for (std::uint32_t k = 0; k < route.top; ++k) {
      for (std::uint32_t c = 0; c < out.width; ++c)
        sum[c] += weights[k] * each[std::size_t{k} * out.width + c];
    }
  }
}

void ClusterPickOp::run(const CpuLaunch& launch, Share share) const {
  const Range part = share.of(launch.count(logits.set));
  for (std::size_t i = part.begin; i < part.end; ++i) {
    pick_largest({launch.at(scores, i), scores.width}, picked.width, launch.at(picked, i));
    std::fill_n(launch.at(logits, i), logits.width, -std::numeric_limits<float>::infinity());
  }
}

void ClusterLogitsOp::run(const CpuLaunch& launch, Share share) const {
  WeightRows weights(launch, table, mode, launch.scratch(share.thread));
  share.each(std::size_t{picked.width} * cluster_size, 1, [&](Range part) {
    for (std::size_t i = 0; i < launch.count(logits.set); ++i) {
      const float* clusters = launch.at(picked, i);
      for (std::size_t c = part.begin; c < part.end; ++c) {
        const auto cluster = static_cast<std::size_t>(clusters[c / cluster_size]);
        const std::uint32_t token = ordering[cluster * cluster_size + c % cluster_size];
        weights.take(token);
        weights.dot(x, {0, i, 1}, launch.at(logits, i) + token, 0);
      }
    }
  });
}

void PackedClusterLogitsOp::run(const CpuLaunch& launch, Share share) const {
  const std::size_t groups = cluster_size / table.group;  // of a cluster
  float found[kPackedGroupMax];
  share.each(picked.width * groups, 1, [&](Range part) {
    for (std::size_t i = 0; i < launch.count(logits.set); ++i) {
      const float* clusters = launch.at(picked, i);
      float* row = launch.at(logits, i);
      for (std::size_t at = part.begin; at < part.end; ++at) {
        const auto cluster = static_cast<std::size_t>(clusters[at / groups]);
        const std::size_t group = cluster * groups + at % groups;
        launch.kernels.dot_packed(
            table.format, one_row(table, {group, group + 1}, codes_at(launch, x, i), found));
        for (std::size_t j = 0; j < table.group; ++j) {
          row[ordering[group * table.group + j]] = found[j];
        }
      }
    }
  });
}

}  // namespace outrider
