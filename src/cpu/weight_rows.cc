#include "cpu/weight_rows.h"

#include "quant/codec.h"

namespace outrider {

WeightMode weight_mode(const Weight& weight, bool integer_activations) {
  if (weight.type == TensorType::kF32) return WeightMode::kStoredFloat;
  if (integer_activations && unpack_codes_for(weight.type) != nullptr) return WeightMode::kCodes;
  return WeightMode::kWidenedFloat;
}

std::size_t weight_row_bytes(const Weight& weight) {
  const std::size_t bytes =
      std::max(std::size_t{weight.cols} * sizeof(float), weight.cols / 32 * sizeof(CodeBlock32));
  return (bytes + 63) / 64 * 64;
}

void WeightRows::take(std::uint32_t row, std::uint32_t slot) {
  const std::span<const std::byte> stored = weight_.row(row);
  const CpuKernels& kernels = launch_.kernels;
  std::byte* const place = scratch_ + slot * row_bytes_;
  auto* wide = reinterpret_cast<float*>(place);
  switch (mode_) {
    case WeightMode::kStoredFloat:
      floats_[slot] = reinterpret_cast<const float*>(stored.data());
      return;
    case WeightMode::kWidenedFloat:
      floats_[slot] = wide;
      if (weight_.type == TensorType::kF16) {
        kernels.widen_f16(reinterpret_cast<const std::uint16_t*>(stored.data()), weight_.cols,
                          wide);
      } else if (weight_.type == TensorType::kBF16) {
        kernels.widen_bf16(reinterpret_cast<const std::uint16_t*>(stored.data()), weight_.cols,
                           wide);
      } else {
        decode_row(weight_.type, stored, {wide, weight_.cols});
      }
      return;
    case WeightMode::kCodes:
      unpack_codes_for(weight_.type)(stored.data(), weight_.cols,
                                     reinterpret_cast<CodeBlock32*>(place));
      return;
  }
}

void WeightRows::dot(const Activations& x, Span span, float* out, std::size_t out_stride,
                     std::uint32_t slot) const {
  if (mode_ == WeightMode::kCodes) {
    const std::size_t stride = x.floats.width / 32;
    const auto* codes =
        reinterpret_cast<const CodeActivation32*>(launch_.workspace + x.codes_offset);
    const auto* w = reinterpret_cast<const CodeBlock32*>(scratch_ + slot * row_bytes_);
    launch_.kernels.dot_codes({w, codes + span.first * stride + span.from / 32, stride,
                               weight_.cols / 32, out, out_stride, span.rows});
  } else {
    launch_.kernels.dot_floats({floats_[slot], launch_.at(x.floats, span.first) + span.from,
                                x.floats.stride, weight_.cols, out, out_stride, span.rows});
  }
}

}  // namespace outrider
