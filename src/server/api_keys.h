// The keys that clients may show.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace outrider {

// Keeps hashes only. How long `admits` takes depends on the number of keys, not on any key.
class ApiKeys {
 public:
  explicit ApiKeys(const std::vector<std::string>& keys);

  bool is_empty() const { return hashes_.empty(); }
  bool admits(std::string_view key) const;

 private:
  std::vector<std::array<unsigned char, 32>> hashes_;
};

// One key a line; blank lines and lines that begin with '#' are none. Errors: a file that cannot be
// read, has no key, or a line with a key that no client can send.
Result<std::vector<std::string>> read_api_keys(const std::string& file);

}  // namespace outrider
