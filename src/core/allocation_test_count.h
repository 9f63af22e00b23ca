// Tests: counts what a whole program allocates through operator new. Included by one source of a
// test program.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace outrider {

inline std::atomic<std::size_t> allocations = 0;  // since the program started, on any thread

inline void* counted_allocation(std::size_t bytes) {
  ++allocations;
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace outrider

// All forms that the sanitizer would otherwise provide, so that they match. Not inlined, or g++
// sees malloc() or free() on one side only.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  return outrider::counted_allocation(bytes);
}
[[gnu::noinline]] void* operator new[](std::size_t bytes) {
  return outrider::counted_allocation(bytes);
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return outrider::counted_allocation(bytes);
}
[[gnu::noinline]] void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return outrider::counted_allocation(bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
