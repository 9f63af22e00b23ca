// A few values with a fixed limit, kept where they are declared: no allocation.
#pragma once
#include <array>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>

#include "core/contract.h"

namespace outrider {

template <class T, std::size_t Limit>
class InlineVector {
 public:
  InlineVector() = default;
  explicit InlineVector(std::span<const T> values) {
    for (const T& value : values) push_back(value);
  }

  static constexpr std::size_t limit() { return Limit; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }
  void push_back(const T& value) {
    require(size_ < Limit, "an inline vector stays within its limit");
    values_[size_++] = value;
  }
  // Keeps the first `size` values.
  void truncate(std::size_t size) {
    require(size <= size_, "a vector is cut, not extended");
    size_ = size;
  }

  T& operator[](std::size_t i) {
    require(i < size_, "an index is inside its vector");
    return values_[i];
  }
  const T& operator[](std::size_t i) const {
    require(i < size_, "an index is inside its vector");
    return values_[i];
  }
  const T& back() const { return (*this)[size_ - 1]; }
  const T* begin() const { return values_.data(); }
  const T* end() const { return values_.data() + size_; }
  operator std::span<const T>() const { return {values_.data(), size_}; }

 private:
  std::array<T, Limit> values_{};
  std::size_t size_ = 0;
};

}  // namespace outrider
