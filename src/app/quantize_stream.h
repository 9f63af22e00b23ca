// Writes tensors row by row in whatever type is wanted, on all threads, holding a few megabytes at
// a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "app/progress.h"
#include "core/result.h"
#include "core/tensor_type.h"
#include "format/gguf_writer.h"
#include "platform/thread_pool.h"

namespace outrider {

// A tensor as rows; what its axes beyond the first mean does not matter here.
struct RowShape {
  std::string name;
  TensorType type;     // to be stored as
  std::uint64_t cols;  // values in a row, a multiple of the type's block
  std::uint64_t rows;

  std::uint64_t bytes() const { return row_bytes(type, cols) * rows; }
};

// The rows of a tensor whose extents are `ne`.
std::uint64_t rows_of(std::span<const std::uint64_t> ne);

class TensorStream {
 public:
  TensorStream(GgufWriter& writer, ThreadPool& pool, Progress& progress)
      : writer_(&writer), pool_(&pool), progress_(&progress) {}

  // Computes one row's values, [cols]. Called from all threads, for rows in any order.
  using ValuesOfRow = std::function<void(std::uint64_t row, std::span<float> values)>;
  // Encodes what `values_of` computes. `tensor.type` is one that can be encoded.
  Result<void> write_values(const RowShape& tensor, const ValuesOfRow& values_of);

  // Computes one row as it is stored, [row_bytes]. As above otherwise.
  using BytesOfRow = std::function<void(std::uint64_t row, std::span<std::byte> bytes)>;
  Result<void> write_rows(const RowShape& tensor, const BytesOfRow& bytes_of);

  // A tensor that is complete already.
  Result<void> write_bytes(const std::string& name, std::span<const std::byte> bytes);

 private:
  GgufWriter* writer_;
  ThreadPool* pool_;
  Progress* progress_;
};

}  // namespace outrider
