#include "cpu/packed.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/contract.h"
#include "quant/block_bytes.h"

namespace outrider {
namespace {

static_assert(std::endian::native == std::endian::little, "quads are moved as words");

constexpr std::uint32_t kLowNibbles = 0x0f0f0f0f;

std::uint32_t quad_at(Bytes bytes) {
  std::uint32_t quad;
  std::memcpy(&quad, bytes, sizeof quad);
  return quad;
}

// Writes for one row of a group: its lane of what stands at a byte offset of the superblock.
class Lane {
 public:
  Lane(std::byte* superblock, std::size_t group, std::size_t row)
      : out_(superblock), group_(group), row_(row) {}

  void quad(std::size_t offset, std::uint32_t value) const {
    std::memcpy(out_ + (offset * group_ + row_ * 4), &value, sizeof value);
  }
  void half(std::size_t offset, Bytes stored) const {
    std::memcpy(out_ + (offset * group_ + row_ * 2), stored, 2);
  }
  void byte(std::size_t offset, std::uint8_t value) const {
    out_[offset * group_ + row_] = static_cast<std::byte>(value);
  }

 private:
  std::byte* out_;
  std::size_t group_, row_;
};

// Offsets are per row: where the part begins in a superblock of a single row.
void pack_q4_0(Bytes block, const Lane& lane) {
  lane.half(0, block);
  for (std::size_t j = 0; j < 4; ++j) lane.quad(2 + 4 * j, quad_at(block + 2 + 4 * j));
}

void pack_q8_0(Bytes block, const Lane& lane) {
  lane.half(0, block);
  for (std::size_t j = 0; j < 8; ++j) lane.quad(2 + 4 * j, quad_at(block + 2 + 4 * j));
}

void pack_q4_k(Bytes block, const Lane& lane) {
  lane.half(0, block);
  lane.half(2, block + 2);
  for (int s = 0; s < 8; ++s) {
    const ScaleMin scale_min = load_scale_min(block + 4, s);
    lane.byte(4 + static_cast<std::size_t>(s), static_cast<std::uint8_t>(scale_min.scale));
    lane.byte(12 + static_cast<std::size_t>(s), static_cast<std::uint8_t>(scale_min.min));
  }
  for (std::size_t pair = 0; pair < 4; ++pair) {  // of blocks, stored in each other's nibbles
    const Bytes q = block + 16 + 32 * pair;
    for (std::size_t j = 0; j < 4; ++j) {
      const std::uint32_t first = quad_at(q + 4 * j), second = quad_at(q + 16 + 4 * j);
      const std::size_t at = 20 + 32 * pair + 4 * j;
      lane.quad(at, (first & kLowNibbles) | ((second & kLowNibbles) << 4));
      lane.quad(at + 16, ((first >> 4) & kLowNibbles) | (second & ~kLowNibbles));
    }
  }
}

void pack_q6_k(Bytes block, const Lane& lane) {
  constexpr std::uint32_t kTwoBits = 0x03030303;
  lane.half(0, block + 208);
  for (std::size_t s = 0; s < 16; ++s) lane.byte(2 + s, block[192 + s]);
  for (std::size_t b = 0; b < 8; ++b) {  // 32 columns each; four share 64 + 32 bytes
    const Bytes low = block + 64 * (b / 4) + 32 * (b % 2);
    const Bytes high = block + 128 + 32 * (b / 4);
    const std::size_t nibble = b % 4 / 2 * 4, pair_of_bits = b % 4 * 2;
    const auto lower = [&](std::size_t j) {
      return (quad_at(low + 4 * j) >> nibble) & kLowNibbles;
    };
    const auto upper = [&](std::size_t j) {
      return (quad_at(high + 4 * j) >> pair_of_bits) & kTwoBits;
    };
    const std::size_t at = 18 + 24 * b;
    for (std::size_t j = 0; j < 4; ++j) lane.quad(at + 4 * j, lower(j) | (lower(j + 4) << 4));
    for (std::size_t i = 0; i < 2; ++i) {
      lane.quad(at + 16 + 4 * i, upper(2 * i) | (upper(2 * i + 4) << 2) | (upper(2 * i + 1) << 4) |
                                     (upper(2 * i + 5) << 6));
    }
  }
}

template <void pack_block(Bytes, const Lane&)>
void pack_rows(PackedFormat format, std::span<const std::span<const std::byte>> rows,
               std::uint32_t cols, std::size_t block_bytes, std::byte* out) {
  const std::size_t superblocks = cols / packed_columns(format);
  const std::size_t step = packed_bytes(format, rows.size());
  for (std::size_t b = 0; b < superblocks; ++b, out += step) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      pack_block(as_u8(rows[row].data()) + b * block_bytes, {out, rows.size(), row});
    }
  }
}

}  // namespace

std::optional<PackedFormat> packed_format(TensorType type) {
  switch (type) {
    case TensorType::kQ4_0:
      return PackedFormat::kQ4_0;
    case TensorType::kQ8_0:
      return PackedFormat::kQ8_0;
    case TensorType::kQ4_K:
      return PackedFormat::kQ4_K;
    case TensorType::kQ6_K:
      return PackedFormat::kQ6_K;
    default:
      return std::nullopt;
  }
}

void pack_group(PackedFormat format, std::span<const std::span<const std::byte>> rows,
                std::uint32_t cols, std::byte* out) {
  switch (format) {
    case PackedFormat::kQ4_0:
      return pack_rows<pack_q4_0>(format, rows, cols, 18, out);
    case PackedFormat::kQ8_0:
      return pack_rows<pack_q8_0>(format, rows, cols, 34, out);
    case PackedFormat::kQ4_K:
      return pack_rows<pack_q4_k>(format, rows, cols, 144, out);
    case PackedFormat::kQ6_K:
      return pack_rows<pack_q6_k>(format, rows, cols, 210, out);
  }
}

}  // namespace outrider
