// Valid small files, damaged thousands of times: every one is read or refused with a sentence, and
// what is read can be touched. Runs under the sanitizers in CI, where a wrong view is a crash.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "core/random.h"
#include "format/format_test_files.h"
#include "format/gguf.h"
#include "format/safetensors.h"
#include "format/touch_everything.h"

namespace outrider {
namespace {

constexpr std::uint64_t kSeed = 20260101;
constexpr std::uint64_t kRounds = 20000;

std::string small_gguf() {
  RawGguf raw;
  raw.value("general.alignment", GgufType::kU32, encode(std::uint32_t{32}));
  raw.value("name", GgufType::kString, encode_string("small"));
  raw.value("words", GgufType::kArray,
            encode_array(8, 2, encode_string("one") + encode_string("two")));
  raw.value("flags", GgufType::kArray, encode_array(7, 2, std::string("\0\1", 2)));
  raw.value("scores", GgufType::kArray, encode_array(6, 2, encode(1.0f) + encode(2.0f)));
  raw.value("wide", GgufType::kF64, encode(0.5));
  raw.tensor("a", {8, 2}, 0, 0);
  raw.tensor("b", {32}, 2, 64);
  raw.data = std::string(82, 'd');
  return raw.bytes();
}

std::string small_safetensors() {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
      R"("b":{"dtype":"I64","shape":[1],"data_offsets":[16,24]},)"
      R"("c":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}})";
  return encode(std::uint64_t{header.size()}) + header + std::string(26, 'd');
}

// One to four damages: a byte replaced, a bit turned, a field of 8 bytes made extreme, the end cut.
std::string damaged(std::string bytes, std::uint64_t round) {
  const auto random = [&](std::uint64_t draw) { return philox_at(kSeed, round, draw); };
  const std::uint32_t damages = 1 + random(0)[0] % 4;
  for (std::uint32_t i = 1; i <= damages && !bytes.empty(); ++i) {
    const PhiloxBlock draw = random(i);
    const std::size_t at = draw[1] % bytes.size();
    switch (draw[0] % 8) {
      case 0:
        bytes.resize(at);
        break;
      case 1: {
        constexpr std::array<std::uint64_t, 4> kExtremes = {
            0, ~std::uint64_t{0}, std::uint64_t{1} << 63, ~std::uint64_t{7}};
        const std::size_t width = std::min<std::size_t>(8, bytes.size() - at);
        std::memcpy(bytes.data() + at, &kExtremes[draw[2] % 4], width);
        break;
      }
      case 2:
      case 3:
      case 4:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << draw[2] % 8));
        break;
      default:
        bytes[at] = static_cast<char>(draw[2]);
    }
  }
  return bytes;
}

// Exactly as many bytes as there are on the heap, so that one read too far is seen.
template <class File>
void open_damaged(const std::string& whole, std::uint64_t& opened) {
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    const std::string bytes = damaged(whole, round);
    const auto exact = std::make_unique<std::byte[]>(bytes.size());
    std::memcpy(exact.get(), bytes.data(), bytes.size());
    const auto file = File::parse({exact.get(), bytes.size()}, "damaged");
    if (file) {
      touch_everything(*file);
      ++opened;
    } else {
      EXPECT_EQ(file.error().code, ErrorCode::kBadModelFile);
      EXPECT_TRUE(file.error().message.starts_with("damaged: ")) << file.error().message;
    }
  }
}

TEST(Mutation, a_damaged_gguf_is_read_or_refused) {
  std::uint64_t opened = 0;
  open_damaged<GgufFile>(small_gguf(), opened);
  // Both ends are exercised: damage in data and texts is harmless, damage in counts is not.
  EXPECT_GT(opened, kRounds / 100);
  EXPECT_LT(opened, kRounds / 2);
}

TEST(Mutation, a_damaged_safetensors_is_read_or_refused) {
  std::uint64_t opened = 0;
  open_damaged<SafetensorsFile>(small_safetensors(), opened);
  EXPECT_GT(opened, kRounds / 100);
  EXPECT_LT(opened, kRounds / 2);
}

template <class File>
std::uint64_t opened_seeds(const std::string& folder) {
  std::uint64_t opened = 0;
  for (const auto& seed : std::filesystem::directory_iterator(folder)) {
    const std::string bytes = read_file(seed.path().string());
    const auto file = File::parse(std::as_bytes(std::span(bytes)), seed.path().filename().string());
    if (!file) continue;
    touch_everything(*file);
    ++opened;
  }
  return opened;
}

// The corpora must hold files that open, or fuzzing would start in front of a closed door.
TEST(Mutation, the_fuzzers_seeds_hold_valid_files) {
  const std::string seeds = OUTRIDER_SOURCE_DIR "/tests/fuzz/";
  EXPECT_EQ(opened_seeds<GgufFile>(seeds + "gguf"), 10u);
  EXPECT_EQ(opened_seeds<SafetensorsFile>(seeds + "safetensors"), 7u);
}

TEST(Mutation, undamaged_files_open) {
  const std::string gguf = small_gguf();
  EXPECT_TRUE(GgufFile::parse(std::as_bytes(std::span(gguf)), "g"));
  const std::string safetensors = small_safetensors();
  EXPECT_TRUE(SafetensorsFile::parse(std::as_bytes(std::span(safetensors)), "s"));
}

}  // namespace
}  // namespace outrider
