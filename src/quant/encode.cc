#include <algorithm>
#include <array>

#include "core/contract.h"
#include "quant/block_bytes.h"
#include "quant/codec.h"
#include "quant/encode_block.h"

namespace outrider {
namespace {

// The finite values of one block; a NaN or an infinity counts as zero.
using Block32 = std::array<float, 32>;

Block32 read_block(const float* values) {
  Block32 block;
  for (std::size_t i = 0; i < 32; ++i) block[i] = finite_or_zero(values[i]);
  return block;
}

float largest_magnitude(const Block32& x) {
  float largest = 0.0f;
  for (const float v : x) largest = std::max(largest, std::fabs(v));
  return largest;
}

// The first value of the largest magnitude, with its sign.
float extremum(const Block32& x) {
  float found = 0.0f;
  for (const float v : x) found = std::fabs(v) > std::fabs(found) ? v : found;
  return found;
}

void encode_q8_0(const float* values, MutableBytes out) {
  const Block32 x = read_block(values);
  const std::uint16_t half = scale_to_f16(largest_magnitude(x) / 127.0f);
  const float d = f16_to_float(half);
  store_u16(out, half);
  for (std::size_t i = 0; i < 32; ++i) {
    const float q = d == 0.0f ? 0.0f : round_code(x[i] / d, -127.0f, 127.0f);
    out[2 + i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(q));
  }
}

// Codes of a format whose extremum lands exactly on code 0, i.e. on -zero: the scale is signed, and
// the one code more that a two's complement range has on its negative side is put to use. The
// stored scale, not the unrounded one, chooses the codes.
std::array<std::uint8_t, 32> signed_codes(const Block32& x, int zero, MutableBytes scale_out) {
  const std::uint16_t half = scale_to_f16(extremum(x) / static_cast<float>(-zero));
  const float d = f16_to_float(half);
  store_u16(scale_out, half);
  std::array<std::uint8_t, 32> codes;
  const float middle = static_cast<float>(zero) + 0.5f;
  const float last = static_cast<float>(2 * zero - 1);
  for (std::size_t i = 0; i < 32; ++i) {
    const float q = d == 0.0f ? middle : std::clamp(x[i] / d + middle, 0.0f, last);
    codes[i] = static_cast<std::uint8_t>(q);  // truncates
  }
  return codes;
}

void store_nibbles(const std::array<std::uint8_t, 32>& codes, MutableBytes out) {
  for (std::size_t j = 0; j < 16; ++j) {
    out[j] = static_cast<std::uint8_t>((codes[j] & 15) | ((codes[j + 16] & 15) << 4));
  }
}

void store_fifth_bits(const std::array<std::uint8_t, 32>& codes, MutableBytes out) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < 32; ++i) bits |= static_cast<std::uint32_t>(codes[i] >> 4) << i;
  store_u32(out, bits);
}

void encode_q4_0(const float* values, MutableBytes out) {
  store_nibbles(signed_codes(read_block(values), 8, out), out + 2);
}

void encode_q5_0(const float* values, MutableBytes out) {
  const auto codes = signed_codes(read_block(values), 16, out);
  store_fifth_bits(codes, out + 2);
  store_nibbles(codes, out + 6);
}

float mean(const Block32& x) {
  double sum = 0.0;
  for (const float v : x) sum += static_cast<double>(v);
  return static_cast<float>(sum / 32.0);
}

void encode_q5_1(const float* values, MutableBytes out) {
  const Block32 x = read_block(values);
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  // Divided before the subtraction: two finite values may lie further apart than a float reaches.
  const std::uint16_t half = scale_to_f16(*high / 31.0f - *low / 31.0f);
  const float d = f16_to_float(half);
  // Where the range is too small for any scale, every value becomes the mean.
  const std::uint16_t min_half = scale_to_f16(d == 0.0f ? mean(x) : *low);
  const float min = f16_to_float(min_half);
  store_u16(out, half);
  store_u16(out + 2, min_half);
  std::array<std::uint8_t, 32> codes{};
  for (std::size_t i = 0; i < 32 && d != 0.0f; ++i) {
    codes[i] = static_cast<std::uint8_t>(round_code((x[i] - min) / d, 0.0f, 31.0f));
  }
  store_fifth_bits(codes, out + 4);
  store_nibbles(codes, out + 8);
}

void encode_f16(std::span<const float> values, MutableBytes out) {
  for (std::size_t i = 0; i < values.size(); ++i) store_u16(out + 2 * i, float_to_f16(values[i]));
}

void encode_bf16(std::span<const float> values, MutableBytes out) {
  for (std::size_t i = 0; i < values.size(); ++i) store_u16(out + 2 * i, float_to_bf16(values[i]));
}

using EncodeBlockFn = void (*)(const float* values, MutableBytes out);

EncodeBlockFn encode_block_for(TensorType type) {
  switch (type) {
    case TensorType::kQ8_0:
      return encode_q8_0;
    case TensorType::kQ4_0:
      return encode_q4_0;
    case TensorType::kQ5_0:
      return encode_q5_0;
    case TensorType::kQ5_1:
      return encode_q5_1;
    case TensorType::kQ4_K:
      return encode_q4_k;
    case TensorType::kQ5_K:
      return encode_q5_k;
    case TensorType::kQ6_K:
      return encode_q6_k;
    default:
      return nullptr;
  }
}

}  // namespace

bool can_encode(TensorType type) {
  return type == TensorType::kF32 || type == TensorType::kF16 || type == TensorType::kBF16 ||
         encode_block_for(type) != nullptr;
}

void encode_row(TensorType type, std::span<const float> values, std::span<std::byte> bytes) {
  require(can_encode(type), "rows are written in a type that can be encoded");
  require(bytes.size() == row_bytes(type, values.size()), "a row is as long as its type says");
  if (values.empty()) return;
  const MutableBytes out = as_u8(bytes.data());
  switch (type) {
    case TensorType::kF32:
      std::memcpy(out, values.data(), bytes.size());
      return;
    case TensorType::kF16:
      encode_f16(values, out);
      return;
    case TensorType::kBF16:
      encode_bf16(values, out);
      return;
    default:
      break;
  }
  const EncodeBlockFn encode_block = encode_block_for(type);
  const TensorTypeInfo& format = info(type);
  for (std::size_t i = 0; i < values.size() / format.block_values; ++i) {
    encode_block(&values[i * format.block_values], out + i * format.block_bytes);
  }
}

}  // namespace outrider
