#include "format/safetensors.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "format/format_test_files.h"
#include "format/safetensors_writer.h"

namespace outrider {
namespace {

using std::string_view_literals::operator""sv;

std::string raw_file(std::string_view header, std::string_view data = "") {
  return encode(std::uint64_t{header.size()}) + std::string(header) + std::string(data);
}

// A header with one tensor t.
std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return R"({"t":{"dtype":)" + std::string(dtype) + R"(,"shape":)" + std::string(shape) +
         R"(,"data_offsets":)" + std::string(offsets) + "}}";
}

Result<SafetensorsFile> parse(const std::string& text) {
  return SafetensorsFile::parse(std::as_bytes(std::span(text)), "m");
}

// What opening it says, or "no error".
std::string complaint(const std::string& text) {
  const auto file = parse(text);
  return file ? "no error" : file.error().message;
}

std::string header_complaint(std::string_view header) {
  return complaint(raw_file(header, "12345678"));
}

TEST(Safetensors, reference_outputs_are_read) {
  const auto file = SafetensorsFile::open(golden_case("ple/golden.safetensors"));
  ASSERT_TRUE(file) << file.error().message;
  const SafetensorsTensor* logits = file->find("logits");
  ASSERT_NE(logits, nullptr);
  EXPECT_EQ(logits->type, SafetensorsType::kF32);
  EXPECT_EQ(logits->shape, (std::vector<std::uint64_t>{48, 512}));
  const auto values = read_floats(*logits);
  ASSERT_TRUE(values);
  ASSERT_EQ(values->size(), 48u * 512u);
  for (const float value : *values) ASSERT_TRUE(std::abs(value) <= 30.0f);  // the softcap
  const auto ids = read_integers(*file->find("input_ids"));
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->size(), 48u);
  for (const std::int64_t id : *ids) EXPECT_TRUE(id >= 0 && id < 512);
  EXPECT_EQ(file->find("nothing"), nullptr);
}

TEST(Safetensors, a_folder_with_one_file_is_opened) {
  const auto file = SafetensorsFile::open(golden_case("ple/assistant"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->metadata().at("format"), "pt");
  const SafetensorsTensor* ordering = file->find("masked_embedding.token_ordering");
  ASSERT_NE(ordering, nullptr);
  EXPECT_EQ(ordering->type, SafetensorsType::kI64);
  EXPECT_EQ(ordering->bytes.size(), 4096u);
}

TEST(Safetensors, what_was_written_is_read_back) {
  const std::array floats = {1.5f, -2.0f, 0.0f, 4.0f, 5.0f, 6.0f};
  const std::array<std::int32_t, 2> ints = {-1, 7};
  const std::array<std::int64_t, 1> longs = {std::int64_t{-1} << 40};
  const std::array<std::uint16_t, 2> bf16 = {0x3f80, 0xc000};
  SafetensorsWriter writer;
  writer.set_metadata("made", "here \"quoted\"");
  writer.add_f32("f\n\"", {2, 3}, floats);
  writer.add_i32("i", {2}, ints);
  writer.add_bf16("b", {1, 2}, bf16);
  writer.add_i64("l", {}, longs);
  writer.add_f32("empty", {0, 4}, {});
  const std::string path = temporary_path("round.safetensors");
  ASSERT_TRUE(writer.write(path));
  auto opened = SafetensorsFile::open(path);
  ASSERT_TRUE(opened) << opened.error().message;
  const SafetensorsFile file = std::move(*opened);
  EXPECT_EQ(file.metadata().at("made"), "here \"quoted\"");
  ASSERT_EQ(file.tensors().size(), 5u);
  EXPECT_EQ(*read_floats(*file.find("f\n\"")), std::vector<float>(floats.begin(), floats.end()));
  EXPECT_EQ(*read_integers(*file.find("i")), (std::vector<std::int64_t>{-1, 7}));
  EXPECT_EQ(*read_floats(*file.find("b")), (std::vector<float>{1.0f, -2.0f}));
  EXPECT_EQ(*read_integers(*file.find("l")), (std::vector<std::int64_t>{std::int64_t{-1} << 40}));
  EXPECT_TRUE(file.find("l")->shape.empty());
  EXPECT_TRUE(read_floats(*file.find("empty"))->empty());
  std::array<float, 2> middle{};
  ASSERT_TRUE(read_floats(*file.find("f\n\""), 3, middle));
  EXPECT_EQ(middle, (std::array{4.0f, 5.0f}));
}

TEST(Safetensors, values_of_another_type_are_an_error) {
  const std::string text = raw_file(one(R"("F8_E4M3")", "[8]", "[0,8]"), "12345678");
  const auto file = parse(text);
  ASSERT_TRUE(file) << file.error().message;
  const SafetensorsTensor& tensor = file->tensors()[0];
  EXPECT_EQ(tensor.values(), 8u);
  EXPECT_EQ(read_floats(tensor).error().message, "tensor t is F8_E4M3, expected F32, F16 or BF16");
  EXPECT_EQ(read_integers(tensor).error().message, "tensor t is F8_E4M3, expected I32 or I64");
  const std::string half = raw_file(one(R"("F16")", "[2]", "[0,4]"), "\x00\x3c\x00\xc0"sv);
  const auto halves = parse(half);
  ASSERT_TRUE(halves) << halves.error().message;
  EXPECT_EQ(*read_floats(halves->tensors()[0]), (std::vector<float>{1.0f, -2.0f}));
}

TEST(Safetensors, a_file_that_is_not_one_says_why) {
  EXPECT_EQ(complaint(""), "m: not a safetensors file: it has 0 bytes");
  EXPECT_EQ(complaint("1234567"), "m: not a safetensors file: it has 7 bytes");
  EXPECT_EQ(complaint(std::string("GGUF\3\0\0\0\1"sv)),
            "m: not a safetensors file: its header would have 14064895815 bytes");
  EXPECT_EQ(complaint(encode(std::uint64_t{100}) + "{}"),
            "m: the header has 100 bytes, but the file has 10 (truncated download?)");
  EXPECT_EQ(header_complaint("[]"), "m: the header is not a JSON object");
  EXPECT_EQ(header_complaint("7"), "m: the header is not a JSON object");
  EXPECT_EQ(header_complaint("{} "), "no error");
  for (const char* broken : {"", "{", "{}{}", "{\"t\":", "{\"t\":}", "{\"\xff\":{}}"}) {
    EXPECT_EQ(header_complaint(broken).rfind("m: the header is not valid JSON: ", 0), 0u)
        << header_complaint(broken);
  }
}

TEST(Safetensors, whatever_is_not_a_tensor_is_refused) {
  EXPECT_EQ(header_complaint(R"({"t":1})"), "m: tensor t is not described by an object");
  EXPECT_EQ(header_complaint(R"({"t":{}})"), "m: tensor t has no dtype");
  EXPECT_EQ(header_complaint(R"({"t":{"dtype":"F32","data_offsets":[0,0]}})"),
            "m: tensor t has no shape");
  EXPECT_EQ(header_complaint(R"({"t":{"dtype":"F32","shape":[0]}})"),
            "m: tensor t has no data_offsets");
  EXPECT_EQ(header_complaint(R"({"t":{"dtype":"F32","dtype":"F32"}})"),
            "m: tensor t has two fields 'dtype'");
  EXPECT_EQ(header_complaint(R"({"t":{"x":[1]}})"), "m: tensor t has an unexpected value in 'x'");
  EXPECT_EQ(header_complaint(R"({"t":{"shape":[-1]}})"),
            "m: tensor t has an unexpected value in 'shape'");
  EXPECT_EQ(header_complaint(R"({"t":{"shape":[1.5]}})"),
            "m: tensor t has an unexpected value in 'shape'");
  EXPECT_EQ(header_complaint(R"({"t":{"shape":[[1]]}})"),
            "m: tensor t has an unexpected value in 'shape'");
  EXPECT_EQ(header_complaint(R"({"t":{"shape":[1,1,1,1,1,1,1,1,1]}})"),
            "m: tensor t has more than 8 dimensions");
  EXPECT_EQ(header_complaint(one(R"("F32")", "[1]", "[0,4,8]")),
            "m: tensor t has 3 data_offsets, expected 2");
  EXPECT_EQ(header_complaint(one(R"("F32")", "[1]", "[0]")),
            "m: tensor t has 1 data_offsets, expected 2");
  EXPECT_EQ(header_complaint(R"({"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"t":{}})"),
            "m: tensor t appears twice");
  EXPECT_EQ(header_complaint(R"({"__metadata__":{"a":1}})"),
            "m: __metadata__ key 'a' is not a text");
  EXPECT_EQ(header_complaint(R"({"__metadata__":{"a":"1","a":"2"}})"),
            "m: __metadata__ key 'a' appears twice");
}

TEST(Safetensors, type_shape_and_offsets_agree) {
  EXPECT_EQ(header_complaint(one(R"("F32")", "[2,1]", "[0,8]")), "no error");
  EXPECT_EQ(header_complaint(one(R"("F4")", "[2,1]", "[0,8]")),
            "m: tensor t has dtype 'F4', which this build does not read");
  EXPECT_EQ(header_complaint(one(R"("F32")", "[2,2]", "[0,8]")),
            "m: tensor t lies from 0 to 8, but its shape takes 16 bytes");
  EXPECT_EQ(header_complaint(one(R"("F32")", "[1]", "[8,4]")),
            "m: tensor t lies from 8 to 4, but its shape takes 4 bytes");
  EXPECT_EQ(header_complaint(one(R"("U8")", "[9]", "[0,9]")),
            "m: tensor t ends at byte 9 of the data, but the file has 8 (truncated download?)");
  EXPECT_EQ(header_complaint(one(R"("F32")", "[4294967296,4294967296]", "[0,0]")),
            "m: tensor t has a shape larger than any file");
  EXPECT_EQ(header_complaint(one(R"("U8")", "[0]", "[18446744073709551615,18446744073709551615]")),
            "m: tensor t ends at byte 18446744073709551615 of the data, but the file has 8 "
            "(truncated download?)");
  EXPECT_EQ(header_complaint(R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},)"
                             R"("b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})"),
            "m: tensors a and b overlap");
}

// A folder with an index and two files that hold a and b.
std::string sharded_folder(const std::string& name, const std::string& index,
                           const std::string& second = "b") {
  const std::string folder = temporary_path(name);
  std::filesystem::create_directories(folder);
  const std::array value = {1.0f, 2.0f};
  SafetensorsWriter first_file;
  first_file.add_f32("a", {2}, value);
  EXPECT_TRUE(first_file.write(folder + "/one.safetensors"));
  SafetensorsWriter second_file;
  second_file.add_f32(second, {2}, value);
  EXPECT_TRUE(second_file.write(folder + "/two.safetensors"));
  write_file(folder + "/model.safetensors.index.json", index);
  return folder;
}

constexpr const char* kIndex =
    R"({"metadata":{"total_size":16},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})";

TEST(Safetensors, an_index_opens_all_its_files) {
  const std::string folder = sharded_folder("sharded", kIndex);
  for (const std::string& path : {folder, folder + "/model.safetensors.index.json"}) {
    const auto file = SafetensorsFile::open(path);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->tensors().size(), 2u);
    EXPECT_EQ(*read_floats(*file->find("b")), (std::vector<float>{1.0f, 2.0f}));
  }
}

TEST(Safetensors, a_wrong_index_is_an_error) {
  const auto says = [](const std::string& folder) {
    const auto file = SafetensorsFile::open(folder);
    return file ? "no error" : file.error().message;
  };
  std::string folder = sharded_folder("no_file", kIndex);
  std::filesystem::remove(folder + "/two.safetensors");
  EXPECT_EQ(says(folder), "a file of " + folder + "/model.safetensors.index.json: cannot read " +
                              folder + "/two.safetensors: No such file or directory");
  folder = sharded_folder("other_tensor", kIndex, "c");
  EXPECT_EQ(says(folder),
            folder + "/model.safetensors.index.json: tensor b is not in two.safetensors");
  folder = sharded_folder("twice", kIndex, "a");
  EXPECT_EQ(says(folder), "a file of " + folder + "/model.safetensors.index.json: " + folder +
                              "/two.safetensors: tensor a is in another file too");
  folder = sharded_folder("escape", R"({"weight_map":{"a":"../one.safetensors"}})");
  EXPECT_EQ(says(folder), folder +
                              "/model.safetensors.index.json: tensor a is not given the name "
                              "of a file beside it");
  folder = sharded_folder("no_map", R"({"weight_map":[]})");
  EXPECT_EQ(says(folder), folder + "/model.safetensors.index.json: it has no object weight_map");
  folder = sharded_folder("not_json", "{");
  EXPECT_NE(says(folder).find("index.json: not valid JSON: "), std::string::npos);
  folder = temporary_path("nothing_there");
  std::filesystem::create_directories(folder);
  EXPECT_EQ(says(folder),
            folder + " holds neither model.safetensors nor model.safetensors.index.json");
  EXPECT_EQ(says("/no/such"), "cannot read /no/such: No such file or directory");
}

TEST(SafetensorsDeathTest, wrong_sizes_are_our_bug) {
  SafetensorsWriter writer;
  const std::array value = {1.0f};
  EXPECT_DEATH(writer.add_f32("a", {2}, value), "the bytes of its shape");
  writer.add_f32("a", {1}, value);
  EXPECT_DEATH(writer.add_f32("a", {1}, value), "names differ");
}

}  // namespace
}  // namespace outrider
