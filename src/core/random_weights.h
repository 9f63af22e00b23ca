// Random weights that need not be stored: each is a pure function of (tensor name, seed, place), so
// a test model is a short list of shapes, and this code and tools/golden/random_weights.py draw the
// same bits. Only integer arithmetic, one float product and one float sum: no libm, no platform.
//
//   word  = philox_at(fnv1a64(name), i / 4, seed)[i % 4]
//   value = float(sum of the word's four bytes - 510) * float(std / sqrt(21845)) + mean
//
// The byte sum has mean 510 and variance 21845 (Irwin-Hall of four): near enough to a Gaussian, and
// never further than 3.46 deviations from the mean.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace outrider {

struct RandomTensor {
  std::string_view name;  // as in the GGUF file, "blk.0.attn_q.weight"
  std::uint64_t seed = 0;
  float mean = 0;
  float std = 0;
};

// Fills out with the values first, first + 1, ... of the tensor, counted row-major as it is stored.
// Any split of a tensor into ranges gives the same bits, so threads may share one.
void random_weights(const RandomTensor& tensor, std::uint64_t first, std::span<float> out);

struct RandomRole {
  float mean = 0;
  float std = 0;
};

// How to draw the weight of that GGUF name so that activations, attention logits (deviation about
// 2) and output logits (about 4) keep the size they have in trained models, at any width and depth.
// `cols` is the tensor's ne[0], the number of values in a row.
RandomRole role_of(std::string_view gguf_tensor_name, std::uint64_t cols);

// Entry `index` of the centroid head's token ordering: a fixed permutation of 0 .. vocab - 1 that
// scatters neighbours. index < vocab < 2^31.
std::int32_t permuted_id(std::uint64_t index, std::uint64_t vocab);

}  // namespace outrider
