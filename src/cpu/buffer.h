// Uninitialised memory aligned for any vector; the system gives pages as they are first touched.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>

#include <fmt/format.h>

#include "core/result.h"
#include "platform/memory.h"

namespace outrider {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  static Result<AlignedBuffer> allocate(std::size_t bytes, const char* what) {
    constexpr std::size_t kCacheLine = 64, kHugePage = std::size_t{2} << 20;
    const bool large = bytes >= 2 * kHugePage;
    const std::size_t alignment = large ? kHugePage : kCacheLine;
    AlignedBuffer buffer;
    buffer.size_ = (bytes + alignment - 1) / alignment * alignment;
    buffer.data_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, buffer.size_)));
    if (buffer.size_ > 0 && buffer.data_ == nullptr) {
      return Error{ErrorCode::kExhausted,
                   fmt::format("there is no memory for {} ({} MiB)", what, bytes >> 20)};
    }
    if (large) prefer_huge_pages(buffer.bytes());
    return buffer;
  }
  std::byte* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::span<std::byte> bytes() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* data) const { std::free(data); }
  };
  std::unique_ptr<std::byte[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace outrider
