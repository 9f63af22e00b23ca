// Everything of the CPU recorder that is not a matrix product.
#pragma once
#include <vector>

#include "cpu/program.h"
#include "quant/weight.h"

namespace outrider {

struct EmbedOp final : CpuOp {
  Weight table;
  float scale;
  bool per_layer;  // a row that brings an embedding takes entry 0 (padding) of a per-layer table
  Rows out;
  void run(const CpuLaunch& launch, Share share) const override;
};

struct RmsNormOp final : CpuOp {
  Rows in;
  Gain gain;
  Rows out;
  void run(const CpuLaunch& launch, Share share) const override;
};

// Cosines and sines of every row's angles, [rows, 2 * head_dim / 2], made once per launch for each
// kind of layer.
struct AnglesOp final : CpuOp {
  std::span<const float> frequency;
  Rows out;
  void run(const CpuLaunch& launch, Share share) const override;
};

struct RopeOp final : CpuOp {
  Rows heads;
  std::uint32_t head_dim;
  Rows angles;  // of all rows
  void run(const CpuLaunch& launch, Share share) const override;
};

struct StoreKvOp final : CpuOp {
  Rows k, v;
  std::uint32_t parts = 1;  // of each row, shared out among threads; whole heads
  KvLayerId layer{0};
  void run(const CpuLaunch& launch, Share share) const override;
};

struct GegluOp final : CpuOp {
  Rows gate, up, out;
  void run(const CpuLaunch& launch, Share share) const override;
};

struct AddOp final : CpuOp {
  Rows in, into;
  void run(const CpuLaunch& launch, Share share) const override;
};

struct ScaleOp final : CpuOp {
  Rows rows;
  float factor;
  void run(const CpuLaunch& launch, Share share) const override;
};

struct SelectOp final : CpuOp {
  Rows in, out;
  void run(const CpuLaunch& launch, Share share) const override;
};

struct HiddenInputOp final : CpuOp {
  Rows out;
  void run(const CpuLaunch& launch, Share share) const override;
};

// Softcap (cap > 0) and suppressed tokens.
struct FinishLogitsOp final : CpuOp {
  Rows logits;
  float cap;
  std::span<const std::uint32_t> suppressed;
  void run(const CpuLaunch& launch, Share share) const override;
};

}  // namespace outrider
