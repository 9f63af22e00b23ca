// A few values with a fixed limit, kept where they are declared: no allocation.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>

#include "core/contract.h"

namespace outrider {

template <class T, std::size_t Limit>
class InlineVector {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>,
                "values are copied as bytes and never destroyed");

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
    std::construct_at(data() + size_++, value);
  }
  // Keeps the first `size` values.
  void truncate(std::size_t size) {
    require(size <= size_, "a vector is cut, not extended");
    size_ = size;
  }

  T& operator[](std::size_t i) {
    require(i < size_, "an index is inside its vector");
    return data()[i];
  }
  const T& operator[](std::size_t i) const {
    require(i < size_, "an index is inside its vector");
    return data()[i];
  }
  const T& back() const { return (*this)[size_ - 1]; }
  T* data() { return reinterpret_cast<T*>(storage_); }
  const T* data() const { return reinterpret_cast<const T*>(storage_); }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }

 private:
  alignas(T) std::byte storage_[Limit * sizeof(T)];
  std::size_t size_ = 0;
};

}  // namespace outrider
