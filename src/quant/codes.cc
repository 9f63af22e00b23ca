#include "quant/codes.h"

#include <array>

#include "core/contract.h"
#include "quant/block_bytes.h"

namespace outrider {
namespace {

// Adding -0.0f changes no float at all; adding +0.0f would turn -0.0f into +0.0f.
constexpr float kNoOffset = -0.0f;

constexpr std::array<std::int8_t, 16> kIq4Values = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                    1,    13,   25,  38,  53,  69,  89,  113};
// Twice the e2m1 values, so that they are whole; the scale is halved to match.
constexpr std::array<std::int8_t, 16> kMxfp4Values = {0, 1,  2,  3,  4,  6,  8,  12,
                                                      0, -1, -2, -3, -4, -6, -8, -12};

std::int8_t code(int value) {
  return static_cast<std::int8_t>(value);
}

void set_scale(CodeBlock32& out, float scale, float offset) {
  out.scale[0] = out.scale[1] = scale;
  out.offset[0] = out.offset[1] = offset;
}

// Nibbles of 16 bytes, low ones first, minus `zero`. Copied first: bytes may alias the codes
// written here, and the compiler would have to allow for it.
void split_nibbles(Bytes packed, int zero, CodeBlock32& out) {
  std::array<std::uint8_t, 16> q;
  std::memcpy(q.data(), packed, q.size());
  for (std::size_t j = 0; j < 16; ++j) out.code[j] = code((q[j] & 15) - zero);
  for (std::size_t j = 0; j < 16; ++j) out.code[j + 16] = code((q[j] >> 4) - zero);
}

void look_up_nibbles(Bytes packed, const std::array<std::int8_t, 16>& table, CodeBlock32& out) {
  for (int j = 0; j < 16; ++j) out.code[j] = table[packed[j] & 15];
  for (int j = 0; j < 16; ++j) out.code[j + 16] = table[packed[j] >> 4];
}

// Byte i of the result is 16 where bit i of `bits` is set, else 0. The product copies `bits` to
// every byte, the mask leaves byte i its bit i, and adding 127 moves any bit that is left to the
// top.
std::uint64_t sixteens(std::uint8_t bits) {
  const std::uint64_t own_bit = (bits * 0x0101010101010101u) & 0x8040201008040201u;
  return ((own_bit + 0x7f7f7f7f7f7f7f7fu) >> 3) & 0x1010101010101010u;
}

// Eight codes of four low bits and a fifth, minus `zero` (at most 16), stored as eight bytes. The
// top bit lent to every byte keeps the subtraction from borrowing across bytes; taking it back
// leaves the difference in two's complement.
void store_five_bits(std::uint64_t low, std::uint8_t fifth, int zero, std::int8_t* out) {
  constexpr std::uint64_t kLent = 0x8080808080808080u;
  const std::uint64_t zeros = static_cast<std::uint64_t>(zero) * 0x0101010101010101u;
  const std::uint64_t codes = (((low | sixteens(fifth)) | kLent) - zeros) ^ kLent;
  std::memcpy(out, &codes, sizeof codes);
}

// Nibbles plus a fifth bit each: bit i of the four bytes `high` belongs to value i.
void split_five_bits(Bytes packed, Bytes high, int zero, CodeBlock32& out) {
  constexpr std::uint64_t kLow = 0x0f0f0f0f0f0f0f0fu;
  for (int part = 0; part < 2; ++part) {
    std::uint64_t q;
    std::memcpy(&q, packed + 8 * part, sizeof q);
    store_five_bits(q & kLow, high[part], zero, out.code + 8 * part);
    store_five_bits((q >> 4) & kLow, high[part + 2], zero, out.code + 16 + 8 * part);
  }
}

void unpack_q4_0(Bytes block, CodeBlock32* out) {
  split_nibbles(block + 2, 8, *out);
  set_scale(*out, load_f16(block), kNoOffset);
}

void unpack_q4_1(Bytes block, CodeBlock32* out) {
  split_nibbles(block + 4, 0, *out);
  set_scale(*out, load_f16(block), load_f16(block + 2));
}

void unpack_q5_0(Bytes block, CodeBlock32* out) {
  split_five_bits(block + 6, block + 2, 16, *out);
  set_scale(*out, load_f16(block), kNoOffset);
}

void unpack_q5_1(Bytes block, CodeBlock32* out) {
  split_five_bits(block + 8, block + 4, 0, *out);
  set_scale(*out, load_f16(block), load_f16(block + 2));
}

void unpack_q8_0(Bytes block, CodeBlock32* out) {
  std::memcpy(out->code, block + 2, 32);
  set_scale(*out, load_f16(block), kNoOffset);
}

void unpack_iq4_nl(Bytes block, CodeBlock32* out) {
  look_up_nibbles(block + 2, kIq4Values, *out);
  set_scale(*out, load_f16(block), kNoOffset);
}

// 2^(e - 128): half of what the exponent byte says. The two smallest are subnormal floats.
float mxfp4_scale(std::uint8_t e) {
  const std::uint32_t bits = e < 2 ? 0x00200000u << e : (e - 1u) << 23;
  return std::bit_cast<float>(bits);
}

void unpack_mxfp4(Bytes block, CodeBlock32* out) {
  look_up_nibbles(block + 1, kMxfp4Values, *out);
  set_scale(*out, mxfp4_scale(block[0]), kNoOffset);
}

// Below, blocks of 256 values: out[0..8). `n` counts halves of 128 values, `j` groups of 32 in it.

void unpack_q2_k(Bytes block, CodeBlock32* out) {
  const Bytes scales = block;
  const float d = load_f16(block + 80);
  const float dmin = load_f16(block + 82);
  for (int n = 0; n < 2; ++n) {
    const Bytes q = block + 16 + 32 * n;
    for (int j = 0; j < 4; ++j) {
      CodeBlock32& o = out[4 * n + j];
      for (int l = 0; l < 32; ++l) o.code[l] = code((q[l] >> (2 * j)) & 3);
      for (int h = 0; h < 2; ++h) {
        const int s = scales[8 * n + 2 * j + h];
        o.scale[h] = d * static_cast<float>(s & 15);
        o.offset[h] = -(dmin * static_cast<float>(s >> 4));
      }
    }
  }
}

int q3_k_scale(Bytes scales, int s) {
  const int low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
  const int high = (scales[8 + (s & 3)] >> (2 * (s >> 2))) & 3;
  return (low | (high << 4)) - 32;
}

void unpack_q3_k(Bytes block, CodeBlock32* out) {
  const Bytes mask = block;
  const Bytes scales = block + 96;
  const float d = load_f16(block + 108);
  for (int n = 0; n < 2; ++n) {
    const Bytes q = block + 32 + 32 * n;
    for (int j = 0; j < 4; ++j) {
      CodeBlock32& o = out[4 * n + j];
      for (int l = 0; l < 32; ++l) {
        const int high = (mask[l] >> (4 * n + j)) & 1;
        o.code[l] = code(((q[l] >> (2 * j)) & 3) + 4 * high - 4);
      }
      for (int h = 0; h < 2; ++h) {
        o.scale[h] = d * static_cast<float>(q3_k_scale(scales, 8 * n + 2 * j + h));
        o.offset[h] = kNoOffset;
      }
    }
  }
}

void set_scale_min(Bytes packed, int sub_block, float d, float dmin, CodeBlock32& out) {
  const ScaleMin s = load_scale_min(packed, sub_block);
  set_scale(out, d * static_cast<float>(s.scale), -(dmin * static_cast<float>(s.min)));
}

void unpack_q4_k(Bytes block, CodeBlock32* out) {
  const float d = load_f16(block);
  const float dmin = load_f16(block + 2);
  for (int g = 0; g < 4; ++g) {
    const Bytes q = block + 16 + 32 * g;
    for (int l = 0; l < 32; ++l) out[2 * g].code[l] = code(q[l] & 15);
    for (int l = 0; l < 32; ++l) out[2 * g + 1].code[l] = code(q[l] >> 4);
    set_scale_min(block + 4, 2 * g, d, dmin, out[2 * g]);
    set_scale_min(block + 4, 2 * g + 1, d, dmin, out[2 * g + 1]);
  }
}

void unpack_q5_k(Bytes block, CodeBlock32* out) {
  const float d = load_f16(block);
  const float dmin = load_f16(block + 2);
  const Bytes high = block + 16;
  for (int g = 0; g < 4; ++g) {
    const Bytes q = block + 48 + 32 * g;
    CodeBlock32& even = out[2 * g];
    CodeBlock32& odd = out[2 * g + 1];
    for (int l = 0; l < 32; ++l) {
      even.code[l] = code((q[l] & 15) | (((high[l] >> (2 * g)) & 1) << 4));
    }
    for (int l = 0; l < 32; ++l) {
      odd.code[l] = code((q[l] >> 4) | (((high[l] >> (2 * g + 1)) & 1) << 4));
    }
    set_scale_min(block + 4, 2 * g, d, dmin, even);
    set_scale_min(block + 4, 2 * g + 1, d, dmin, odd);
  }
}

void unpack_q6_k(Bytes block, CodeBlock32* out) {
  const float d = load_f16(block + 208);
  for (int n = 0; n < 2; ++n) {
    const Bytes low = block + 64 * n;
    const Bytes high = block + 128 + 32 * n;
    CodeBlock32* o = out + 4 * n;
    for (int l = 0; l < 32; ++l) {
      o[0].code[l] = code(((low[l] & 15) | ((high[l] & 3) << 4)) - 32);
      o[1].code[l] = code(((low[l + 32] & 15) | (((high[l] >> 2) & 3) << 4)) - 32);
      o[2].code[l] = code(((low[l] >> 4) | (((high[l] >> 4) & 3) << 4)) - 32);
      o[3].code[l] = code(((low[l + 32] >> 4) | ((high[l] >> 6) << 4)) - 32);
    }
  }
  for (int s = 0; s < 16; ++s) {
    out[s / 2].scale[s % 2] = d * static_cast<float>(static_cast<std::int8_t>(block[192 + s]));
    out[s / 2].offset[s % 2] = kNoOffset;
  }
}

void unpack_iq4_xs(Bytes block, CodeBlock32* out) {
  const float d = load_f16(block);
  const int scales_high = load_u16(block + 2);
  for (int j = 0; j < 8; ++j) {
    const int low = (block[4 + j / 2] >> (4 * (j % 2))) & 15;
    const int high = (scales_high >> (2 * j)) & 3;
    look_up_nibbles(block + 8 + 16 * j, kIq4Values, out[j]);
    set_scale(out[j], d * static_cast<float>((low | (high << 4)) - 32), kNoOffset);
  }
}

template <void unpack_block(Bytes, CodeBlock32*), std::uint32_t kValues, std::uint32_t kBytes>
void unpack_row(const std::byte* row, std::uint32_t cols, CodeBlock32* out) {
  Bytes block = as_u8(row);
  for (std::uint32_t done = 0; done < cols; done += kValues) {
    unpack_block(block, out);
    block += kBytes;
    out += kValues / 32;
  }
}

}  // namespace

UnpackFn unpack_codes_for(TensorType type) {
  switch (type) {
    case TensorType::kQ4_0:
      return unpack_row<unpack_q4_0, 32, 18>;
    case TensorType::kQ4_1:
      return unpack_row<unpack_q4_1, 32, 20>;
    case TensorType::kQ5_0:
      return unpack_row<unpack_q5_0, 32, 22>;
    case TensorType::kQ5_1:
      return unpack_row<unpack_q5_1, 32, 24>;
    case TensorType::kQ8_0:
      return unpack_row<unpack_q8_0, 32, 34>;
    case TensorType::kQ2_K:
      return unpack_row<unpack_q2_k, 256, 84>;
    case TensorType::kQ3_K:
      return unpack_row<unpack_q3_k, 256, 110>;
    case TensorType::kQ4_K:
      return unpack_row<unpack_q4_k, 256, 144>;
    case TensorType::kQ5_K:
      return unpack_row<unpack_q5_k, 256, 176>;
    case TensorType::kQ6_K:
      return unpack_row<unpack_q6_k, 256, 210>;
    case TensorType::kIQ4_NL:
      return unpack_row<unpack_iq4_nl, 32, 18>;
    case TensorType::kIQ4_XS:
      return unpack_row<unpack_iq4_xs, 256, 136>;
    case TensorType::kMXFP4:
      return unpack_row<unpack_mxfp4, 32, 17>;
    case TensorType::kF32:
    case TensorType::kF16:
    case TensorType::kBF16:
    case TensorType::kI32:
      return nullptr;
  }
  contract_failed("a tensor type is one of the listed ones");
}

void unpack_codes(TensorType type, std::span<const std::byte> bytes, std::uint32_t cols,
                  CodeBlock32* out) {
  const UnpackFn unpack = unpack_codes_for(type);
  require(unpack != nullptr, "codes are asked of a type that holds codes");
  require(bytes.size() == row_bytes(type, cols), "a row is as long as its type says");
  unpack(bytes.data(), cols, out);
}

}  // namespace outrider
