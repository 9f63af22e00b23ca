#include <algorithm>
#include <array>

#include "core/contract.h"
#include "quant/block_bytes.h"
#include "quant/codec.h"
#include "quant/codes.h"

namespace outrider {
namespace {

void decode_f16(Bytes bytes, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = load_f16(bytes + 2 * i);
}

void decode_bf16(Bytes bytes, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = bf16_to_float(load_u16(bytes + 2 * i));
}

void multiply_out(const CodeBlock32& block, float* out) {
  for (int half = 0; half < 2; ++half) {
    for (int i = 16 * half; i < 16 * half + 16; ++i) {
      out[i] = block.scale[half] * static_cast<float>(block.code[i]) + block.offset[half];
    }
  }
}

void decode_codes(TensorType type, std::span<const std::byte> bytes, std::span<float> out) {
  constexpr std::size_t kChunk = 256;  // a whole number of blocks of every type
  const UnpackFn unpack = unpack_codes_for(type);
  require(unpack != nullptr, "a decoded type holds numbers of a known format");
  std::array<CodeBlock32, kChunk / 32> blocks;
  for (std::size_t done = 0; done < out.size(); done += kChunk) {
    const std::size_t cols = std::min(kChunk, out.size() - done);
    unpack(bytes.data() + row_bytes(type, done), static_cast<std::uint32_t>(cols), blocks.data());
    for (std::size_t i = 0; i < cols / 32; ++i) multiply_out(blocks[i], &out[done + 32 * i]);
  }
}

}  // namespace

void decode_row(TensorType type, std::span<const std::byte> bytes, std::span<float> out) {
  require(bytes.size() == row_bytes(type, out.size()), "a row is as long as its type says");
  if (out.empty()) return;
  switch (type) {
    case TensorType::kF32:
      std::memcpy(out.data(), bytes.data(), bytes.size());
      return;
    case TensorType::kF16:
      decode_f16(as_u8(bytes.data()), out);
      return;
    case TensorType::kBF16:
      decode_bf16(as_u8(bytes.data()), out);
      return;
    default:
      decode_codes(type, bytes, out);
      return;
  }
}

}  // namespace outrider
