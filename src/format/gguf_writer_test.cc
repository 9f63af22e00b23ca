#include "format/gguf_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "format/format_test_files.h"

namespace outrider {
namespace {

using std::string_view_literals::operator""sv;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(GgufWriter, what_was_written_is_read_back) {
  const std::string path = temporary_path("round_trip.gguf");
  auto writer = GgufWriter::create(path);
  ASSERT_TRUE(writer);
  writer->set_u32("u", std::numeric_limits<std::uint32_t>::max());
  writer->set_i32("i", -7);
  writer->set_f32("f", 0.5f);
  writer->set_bool("yes", true);
  writer->set_bool("no", false);
  writer->set_string("s", "a\nb\0c"sv);
  writer->set_u32s("us", std::array{1u, 4000000000u});
  writer->set_i32s("is", std::array{-1, 2});
  writer->set_f32s("fs", std::array{0.25f});
  writer->set_bools("bs", {true, false, true});
  writer->set_strings("ss", std::array{"x"sv, ""sv, "yz"sv});
  writer->set_u32("i", 8);  // again: the new value, the old place
  writer->declare_tensor("a", TensorType::kF32, std::array<std::uint64_t, 2>{3, 2});
  writer->declare_tensor("b", TensorType::kQ8_0, std::array<std::uint64_t, 4>{32, 1, 1, 2});
  const std::string a(24, 'a');
  const std::string b(68, 'b');
  ASSERT_TRUE(writer->write("a", bytes_of(a).first(5)));
  ASSERT_TRUE(writer->write("a", bytes_of(a).subspan(5)));
  ASSERT_TRUE(writer->write("b", bytes_of(b)));
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(writer->finish());
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));

  const auto file = GgufFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->file_bytes() % 32, 0u);
  EXPECT_EQ(file->value("u")->integer(), 4294967295);
  EXPECT_EQ(file->value("u")->describe(), "u32 4294967295");
  EXPECT_EQ(file->value("i")->describe(), "u32 8");
  EXPECT_EQ(file->keys()[1], "i");
  EXPECT_EQ(file->value("f")->number(), 0.5);
  EXPECT_FALSE(file->value("f")->integer());
  EXPECT_EQ(file->value("yes")->boolean(), true);
  EXPECT_EQ(file->value("yes")->integer(), 1);
  EXPECT_EQ(file->value("no")->boolean(), false);
  EXPECT_EQ(file->value("s")->string(), "a\nb\0c"sv);
  EXPECT_EQ(file->value("s")->describe(), "string 'a\\x0ab\\x00c'");
  EXPECT_EQ(file->value("us")->array()->integer(1), 4000000000);
  EXPECT_EQ(file->value("is")->array()->integer(0), -1);
  EXPECT_EQ(file->value("is")->describe(), "array of 2 i32s");
  EXPECT_EQ(file->value("fs")->array()->number(0), 0.25);
  EXPECT_FALSE(file->value("fs")->array()->integer(0));
  EXPECT_EQ(file->value("bs")->array()->integer(2), 1);
  ASSERT_TRUE(file->value("ss")->array()->is_strings());
  EXPECT_EQ(file->value("ss")->array()->strings()[2], "yz");
  EXPECT_FALSE(file->value("ss")->array()->number(0));
  EXPECT_EQ(file->value("ss")->string(), std::nullopt);

  ASSERT_EQ(file->tensors().size(), 2u);
  const GgufTensor* second = file->find("b");
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->dims, 4u);
  EXPECT_EQ(second->ne, (std::array<std::uint64_t, 4>{32, 1, 1, 2}));
  EXPECT_EQ(second->bytes.size(), b.size());
  EXPECT_EQ(second->bytes[67], std::byte{'b'});
  EXPECT_EQ(file->find("a")->bytes[23], std::byte{'a'});
}

TEST(GgufWriter, a_copied_file_has_the_same_values_and_tensors) {
  for (const std::string name : {"dense/target.gguf", "ple/assistant.gguf"}) {
    const auto original = GgufFile::open(golden_case(name));
    ASSERT_TRUE(original) << original.error().message;
    const std::string path = temporary_path("copy.gguf");
    auto writer = GgufWriter::create(path);
    ASSERT_TRUE(writer);
    writer->copy_metadata(*original);
    for (const GgufTensor& tensor : original->tensors()) writer->declare_like(tensor);
    for (const GgufTensor& tensor : original->tensors()) {
      ASSERT_TRUE(writer->write(tensor.name, tensor.bytes));
    }
    ASSERT_TRUE(writer->finish());
    EXPECT_EQ(read_file(path), read_file(golden_case(name))) << name;
  }
}

TEST(GgufWriter, a_copy_keeps_the_type_but_not_the_layout) {
  RawGguf raw;
  raw.value("general.alignment", GgufType::kU32, encode(std::uint32_t{64}));
  raw.value("split.no", GgufType::kU16, encode(std::uint16_t{0}));
  raw.value("i64", GgufType::kI64, encode(std::int64_t{-5}));
  const std::string text = raw.bytes();
  const auto file = GgufFile::parse(bytes_of(text), "raw");
  ASSERT_TRUE(file) << file.error().message;
  const std::string path = temporary_path("types.gguf");
  auto writer = GgufWriter::create(path);
  ASSERT_TRUE(writer);
  writer->copy_metadata(*file);
  ASSERT_TRUE(writer->finish());
  const auto copy = GgufFile::open(path);
  ASSERT_TRUE(copy) << copy.error().message;
  ASSERT_EQ(copy->keys().size(), 1u);
  EXPECT_EQ(copy->value("i64")->describe(), "i64 -5");
}

TEST(GgufWriter, a_dropped_writer_leaves_nothing_and_keeps_the_old_file) {
  const std::string path = temporary_path("dropped.gguf");
  write_file(path, "old");
  {
    auto writer = GgufWriter::create(path);
    ASSERT_TRUE(writer);
    writer->declare_tensor("a", TensorType::kF32, std::array<std::uint64_t, 1>{4});
    ASSERT_TRUE(writer->write("a", bytes_of(std::string(8, 'a'))));
    EXPECT_TRUE(std::filesystem::exists(path + ".partial"));
  }
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
  EXPECT_EQ(read_file(path), "old");
}

TEST(GgufWriter, a_missing_folder_and_a_full_disk_are_errors) {
  const auto missing = GgufWriter::create("/nowhere/at/all.gguf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "cannot write /nowhere/at/all.gguf: No such file or directory");

  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const std::string path = temporary_path("full.gguf");
  std::filesystem::remove(path + ".partial");
  std::filesystem::create_symlink("/dev/full", path + ".partial");
  auto writer = GgufWriter::create(path);
  ASSERT_TRUE(writer);
  writer->declare_tensor("a", TensorType::kF32, std::array<std::uint64_t, 1>{65536});
  auto wrote = writer->write("a", bytes_of(std::string(4 * 65536, 'a')));
  if (wrote) wrote = writer->finish();
  ASSERT_FALSE(wrote);
  EXPECT_EQ(wrote.error().message, "cannot write " + path + ": No space left on device");
}

using GgufWriterDeathTest = testing::Test;

TEST(GgufWriterDeathTest, wrong_sizes_and_orders_are_our_bug) {
  auto writer = GgufWriter::create(temporary_path("wrong.gguf"));
  ASSERT_TRUE(writer);
  writer->declare_tensor("a", TensorType::kF32, std::array<std::uint64_t, 1>{1});
  writer->declare_tensor("b", TensorType::kF32, std::array<std::uint64_t, 1>{1});
  const std::string five(5, 'x');
  EXPECT_DEATH((void)writer->write("a", bytes_of(five)), "no more bytes");
  EXPECT_DEATH((void)writer->write("b", bytes_of(five).first(4)), "in the order");
  EXPECT_DEATH((void)writer->finish(), "every declared tensor");
  EXPECT_DEATH(writer->declare_tensor("a", TensorType::kF32, std::array<std::uint64_t, 1>{1}),
               "names differ");
}

}  // namespace
}  // namespace outrider
