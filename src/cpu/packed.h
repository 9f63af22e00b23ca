// Quantised matrices as the integer kernels read them: the weights of `group` rows beside each
// other, so that one load brings one vector lane to each row, and what a block costs to unpack is
// paid once for all activation rows. The rows of a group are packed superblock by superblock:
//
//   Q4_0   32 columns  f16 scale[group], nibbles
//   Q8_0   32 columns  f16 scale[group], bytes
//   Q4_K  256 columns  f16 d[group], f16 dmin[group], u8 scale[8][group], u8 min[8][group],
//                      then nibbles, 8 times
//   Q6_K  256 columns  f16 d[group], i8 scale[16][group], then nibbles and upper bits, 8 times
//
// Each of the following holds 32 columns. A quad is four neighbouring columns of a row, 0 to 7.
//   bytes       quad 0 of each row, then quad 1, ...: [8][group][4]
//   nibbles     [4][group][4]: quad j in the lower four bits, quad j + 4 in the upper
//   upper bits  [2][group][4]: from the lowest two bits up quads 2i, 2i + 4, 2i + 1, 2i + 5
//
// Codes are what the format stores, without the zero point: 0..15 for Q4, 0..63 for Q6_K.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/tensor_type.h"

namespace outrider {

enum class PackedFormat : std::uint8_t { kQ4_0, kQ8_0, kQ4_K, kQ6_K };

// The format that rows of this type are packed into; nothing for types that are multiplied as they
// are stored.
std::optional<PackedFormat> packed_format(TensorType type);

inline constexpr std::size_t kPackedGroupMax = 16;  // rows in a group, on any machine

// Columns and bytes of one superblock of `group` rows.
constexpr std::uint32_t packed_columns(PackedFormat format) {
  return format == PackedFormat::kQ4_0 || format == PackedFormat::kQ8_0 ? 32 : 256;
}
constexpr std::size_t packed_bytes(PackedFormat format, std::size_t group) {
  switch (format) {
    case PackedFormat::kQ4_0:
      return group * (2 + 16);
    case PackedFormat::kQ8_0:
      return group * (2 + 32);
    case PackedFormat::kQ4_K:
      return group * (2 + 2 + 8 + 8 + 8 * 16);
    case PackedFormat::kQ6_K:
      return group * (2 + 16 + 8 * (16 + 8));
  }
  return 0;
}

// Packs one group of rows, `rows[i]` being the stored bytes of row i. `out` has room for cols /
// packed_columns superblocks.
void pack_group(PackedFormat format, std::span<const std::span<const std::byte>> rows,
                std::uint32_t cols, std::byte* out);

}  // namespace outrider
