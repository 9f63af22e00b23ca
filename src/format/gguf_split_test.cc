#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "format/format_test_files.h"
#include "format/gguf.h"

namespace outrider {
namespace {

RawGguf make_part(std::uint16_t number, std::uint16_t count, const std::string& tensor) {
  RawGguf raw;
  raw.value("split.no", GgufType::kU16, encode(number));
  raw.value("split.count", GgufType::kU16, encode(count));
  raw.value("split.tensors.count", GgufType::kI32, encode(std::int32_t{3}));
  if (number == 0) raw.value("general.name", GgufType::kString, encode_string("whole"));
  raw.tensor(tensor, {8}, 0, 0);
  raw.data = std::string(32, static_cast<char>('0' + number));
  return raw;
}

std::string part_path(const std::string& stem, int part) {
  return temporary_path(stem + "-0000" + std::to_string(part) + "-of-00003.gguf");
}

void write_parts(const std::string& stem) {
  write_file(part_path(stem, 1), make_part(0, 3, "a").bytes());
  write_file(part_path(stem, 2), make_part(1, 3, "b").bytes());
  write_file(part_path(stem, 3), make_part(2, 3, "c").bytes());
}

// What opening part `part` says, or "no error".
std::string complaint(const std::string& stem, int part = 1) {
  const auto file = GgufFile::open(part_path(stem, part));
  return file ? "no error" : file.error().message;
}

TEST(GgufSplit, any_part_opens_all) {
  write_parts("any");
  for (int part = 1; part <= 3; ++part) {
    auto opened = GgufFile::open(part_path("any", part));
    ASSERT_TRUE(opened) << opened.error().message;
    const GgufFile file = std::move(*opened);
    EXPECT_EQ(file.path(), part_path("any", 1));
    EXPECT_EQ(file.tensors().size(), 3u);
    EXPECT_EQ(file.value("general.name")->string(), "whole");
    EXPECT_EQ(file.find("c")->bytes[31], std::byte{'2'});
    EXPECT_EQ(file.file_bytes(), read_file(part_path("any", 1)).size() +
                                     read_file(part_path("any", 2)).size() +
                                     read_file(part_path("any", 3)).size());
    file.expect_random(file.find("b")->bytes);
  }
}

TEST(GgufSplit, a_missing_part_is_named) {
  write_parts("missing");
  std::filesystem::remove(part_path("missing", 2));
  EXPECT_EQ(complaint("missing"), "part 2 of 3 of a split file is missing: cannot read " +
                                      part_path("missing", 2) + ": No such file or directory");
}

TEST(GgufSplit, keys_and_name_agree) {
  write_parts("number");
  write_file(part_path("number", 2), make_part(2, 3, "b").bytes());
  EXPECT_EQ(complaint("number"),
            part_path("number", 2) + ": its keys call it part 3 of 3, its name part 2 of 3");
  write_parts("count");
  write_file(part_path("count", 1), make_part(0, 4, "a").bytes());
  EXPECT_EQ(complaint("count", 3),
            part_path("count", 1) + ": its keys call it part 1 of 4, its name part 1 of 3");
  write_parts("keyless");
  write_file(part_path("keyless", 1), RawGguf{}.bytes());
  EXPECT_EQ(complaint("keyless"),
            part_path("keyless", 1) + ": its keys call it part 1 of 1, its name part 1 of 3");
  const std::string alone = temporary_path("alone.gguf");
  write_file(alone, make_part(1, 3, "b").bytes());
  const auto file = GgufFile::open(alone);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, alone +
                                      ": this is part 2 of 3 of a split file, but it is not named "
                                      "NAME-00001-of-0000N.gguf, so the others cannot be found");
}

TEST(GgufSplit, tensors_are_counted_and_differ) {
  write_parts("twice");
  write_file(part_path("twice", 3), make_part(2, 3, "a").bytes());
  EXPECT_EQ(complaint("twice"),
            part_path("twice", 3) + ": tensor a is in an earlier part of the split file too");
  write_parts("fewer");
  RawGguf fewer;
  fewer.value("split.no", GgufType::kU16, encode(std::uint16_t{2}));
  fewer.value("split.count", GgufType::kU16, encode(std::uint16_t{3}));
  write_file(part_path("fewer", 3), fewer.bytes());
  EXPECT_EQ(complaint("fewer"),
            part_path("fewer", 1) + ": the parts hold 2 tensors, split.tensors.count is 3");
  RawGguf negative;
  negative.value("split.no", GgufType::kI32, encode(std::int32_t{-1}));
  write_file(part_path("fewer", 1), negative.bytes());
  EXPECT_EQ(complaint("fewer"),
            part_path("fewer", 1) + ": key split.no is i32 -1, expected a count");
}

TEST(GgufSplit, one_part_of_one_is_an_ordinary_file) {
  const std::string path = temporary_path("one-00001-of-00001.gguf");
  write_file(path, make_part(0, 1, "a").bytes());
  EXPECT_TRUE(GgufFile::open(path));
}

}  // namespace
}  // namespace outrider
