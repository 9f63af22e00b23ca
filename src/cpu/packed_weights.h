// The packed copies of matrices, made when a recorder first asks for them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/result.h"
#include "cpu/buffer.h"
#include "cpu/kernels.h"
#include "cpu/packed.h"
#include "platform/thread_pool.h"
#include "quant/weight.h"

namespace outrider {

// A packed matrix [rows, cols], its groups one after another.
struct PackedMatrix {
  PackedFormat format;
  const std::byte* data;
  std::uint32_t rows, cols;
  std::size_t group;        // rows in a group
  std::size_t group_bytes;  // of a group

  std::size_t groups() const { return rows / group; }
  const std::byte* at(std::size_t index) const { return data + index * group_bytes; }
};

class PackedWeights {
 public:
  // The pool packs, so none of its jobs may ask for a matrix.
  PackedWeights(const CpuKernels& kernels, ThreadPool& pool)
      : group_(kernels.packed_group), tiles_(kernels.tiles), pool_(pool) {}

  // Whether the matrix has a packed form in which parts of `unit` rows are whole groups.
  bool packs(const Weight& weight, std::size_t unit) const {
    return packed_format(weight.type).has_value() && unit % group_ == 0;
  }
  // The packed form of a matrix that packs(); with an order, its row i is the matrix's row
  // order[i]. Memory of a mapped file is given back as its rows are packed. Weight and order must
  // outlive this, and a weight has one order only.
  PackedMatrix of(const Weight& weight, std::span<const std::uint32_t> order = {});

  // Failed (kExhausted) if there was no memory for a matrix. It must not be used then.
  Result<void> status() const {
    if (error_) return *error_;
    return {};
  }
  std::size_t bytes() const { return bytes_; }
  // The registers that products with many rows run on.
  const TileKernels& tiles() const { return tiles_; }

 private:
  std::byte* allocate(std::size_t bytes);
  void pack(const Weight& weight, std::span<const std::uint32_t> order, std::byte* place,
            const PackedMatrix& matrix);

  std::size_t group_;
  TileKernels tiles_;
  ThreadPool& pool_;
  std::map<const std::byte*, PackedMatrix> packed_;
  std::vector<AlignedBuffer> chunks_;
  std::size_t chunk_used_ = 0;
  std::size_t bytes_ = 0;
  std::optional<Error> error_;
};

}  // namespace outrider
