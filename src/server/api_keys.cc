#include "server/api_keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <fstream>

namespace outrider {
namespace {

std::array<unsigned char, 32> hash(std::string_view key) {
  std::array<unsigned char, 32> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

}  // namespace

ApiKeys::ApiKeys(const std::vector<std::string>& keys) {
  hashes_.reserve(keys.size());
  for (const std::string& key : keys) hashes_.push_back(hash(key));
}

bool ApiKeys::admits(std::string_view key) const {
  const auto shown = hash(key);
  int hits = 0;
  // All are compared: which one matched does not show in the time either.
  for (const auto& known : hashes_) {
    hits += CRYPTO_memcmp(known.data(), shown.data(), known.size()) == 0 ? 1 : 0;
  }
  return hits > 0;
}

Result<std::vector<std::string>> read_api_keys(const std::string& file) {
  std::ifstream lines(file);
  if (!lines) return Error{ErrorCode::kBadRequest, fmt::format("{}: cannot be read", file)};
  std::vector<std::string> keys;
  std::string line;
  for (int number = 1; std::getline(lines, line); number++) {
    const auto first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    std::string key = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
    if (!std::ranges::all_of(key, [](char c) { return c > 0x20 && c < 0x7f; })) {
      return Error{ErrorCode::kBadRequest,
                   fmt::format("{}:{}: a key must be visible ASCII without spaces", file, number)};
    }
    keys.push_back(std::move(key));
  }
  if (lines.bad()) return Error{ErrorCode::kBadRequest, fmt::format("{}: cannot be read", file)};
  if (keys.empty()) return Error{ErrorCode::kBadRequest, fmt::format("{}: has no key", file)};
  return keys;
}

}  // namespace outrider
