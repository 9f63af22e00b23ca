// Files for this folder's tests: GGUF made byte by byte, so that every field can be wrong.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/gguf_value.h"

namespace outrider {

// A folder of this process's own (tests run at once), removed at its end.
struct TemporaryFolder {
  std::string path = testing::TempDir() + "/format_test_" + std::to_string(::getpid()) + "/";
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
};

inline std::string temporary_path(std::string_view name) {
  static const TemporaryFolder folder;
  return folder.path + std::string(name);
}

inline std::string golden_case(std::string_view name) {
  return std::string(OUTRIDER_SOURCE_DIR "/tests/golden/cases/") + std::string(name);
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.good()) << path;
}

template <class T>
std::string encode(T value) {
  const auto bytes = std::bit_cast<std::array<char, sizeof value>>(value);
  return {bytes.data(), bytes.size()};
}

inline std::string encode_string(std::string_view text) {
  return encode(std::uint64_t{text.size()}) + std::string(text);
}

// An array's encoding: element type, count, elements.
inline std::string encode_array(std::uint32_t element, std::uint64_t count,
                                std::string_view elements) {
  return encode(element) + encode(count) + std::string(elements);
}

// A GGUF file as it is told to be, right or wrong.
struct RawGguf {
  std::uint32_t version = 3;
  std::uint64_t extra_tensors = 0;  // promised in the header, not there
  std::uint64_t extra_keys = 0;
  std::uint64_t alignment = 32;  // of the padding before the data
  std::string data;

  void value(std::string_view key, std::uint32_t type, std::string_view encoded) {
    entries_ += encode_string(key) + encode(type) + std::string(encoded);
    ++keys_;
  }
  void value(std::string_view key, GgufType type, std::string_view encoded) {
    value(key, static_cast<std::uint32_t>(type), encoded);
  }
  void tensor(std::string_view name, const std::vector<std::uint64_t>& ne, std::uint32_t type,
              std::uint64_t offset) {
    directory_ += encode_string(name) + encode(static_cast<std::uint32_t>(ne.size()));
    for (const std::uint64_t extent : ne) directory_ += encode(extent);
    directory_ += encode(type) + encode(offset);
    ++tensors_;
  }
  std::string bytes() const {
    std::string out = "GGUF" + encode(version) + encode(tensors_ + extra_tensors) +
                      encode(keys_ + extra_keys) + entries_ + directory_;
    out.append((alignment - out.size() % alignment) % alignment, '\0');
    return out + data;
  }

 private:
  std::string entries_;
  std::string directory_;
  std::uint64_t keys_ = 0;
  std::uint64_t tensors_ = 0;
};

}  // namespace outrider
