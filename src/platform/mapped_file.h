// A file mapped read-only into memory. Pages are the kernel's: they can be dropped and read again.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "core/result.h"

namespace outrider {

class MappedFile {
 public:
  // Fails (kBadRequest) with the path and the system's reason. An empty file maps to no bytes.
  static Result<MappedFile> open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  MappedFile(std::string path, const std::byte* data, std::size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace outrider
