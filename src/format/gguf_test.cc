#include "format/gguf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "format/format_test_files.h"

namespace outrider {
namespace {

constexpr std::uint32_t kF32 = 0;
constexpr std::uint32_t kQ4_0 = 2;

Result<GgufFile> parse(const std::string& text) {
  return GgufFile::parse(std::as_bytes(std::span(text)), "m.gguf");
}

// What opening it says, or "no error".
std::string complaint(const std::string& text) {
  const auto file = parse(text);
  return file ? "no error" : file.error().message;
}

RawGguf with_value(std::uint32_t type, std::string_view encoded) {
  RawGguf raw;
  raw.value("k", type, encoded);
  return raw;
}

RawGguf with_tensor(const std::vector<std::uint64_t>& ne, std::uint32_t type,
                    std::uint64_t offset = 0) {
  RawGguf raw;
  raw.tensor("t", ne, type, offset);
  raw.data = std::string(128, 'd');
  return raw;
}

TEST(Gguf, a_converted_model_is_read) {
  const auto file = GgufFile::open(golden_case("dense/target.gguf"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->path(), golden_case("dense/target.gguf"));
  EXPECT_EQ(file->file_bytes(), 1731232u);
  EXPECT_EQ(file->tensors().size(), 85u);
  EXPECT_EQ(file->value("general.architecture")->string(), "gemma4");
  EXPECT_EQ(file->value("gemma4.embedding_length")->integer(), 64);
  EXPECT_FLOAT_EQ(
      static_cast<float>(*file->value("gemma4.attention.layer_norm_rms_epsilon")->number()), 1e-6f);
  EXPECT_EQ(file->value("tokenizer.ggml.tokens")->array()->strings().size(), 512u);
  EXPECT_EQ(file->value("gemma4.attention.sliding_window_pattern")->array()->integer(2), 0);
  EXPECT_EQ(file->value("no.such.key"), nullptr);
  EXPECT_EQ(file->find("no.such.tensor"), nullptr);
  const GgufTensor* embedding = file->find("token_embd.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_EQ(embedding->type, TensorType::kF32);
  EXPECT_EQ(embedding->dims, 2u);
  EXPECT_EQ(embedding->ne, (std::array<std::uint64_t, 4>{64, 512, 1, 1}));
  EXPECT_EQ(embedding->bytes.size(), 64u * 512u * 4u);
  file->expect_random(embedding->bytes);
  file->expect_sequential(embedding->bytes);
}

TEST(Gguf, a_moved_file_still_finds_its_tensors) {
  auto first = GgufFile::open(golden_case("dense/target.gguf"));
  ASSERT_TRUE(first);
  const std::byte* data = first->find("token_embd.weight")->bytes.data();
  const GgufFile second = std::move(*first);
  EXPECT_EQ(second.find("token_embd.weight")->bytes.data(), data);
  EXPECT_EQ(second.value("general.architecture")->string(), "gemma4");
}

TEST(Gguf, every_kind_of_number_converts) {
  RawGguf raw;
  raw.version = 2;
  raw.value("u8", GgufType::kU8, encode(std::uint8_t{200}));
  raw.value("i8", GgufType::kI8, encode(std::int8_t{-3}));
  raw.value("u16", GgufType::kU16, encode(std::uint16_t{60000}));
  raw.value("i16", GgufType::kI16, encode(std::int16_t{-300}));
  raw.value("u64", GgufType::kU64, encode(std::uint64_t{1} << 40));
  raw.value("huge", GgufType::kU64, encode(~std::uint64_t{0}));
  raw.value("i64", GgufType::kI64, encode(std::int64_t{-1} << 40));
  raw.value("f64", GgufType::kF64, encode(0.1));
  raw.value("f64s", GgufType::kArray, encode_array(12, 2, encode(1.0) + encode(-2.5)));
  raw.value("none", GgufType::kArray, encode_array(8, 0, ""));
  const std::string text = raw.bytes();
  const auto file = parse(text);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->value("u8")->integer(), 200);
  EXPECT_EQ(file->value("i8")->integer(), -3);
  EXPECT_EQ(file->value("u16")->integer(), 60000);
  EXPECT_EQ(file->value("i16")->number(), -300.0);
  EXPECT_EQ(file->value("u64")->integer(), std::int64_t{1} << 40);
  EXPECT_EQ(file->value("huge")->integer(), std::nullopt);
  EXPECT_EQ(file->value("huge")->number(), std::ldexp(1.0, 64));
  EXPECT_EQ(file->value("huge")->describe(), "u64 18446744073709551615");
  EXPECT_EQ(file->value("i64")->integer(), std::int64_t{-1} << 40);
  EXPECT_EQ(file->value("f64")->number(), 0.1);
  EXPECT_EQ(file->value("f64")->boolean(), std::nullopt);
  EXPECT_EQ(file->value("f64s")->array()->number(1), -2.5);
  EXPECT_TRUE(file->value("none")->array()->is_strings());
  EXPECT_EQ(file->value("none")->describe(), "array of 0 strings");
}

TEST(Gguf, a_file_that_is_not_one_says_why) {
  EXPECT_EQ(complaint(""), "m.gguf: the file is empty");
  EXPECT_EQ(complaint("GG"), "m.gguf: not a GGUF file: it has fewer than 4 bytes");
  EXPECT_EQ(complaint("<htm>x"), "m.gguf: not a GGUF file: it begins with '<htm', not 'GGUF'");
  EXPECT_EQ(complaint("GGUF"),
            "m.gguf: the file ends inside its first 24 bytes: it has 4 bytes (truncated "
            "download?)");
  RawGguf raw;
  raw.version = 1;
  EXPECT_EQ(complaint(raw.bytes()), "m.gguf: GGUF version 1 is not read; versions 2 and 3 are");
  raw.version = 0x03000000;
  EXPECT_EQ(complaint(raw.bytes()),
            "m.gguf: the file is big-endian, written for another kind of machine; only "
            "little-endian GGUF is read");
}

TEST(Gguf, hostile_counts_allocate_nothing) {
  RawGguf raw;
  raw.extra_keys = std::uint64_t{1} << 60;
  EXPECT_EQ(complaint(raw.bytes()),
            "m.gguf: the header promises 1152921504606846976 keys, but the file has only 32 "
            "bytes");
  raw = {};
  raw.extra_tensors = ~std::uint64_t{0};
  EXPECT_EQ(complaint(raw.bytes()),
            "m.gguf: the header promises 18446744073709551615 tensors, but the file has only 32 "
            "bytes");
  raw = {};
  raw.extra_keys = 65537;
  raw.data = std::string(std::size_t{1} << 20, '\0');
  EXPECT_EQ(complaint(raw.bytes()),
            "m.gguf: the header promises 65537 keys, at most 65536 are "
            "read");
  const std::uint64_t huge = std::uint64_t{1} << 61;  // times 8 it is 0
  EXPECT_EQ(complaint(with_value(9, encode_array(8, huge, "")).bytes()),
            "m.gguf: the file ends inside key k, an array of 2305843009213693952 strings: it has "
            "64 bytes (truncated download?)");
  EXPECT_EQ(complaint(with_value(9, encode_array(12, huge, "")).bytes()),
            "m.gguf: the file ends inside key k, an array of 2305843009213693952 f64s: it has 64 "
            "bytes (truncated download?)");
  EXPECT_EQ(complaint(with_value(8, encode(~std::uint64_t{0})).bytes()),
            "m.gguf: the file ends inside key k: it has 64 bytes (truncated download?)");
  EXPECT_EQ(
      complaint(with_value(9, encode_array(8, 2, encode_string("ab") + encode(huge))).bytes()),
      "m.gguf: the file ends inside key k, an array of 2 strings: it has 96 bytes "
      "(truncated download?)");
}

TEST(Gguf, bad_values_name_their_key) {
  EXPECT_EQ(complaint(with_value(13, "").bytes()),
            "m.gguf: key k has value type 13, which is none");
  EXPECT_EQ(complaint(with_value(9, encode_array(77, 0, "")).bytes()),
            "m.gguf: key k is an array of value type 77, which is none");
  EXPECT_EQ(complaint(with_value(9, encode_array(9, 1, encode_array(4, 0, ""))).bytes()),
            "m.gguf: key k is an array of arrays, which is not read");
  EXPECT_EQ(complaint(with_value(7, "\2").bytes()),
            "m.gguf: key k holds the boolean 2, expected 0 or 1");
  EXPECT_EQ(complaint(with_value(9, encode_array(7, 3, "\1\1\3")).bytes()),
            "m.gguf: key k holds the boolean 3, expected 0 or 1");
  RawGguf raw;
  raw.value("k\n", GgufType::kU8, "a");
  raw.value("k\n", GgufType::kU8, "a");
  EXPECT_EQ(complaint(raw.bytes()), "m.gguf: key k\\x0a appears twice");
}

TEST(Gguf, the_alignment_is_a_power_of_two) {
  for (const std::uint32_t wrong : {0u, 1u, 4u, 24u, 33u}) {
    RawGguf raw;
    raw.value("general.alignment", GgufType::kU32, encode(wrong));
    EXPECT_EQ(complaint(raw.bytes()), "m.gguf: key general.alignment is u32 " +
                                          std::to_string(wrong) +
                                          ", expected a power of two from 8");
  }
  RawGguf text;
  text.value("general.alignment", GgufType::kString, encode_string("32"));
  EXPECT_EQ(complaint(text.bytes()),
            "m.gguf: key general.alignment is string '32', expected a power of two from 8");

  RawGguf raw;
  raw.alignment = 256;
  raw.value("general.alignment", GgufType::kU32, encode(std::uint32_t{256}));
  raw.tensor("t", {2}, kF32, 256);
  raw.data = std::string(256, 'x') + "12345678";
  const std::string bytes = raw.bytes();
  const auto file = parse(bytes);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->find("t")->bytes[0], std::byte{'1'});
  EXPECT_EQ(file->find("t")->bytes.data() + 8,
            std::as_bytes(std::span(bytes)).data() + bytes.size());
}

TEST(Gguf, bad_shapes_name_their_tensor) {
  EXPECT_EQ(complaint(with_tensor({}, kF32).bytes()),
            "m.gguf: tensor t has 0 dimensions, expected 1 to 4");
  EXPECT_EQ(complaint(with_tensor({1, 1, 1, 1, 1}, kF32).bytes()),
            "m.gguf: tensor t has 5 dimensions, expected 1 to 4");
  EXPECT_EQ(complaint(with_tensor({4, 0}, kF32).bytes()),
            "m.gguf: tensor t has an empty dimension");
  EXPECT_EQ(complaint(with_tensor({32}, 99).bytes()),
            "m.gguf: tensor t has element type 99, which this build does not read");
  EXPECT_EQ(complaint(with_tensor({33}, kQ4_0).bytes()),
            "m.gguf: tensor t has rows of 33 values, not a multiple of Q4_0's block of 32");
  const std::uint64_t big = std::uint64_t{1} << 32;
  EXPECT_EQ(complaint(with_tensor({big, big}, kF32).bytes()),
            "m.gguf: tensor t claims 4294967296 x 4294967296 x 1 x 1 values, more than any file "
            "holds");
  // The bytes of Q4_0 fit 64 bits here, the number of values does not.
  EXPECT_EQ(complaint(with_tensor({big, big}, kQ4_0).bytes()),
            "m.gguf: tensor t claims 4294967296 x 4294967296 x 1 x 1 values, more than any file "
            "holds");
  RawGguf raw = with_tensor({4}, kF32);
  raw.tensor("t", {4}, kF32, 32);
  EXPECT_EQ(complaint(raw.bytes()), "m.gguf: tensor t appears twice");
}

TEST(Gguf, tensors_lie_inside_the_file_and_apart) {
  EXPECT_EQ(complaint(with_tensor({32}, kF32).bytes()), "no error");
  EXPECT_EQ(complaint(with_tensor({33}, kF32).bytes()),
            "m.gguf: tensor t ends at byte 196, but the file has 192 (truncated download?)");
  EXPECT_EQ(complaint(with_tensor({1}, kF32, 4).bytes()),
            "m.gguf: tensor t has offset 4, not a multiple of the alignment 32");
  EXPECT_EQ(complaint(with_tensor({1}, kF32, ~std::uint64_t{31}).bytes()),
            "m.gguf: tensor t has offset 18446744073709551584, beyond any file");
  RawGguf raw = with_tensor({9}, kF32, 32);
  raw.tensor("u", {8}, kF32, 0);
  raw.tensor("v", {1}, kF32, 64);
  EXPECT_EQ(complaint(raw.bytes()), "m.gguf: tensors t and v overlap");
}

TEST(Gguf, a_file_cut_anywhere_says_so_and_bytes_behind_are_welcome) {
  RawGguf raw;
  raw.value("k", GgufType::kArray, encode_array(8, 2, encode_string("one") + encode_string("two")));
  raw.value("l", GgufType::kU16, encode(std::uint16_t{1}));
  raw.tensor("t", {8}, kF32, 0);
  raw.data = std::string(32, 'd');
  const std::string whole = raw.bytes();
  for (std::size_t size = 4; size < whole.size(); ++size) {
    const std::string message = complaint(whole.substr(0, size));
    EXPECT_TRUE(message.find("truncated download?") != std::string::npos ||
                message.find("but the file has only") != std::string::npos)
        << size << ": " << message;
  }
  EXPECT_EQ(complaint(whole + "behind"), "no error");
}

TEST(Gguf, a_missing_file_is_the_requests_fault) {
  const auto missing = GgufFile::open("/no/such.gguf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kBadRequest);
  EXPECT_EQ(missing.error().message, "cannot read /no/such.gguf: No such file or directory");
}

}  // namespace
}  // namespace outrider
