// Byte access shared by the decoders and encoders of src/quant. Blocks have odd sizes and sit at
// any address of a mapped file, so nothing here assumes alignment. Multi-byte fields are little-
// endian, as the machines we run on are.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/half.h"

namespace outrider {

static_assert(std::endian::native == std::endian::little);

using Bytes = const std::uint8_t*;
using MutableBytes = std::uint8_t*;

inline Bytes as_u8(const std::byte* bytes) {
  return reinterpret_cast<Bytes>(bytes);
}
inline MutableBytes as_u8(std::byte* bytes) {
  return reinterpret_cast<MutableBytes>(bytes);
}

inline std::uint16_t load_u16(Bytes at) {
  std::uint16_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

inline float load_f16(Bytes at) {
  return f16_to_float(load_u16(at));
}

inline void store_u16(MutableBytes at, std::uint16_t value) {
  std::memcpy(at, &value, sizeof value);
}

inline void store_u32(MutableBytes at, std::uint32_t value) {
  std::memcpy(at, &value, sizeof value);
}

// The eight 6-bit scales and mins of a Q4_K or Q5_K block, packed in 12 bytes.
struct ScaleMin {
  std::uint8_t scale;
  std::uint8_t min;
};

inline ScaleMin load_scale_min(Bytes packed, int sub_block) {
  const int j = sub_block;
  if (j < 4) {
    return {static_cast<std::uint8_t>(packed[j] & 63),
            static_cast<std::uint8_t>(packed[j + 4] & 63)};
  }
  return {static_cast<std::uint8_t>((packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4)),
          static_cast<std::uint8_t>((packed[j + 4] >> 4) | ((packed[j] >> 6) << 4))};
}

}  // namespace outrider
