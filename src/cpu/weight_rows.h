// Rows of a stored matrix, unpacked one at a time into a thread's scratch and multiplied with many
// activation rows.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "cpu/program.h"
#include "quant/weight.h"

namespace outrider {

// How the rows of a weight meet activations.
enum class WeightMode {
  kStoredFloat,   // F32: used where it lies
  kWidenedFloat,  // decoded to float in scratch
  kCodes,         // unpacked to codes in scratch, against activations rounded to codes
};

WeightMode weight_mode(const Weight& weight, bool integer_activations);

// Weight rows unpacked together, so that a few activation rows in the nearest cache meet all of
// them before the next few are fetched. With only a few activation rows there is nothing to save,
// and one at a time stays nearer.
inline constexpr std::uint32_t kWeightGroup = 8;
constexpr std::uint32_t weight_group(std::size_t activation_rows) {
  return activation_rows > 4 ? kWeightGroup : 1;
}

// Scratch for one weight row, and what a thread needs for a group of them.
std::size_t weight_row_bytes(const Weight& weight);
inline std::size_t weight_scratch_bytes(const Weight& weight) {
  return kWeightGroup * weight_row_bytes(weight);
}

// Activations as their mode wants them: rows of `floats`, or of codes kept in the workspace, for
// launches of many rows in tiles as well. Places are in floats from the workspace's start.
struct Activations {
  Rows floats;
  std::size_t codes_offset = 0;
  std::size_t tiles_offset = 0;  // 0: not in tiles
};

// Floats that the codes of one activation row take.
constexpr std::uint32_t code_floats(std::uint32_t width) {
  return width / 32 * static_cast<std::uint32_t>(sizeof(CodeActivation32) / sizeof(float));
}

class WeightRows {
 public:
  WeightRows(const CpuLaunch& launch, const Weight& weight, WeightMode mode, std::byte* scratch)
      : launch_(launch),
        weight_(weight),
        mode_(mode),
        scratch_(scratch),
        row_bytes_(weight_row_bytes(weight)) {}

  // Unpacks one row of the weight into place `slot` of the group.
  void take(std::uint32_t row, std::uint32_t slot = 0);

  // Columns [from, from + cols) of activation rows [first, first + rows).
  struct Span {
    std::uint32_t from;
    std::size_t first;
    std::uint32_t rows;
  };
  // out[i * out_stride] = the row in `slot` . the span's i-th row.
  void dot(const Activations& x, Span span, float* out, std::size_t out_stride,
           std::uint32_t slot = 0) const;

 private:
  const CpuLaunch& launch_;
  const Weight& weight_;
  WeightMode mode_;
  std::byte* scratch_;
  std::size_t row_bytes_;
  const float* floats_[kWeightGroup] = {};
};

}  // namespace outrider
