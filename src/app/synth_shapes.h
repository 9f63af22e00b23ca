// The released models: their shapes, and every tensor that their files hold.
#pragma once
#include <cstdint>
#include <string_view>

#include "app/convert_shape.h"
#include "app/synth_model.h"
#include "core/result.h"

namespace outrider {

struct ReleasedPair {
  ModelShape target;
  ModelShape assistant;  // without its centroid head
};

// `size` is e2b, e4b, 12b, 26b-a4b or 31b. `layers` cuts the target to its first so many (0: all),
// which must reach its first full layer; layers that share KV keep their proportion.
Result<ReleasedPair> released_shapes(std::string_view size, std::uint32_t layers);

// 2048 clusters, 32 of them scored: what the assistants of E2B and E4B have.
inline constexpr ShapeCentroids kReleasedCentroids = {2048, 32};
bool has_centroids(std::string_view size);

// All metadata but the tokenizer's, and all tensors, full precision, in the order of real files.
SynthModel synth_of(const ModelShape& shape, std::uint64_t seed);

}  // namespace outrider
