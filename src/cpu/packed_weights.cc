#include "cpu/packed_weights.h"

#include <algorithm>

#include "platform/memory.h"

namespace outrider {

// Matrices share large chunks, so that huge pages are filled.
std::byte* PackedWeights::allocate(std::size_t bytes) {
  constexpr std::size_t kChunkBytes = std::size_t{64} << 20, kCacheLine = 64;
  bytes = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
  if (chunks_.empty() || chunks_.back().size() - chunk_used_ < bytes) {
    auto chunk = AlignedBuffer::allocate(std::max(bytes, kChunkBytes), "the packed weights");
    if (!chunk) {
      error_ = chunk.error();
      return nullptr;
    }
    chunks_.push_back(std::move(*chunk));
    chunk_used_ = 0;
  }
  std::byte* place = chunks_.back().data() + chunk_used_;
  chunk_used_ += bytes;
  bytes_ += bytes;
  return place;
}

PackedMatrix PackedWeights::of(const Weight& weight, std::span<const std::uint32_t> order) {
  const auto known = packed_.find(weight.bytes.data());
  if (known != packed_.end()) {
    require(known->second.rows == weight.rows && known->second.cols == weight.cols,
            "one matrix starts where another one did");
    return known->second;
  }
  require(packs(weight, weight.rows), "a matrix that has a packed form");
  const PackedFormat format = *packed_format(weight.type);
  PackedMatrix matrix{format, nullptr, weight.rows, weight.cols, group_, 0};
  matrix.group_bytes = weight.cols / packed_columns(format) * packed_bytes(format, group_);
  std::byte* place = error_ ? nullptr : allocate(matrix.groups() * matrix.group_bytes);
  if (place != nullptr) {
    matrix.data = place;
    pack(weight, order, place, matrix);
  }
  packed_.emplace(weight.bytes.data(), matrix);
  return matrix;
}

void PackedWeights::pack(const Weight& weight, std::span<const std::uint32_t> order,
                         std::byte* place, const PackedMatrix& matrix) {
  // Groups between two gifts of memory to the system: a few MiB.
  const std::size_t stretch = std::max<std::size_t>(1, (std::size_t{4} << 20) / matrix.group_bytes);
  const bool in_order = order.empty();
  if (weight.file_backed) expect_soon(weight.bytes);
  pool_.run([&](std::uint32_t thread) {
    std::span<const std::byte> rows[kPackedGroupMax];
    const Range part = share_of(matrix.groups(), thread, pool_.threads());
    for (std::size_t first = part.begin; first < part.end; first += stretch) {
      const std::size_t end = std::min(part.end, first + stretch);
      for (std::size_t g = first; g < end; ++g) {
        for (std::size_t i = 0; i < group_; ++i) {
          const std::size_t row = g * group_ + i;
          rows[i] = weight.row(in_order ? static_cast<std::uint32_t>(row) : order[row]);
        }
        pack_group(matrix.format, {rows, group_}, weight.cols, place + g * matrix.group_bytes);
      }
      if (weight.file_backed && in_order) {
        const auto from = static_cast<std::uint32_t>(first * group_);
        give_back(weight.slice(from, static_cast<std::uint32_t>((end - first) * group_)).bytes);
      }
    }
  });
  if (weight.file_backed && !in_order) give_back(weight.bytes);
}

}  // namespace outrider
