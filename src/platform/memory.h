// What the system says about memory, and what it may be told. The latter are hints all: nothing but
// speed and memory use changes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

namespace outrider {

// Bytes that this process may take without others being pushed out: what the system calls available
// and, in a control group with a limit, no more than that. Nothing where the system will not say.
// `root` is where /proc and /sys are looked for.
std::optional<std::uint64_t> available_memory(const std::filesystem::path& root = "/");

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
