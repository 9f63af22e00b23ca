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
std::size_t weight_scratch_bytes(const Weight& weight);

// Activations as their mode wants them: rows of `floats`, or of codes kept in the workspace in
// `codes`.
struct Activations {
  Rows floats;
  std::size_t codes_offset = 0;  // floats from the workspace's start
};

// Floats that the codes of one activation row take.
constexpr std::uint32_t code_floats(std::uint32_t width) {
  return width / 32 * static_cast<std::uint32_t>(sizeof(CodeActivation32) / sizeof(float));
}

class WeightRows {
 public:
  WeightRows(const CpuLaunch& launch, const Weight& weight, WeightMode mode, std::byte* scratch)
      : launch_(launch), weight_(weight), mode_(mode), scratch_(scratch) {}

  void take(std::uint32_t row);  // unpacks one row of the weight
  // out[i * out_stride] = the row taken . columns [from, from + cols) of activation row first + i,
  // for i < rows.
  void dot(const Activations& x, std::uint32_t from, std::size_t first, std::uint32_t rows,
           float* out, std::size_t out_stride) const;

 private:
  const CpuLaunch& launch_;
  const Weight& weight_;
  WeightMode mode_;
  std::byte* scratch_;
  const float* floats_ = nullptr;
};

}  // namespace outrider
