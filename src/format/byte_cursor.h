// Reads little-endian fields one after another and never past the end.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace outrider {

static_assert(std::endian::native == std::endian::little, "files are read without swapping bytes");

class ByteCursor {
 public:
  explicit ByteCursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t at() const { return at_; }  // bytes from the beginning
  std::uint64_t left() const { return bytes_.size() - at_; }
  // What was read since `begin`.
  std::span<const std::byte> since(std::uint64_t begin) const {
    return bytes_.subspan(begin, at_ - begin);
  }

  // Each is false, and reads nothing, where fewer bytes are left than it needs.
  template <class T>
  bool read(T& out) {
    if (left() < sizeof out) return false;
    std::memcpy(&out, bytes_.data() + at_, sizeof out);
    at_ += sizeof out;
    return true;
  }
  bool take(std::uint64_t count, std::span<const std::byte>& out) {
    if (left() < count) return false;
    out = bytes_.subspan(at_, count);
    at_ += count;
    return true;
  }
  // A u64 length and that many bytes; a view into the bytes.
  bool read_string(std::string_view& out) {
    std::uint64_t length = 0;
    if (left() < sizeof length) return false;
    std::memcpy(&length, bytes_.data() + at_, sizeof length);
    if (left() - sizeof length < length) return false;
    const std::byte* begin = bytes_.data() + at_ + sizeof length;
    out = {reinterpret_cast<const char*>(begin), static_cast<std::size_t>(length)};
    at_ += sizeof length + length;
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
};

}  // namespace outrider
