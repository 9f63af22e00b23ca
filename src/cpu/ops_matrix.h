// Matrix products of the CPU recorder: dense, by expert, and through a centroid head.
#pragma once
#include <vector>

#include "cpu/packed_weights.h"
#include "cpu/program.h"
#include "cpu/weight_rows.h"

namespace outrider {

// Rounds float rows to codes, once for all matrices that read them.
struct RoundToCodesOp final : CpuOp {
  Activations x;
  Split split = Split::by_parts(1);
  void run(const CpuLaunch& launch, Share share) const override;
};

struct MatmulOp final : CpuOp {
  Activations x;
  Weight w;
  WeightMode mode;
  Rows out;
  void run(const CpuLaunch& launch, Share share) const override;
};

struct PackedMatmulOp final : CpuOp {
  Activations x;
  PackedMatrix w{};
  Rows out;
  void run(const CpuLaunch& launch, Share share) const override;
};

// Route rows hold `top` expert ids (as floats, exact) and then `top` weights.
struct RouteOp final : CpuOp {
  Rows logits;
  std::span<const float> expert_scale;
  Route route;
  void run(const CpuLaunch& launch, Share share) const override;
};

struct ExpertMatmulOp final : CpuOp {
  Activations x;
  Route route;
  Weight stack;
  std::uint32_t experts;
  WeightMode mode;
  Rows out;
  void run(const CpuLaunch& launch, Share share) const override;
};

struct PackedExpertMatmulOp final : CpuOp {
  Activations x;
  Route route;
  PackedMatrix stack{};
  std::uint32_t experts;
  Rows out;
  void run(const CpuLaunch& launch, Share share) const override;
};

struct ExpertSumOp final : CpuOp {
  Rows in;
  Route route;
  Rows out;
  void run(const CpuLaunch& launch, Share share) const override;
};

// Picks each row's best clusters from their scores, and puts minus infinity everywhere.
struct ClusterPickOp final : CpuOp {
  Rows scores;
  Rows picked;  // [rows, top] cluster ids as floats
  Rows logits;
  void run(const CpuLaunch& launch, Share share) const override;
};

struct ClusterLogitsOp final : CpuOp {
  Activations x;
  Rows picked;
  std::span<const std::uint32_t> ordering;
  std::uint32_t cluster_size;
  Weight table;
  WeightMode mode;
  Rows logits;
  void run(const CpuLaunch& launch, Share share) const override;
};

// The same with a table whose rows are packed in the clusters' order.
struct PackedClusterLogitsOp final : CpuOp {
  Activations x;
  Rows picked;
  std::span<const std::uint32_t> ordering;
  std::uint32_t cluster_size;
  PackedMatrix table{};
  Rows logits;
  void run(const CpuLaunch& launch, Share share) const override;
};

}  // namespace outrider
