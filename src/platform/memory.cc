#include "platform/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace outrider {
namespace {

namespace fs = std::filesystem;

// The number that a file of a control group holds; nothing for "max" or no such file.
std::optional<std::uint64_t> number_in(const fs::path& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  if (!(file >> number)) return std::nullopt;
  return number;
}

// Limits of the control groups, of either version, that this process is in. A container sees its
// own group at the mount's root, whatever path the group has outside.
std::optional<std::uint64_t> group_limit(const fs::path& root) {
  std::optional<std::uint64_t> least;
  const auto limited_by = [&](const fs::path& path) {
    const auto limit = number_in(path);
    if (limit) least = std::min(least.value_or(*limit), *limit);
  };
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = fs::path(line.substr(second + 1)).relative_path();
    if (controllers.empty()) {
      const fs::path mount = root / "sys/fs/cgroup";
      limited_by(mount / group / "memory.max");
      limited_by(mount / "memory.max");
    } else if (controllers == "memory") {
      const fs::path mount = root / "sys/fs/cgroup/memory";
      limited_by(mount / group / "memory.limit_in_bytes");
      limited_by(mount / "memory.limit_in_bytes");
    }
  }
  return least;
}

void advise(std::span<const std::byte> part, int advice) {
  if (part.empty()) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  const std::uintptr_t aligned = begin / page * page;
  // Only a hint, so a refusal changes nothing but speed.
  (void)::madvise(reinterpret_cast<void*>(aligned), part.size() + (begin - aligned), advice);
}

}  // namespace

std::optional<std::uint64_t> available_memory(const fs::path& root) {
  std::ifstream info(root / "proc/meminfo");
  std::string word;
  while (info >> word && word != "MemAvailable:") {
  }
  std::uint64_t kib = 0;
  if (!(info >> kib)) return group_limit(root);
  const std::uint64_t bytes = kib * 1024;
  return std::min(bytes, group_limit(root).value_or(bytes));
}

void expect_sequential(std::span<const std::byte> mapped) {
  advise(mapped, MADV_SEQUENTIAL);
}

void expect_random(std::span<const std::byte> mapped) {
  advise(mapped, MADV_RANDOM);
}

void expect_soon(std::span<const std::byte> mapped) {
  advise(mapped, MADV_WILLNEED);
}

void give_back(std::span<const std::byte> mapped) {
  advise(mapped, MADV_DONTNEED);
}

void prefer_huge_pages(std::span<std::byte> memory) {
  advise(memory, MADV_HUGEPAGE);
}

}  // namespace outrider
