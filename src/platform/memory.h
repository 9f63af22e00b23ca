// What the system may be told about memory. Hints all: nothing but speed and memory use changes.
#pragma once
#include <cstddef>
#include <span>

namespace outrider {

// Rows are about to be read in order / in any order.
void expect_sequential(std::span<const std::byte> mapped);
void expect_random(std::span<const std::byte> mapped);
// Will be read soon: bytes of a mapped file are fetched ahead.
void expect_soon(std::span<const std::byte> mapped);
// Not needed for now: bytes of a file mapped for reading take no memory until they are touched
// again, when they are read again. For no other memory: its content would be lost.
void give_back(std::span<const std::byte> mapped);
// Better off in pages of 2 MiB where the system has them.
void prefer_huge_pages(std::span<std::byte> memory);

}  // namespace outrider
