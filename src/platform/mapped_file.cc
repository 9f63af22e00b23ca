#include "platform/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace outrider {
namespace {

Error cannot_open(const std::string& path, const char* why) {
  return {ErrorCode::kBadRequest, fmt::format("cannot read {}: {}", path, why)};
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return cannot_open(path, std::strerror(errno));
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    const int why = errno;
    ::close(fd);
    return cannot_open(path, std::strerror(why));
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(fd);
    return cannot_open(path, "it is not a regular file");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  const std::byte* data = nullptr;
  if (size > 0) {
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
      const int why = errno;
      ::close(fd);
      return cannot_open(path, std::strerror(why));
    }
    data = static_cast<const std::byte*>(mapped);
  }
  ::close(fd);  // the mapping keeps the file open
  return MappedFile(path, data, size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace outrider
