// View: a borrowed row-major tensor whose rank is part of its type.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/contract.h"

namespace outrider {

template <class T, std::size_t Rank>
class View {
 public:
  View(std::span<T> data, std::array<std::uint32_t, Rank> extent) : data_(data), extent_(extent) {
    std::size_t count = 1;
    for (const std::uint32_t e : extent) count *= e;
    require(count == data.size(), "a view covers exactly its storage");
  }

  std::uint32_t extent(std::size_t axis) const { return extent_[axis]; }
  std::span<T> data() const { return data_; }

  // Peels the first axis: a View of one rank less, a span at rank 2, a reference at rank 1.
  decltype(auto) operator[](std::size_t i) const {
    require(i < extent_[0], "an index is inside the view");
    const std::size_t stride = data_.size() / extent_[0];
    if constexpr (Rank == 1) {
      return (data_[i]);
    } else if constexpr (Rank == 2) {
      return data_.subspan(i * stride, stride);
    } else {
      std::array<std::uint32_t, Rank - 1> rest{};
      for (std::size_t axis = 1; axis < Rank; ++axis) rest[axis - 1] = extent_[axis];
      return View<T, Rank - 1>(data_.subspan(i * stride, stride), rest);
    }
  }

 private:
  std::span<T> data_;
  std::array<std::uint32_t, Rank> extent_;
};

}  // namespace outrider
