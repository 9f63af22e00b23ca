// Fetches tensors by name and checks their shapes; the first that is wrong is remembered and ends
// the reading.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "format/gguf.h"
#include "model/weights.h"

namespace outrider {

class TensorReader {
 public:
  TensorReader(const GgufFile& file, Gains& gains) : file_(file), gains_(gains) {}

  // A matrix [rows, cols], or a stack of them counted in `rows`. Empty after an error.
  Weight matrix(const std::string& name, std::uint64_t rows, std::uint64_t cols);
  Weight optional_matrix(const std::string& name, std::uint64_t rows, std::uint64_t cols);
  // A vector of `width` floats. Empty after an error.
  std::span<const float> gain(const std::string& name, std::uint64_t width);
  std::span<const float> optional_gain(const std::string& name, std::uint64_t width);
  // Token ids, each below `limit`.
  std::vector<std::uint32_t> ids(const std::string& name, std::uint64_t count, std::uint32_t limit);

  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  // The first of these names that the file has; the first of all if it has none.
  std::string first_of(std::initializer_list<const char*> names) const;
  void fail(const std::string& name, const std::string& found_and_expected);
  const std::optional<Error>& error() const { return error_; }

 private:
  const GgufTensor* required(const std::string& name);
  const GgufFile& file_;
  Gains& gains_;
  std::optional<Error> error_;
};

}  // namespace outrider
