#include "app/quantize_stream.h"

#include <algorithm>
#include <vector>

#include "quant/codec.h"

namespace outrider {
namespace {

constexpr std::uint64_t kChunkBytes = 8u << 20;

}  // namespace

std::uint64_t rows_of(std::span<const std::uint64_t> ne) {
  std::uint64_t rows = 1;
  for (std::size_t axis = 1; axis < ne.size(); ++axis) rows *= ne[axis];
  return rows;
}

Result<void> TensorStream::write_values(const RowShape& tensor, const ValuesOfRow& values_of) {
  return write_rows(tensor, [&](std::uint64_t row, std::span<std::byte> bytes) {
    thread_local std::vector<float> values;
    values.resize(tensor.cols);
    values_of(row, values);
    encode_row(tensor.type, values, bytes);
  });
}

Result<void> TensorStream::write_rows(const RowShape& tensor, const BytesOfRow& bytes_of) {
  const std::uint64_t stride = row_bytes(tensor.type, tensor.cols);
  const std::uint64_t chunk_rows = std::clamp<std::uint64_t>(kChunkBytes / stride, 1, tensor.rows);
  std::vector<std::byte> chunk(chunk_rows * stride);
  for (std::uint64_t first = 0; first < tensor.rows; first += chunk_rows) {
    const std::uint64_t count = std::min(chunk_rows, tensor.rows - first);
    const std::span<std::byte> bytes(chunk.data(), count * stride);
    pool_->run([&](std::uint32_t thread) {
      const Range share = share_of(count, thread, pool_->threads());
      for (std::size_t row = share.begin; row < share.end; ++row) {
        bytes_of(first + row, bytes.subspan(row * stride, stride));
      }
    });
    if (const auto written = writer_->write(tensor.name, bytes); !written) return written;
    progress_->add(bytes.size());
  }
  return {};
}

Result<void> TensorStream::write_bytes(const std::string& name, std::span<const std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += kChunkBytes) {
    const auto chunk = bytes.subspan(at, std::min<std::size_t>(kChunkBytes, bytes.size() - at));
    if (const auto written = writer_->write(name, chunk); !written) return written;
    progress_->add(chunk.size());
  }
  return {};
}

}  // namespace outrider
