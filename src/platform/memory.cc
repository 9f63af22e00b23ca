#include "platform/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace outrider {
namespace {

void advise(std::span<const std::byte> part, int advice) {
  if (part.empty()) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  const std::uintptr_t aligned = begin / page * page;
  // Only a hint, so a refusal changes nothing but speed.
  (void)::madvise(reinterpret_cast<void*>(aligned), part.size() + (begin - aligned), advice);
}

}  // namespace

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
