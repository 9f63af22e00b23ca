// Typed access to one file's metadata, with errors that name file and key.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "format/gguf.h"

namespace outrider {

class Metadata {
 public:
  Metadata(const GgufFile& file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}

  bool has(std::string_view key) const { return find(key) != nullptr; }
  // An integer in [low, high].
  Result<std::uint32_t> u32(std::string_view key, std::uint32_t low, std::uint32_t high) const;
  Result<std::uint32_t> u32_or(std::string_view key, std::uint32_t absent, std::uint32_t low,
                               std::uint32_t high) const;
  Result<float> f32_or(std::string_view key, float absent) const;
  // One value for each of `count` layers: an array of at least that many, or one scalar for all.
  Result<std::vector<std::uint32_t>> per_layer(std::string_view key, std::uint32_t count,
                                               std::uint32_t low, std::uint32_t high) const;
  // True where a layer slides: an array of booleans, or a period p in which every p-th layer is
  // full.
  Result<std::vector<bool>> sliding_pattern(std::string_view key, std::uint32_t count) const;

  Error wrong(std::string_view key, std::string_view found_and_expected) const;
  const GgufFile& file() const { return file_; }

 private:
  const GgufValue* find(std::string_view key) const;
  const GgufFile& file_;
  std::string prefix_;
};

}  // namespace outrider
