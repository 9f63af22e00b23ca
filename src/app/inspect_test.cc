#include "app/inspect.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>

#include "app/golden_test_cases.h"
#include "format/gguf_writer.h"

namespace outrider {
namespace {

namespace fs = std::filesystem;

class Inspect : public testing::Test {
 protected:
  Inspect() {
    std::string pattern = fs::temp_directory_path() / "outrider-inspect-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~Inspect() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(Inspect, a_target_and_the_drafter_beside_it) {
  const auto report = inspect_file({.path = kCases + "ple/target.gguf"});
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->obstacle, "");
  EXPECT_EQ(report->architecture, "gemma4");
  EXPECT_EQ(report->layers, 8u);
  EXPECT_EQ(report->full_layers, 2u);
  EXPECT_EQ(report->vocab, 512u);
  EXPECT_EQ(report->types.at("F32").bytes, report->weight_bytes);
  EXPECT_EQ(report->parameters * 4, report->weight_bytes);
  ASSERT_EQ(report->drafters.size(), 1u);
  EXPECT_EQ(report->drafters[0].obstacle, "");
}

TEST_F(Inspect, memory_for_keys_and_values_follows_context_and_type) {
  const std::string path = kCases + "ple/target.gguf";
  const auto small = inspect_file({.path = path, .context = 640});
  const auto large = inspect_file({.path = path, .context = 6400});
  const auto wide = inspect_file({.path = path, .context = 640, .kv_format = KvFormat::kF32});
  // 3 sliding layers of head size 32 and one full layer of 64 own KV; one head, two sides, f16.
  EXPECT_EQ(small->kv->global_bytes, 640u * 64 * 2 * 2);
  EXPECT_EQ(small->kv->sliding_bytes, 2u * 64 * 3 * 32 * 2 * 2);  // two pages: a window of 16
  EXPECT_EQ(large->kv->global_bytes, 10 * small->kv->global_bytes);
  EXPECT_EQ(large->kv->sliding_bytes, small->kv->sliding_bytes);
  EXPECT_EQ(wide->kv->global_bytes, 2 * small->kv->global_bytes);
}

TEST_F(Inspect, a_drafter_of_another_model_says_why_it_does_not_fit) {
  fs::copy(kCases + "dense/target.gguf", folder_ / "target.gguf");
  fs::copy(kCases + "ple/assistant.gguf", folder_ / "mtp-other.gguf");
  fs::copy(kCases + "dense/assistant.gguf", folder_ / "my-assistant-F32.gguf");
  const auto report = inspect_file({.path = folder_ / "target.gguf"});
  ASSERT_EQ(report->drafters.size(), 2u);
  EXPECT_NE(report->drafters[0].obstacle, "");
  EXPECT_EQ(report->drafters[1].obstacle, "");
}

TEST_F(Inspect, a_file_that_cannot_be_served_says_why) {
  auto writer = GgufWriter::create(folder_ / "llama.gguf").value();
  writer.set_string("general.architecture", "llama");
  ASSERT_TRUE(writer.finish().has_value());
  const auto report = inspect_file({.path = folder_ / "llama.gguf"});
  ASSERT_TRUE(report.has_value());
  EXPECT_NE(report->obstacle.find("llama"), std::string::npos);
  EXPECT_NE(describe(*report).find("This build cannot serve it: "), std::string::npos);
  EXPECT_FALSE(inspect_file({.path = folder_ / "none.gguf"}).has_value());
}

TEST_F(Inspect, json_holds_what_the_report_holds) {
  const auto report = inspect_file({.path = kCases + "moe/target.gguf"});
  const auto json = boost::json::parse(to_json(*report));
  EXPECT_EQ(json.at("architecture").as_string(), "gemma4");
  EXPECT_EQ(json.at("can_serve").as_bool(), true);
  EXPECT_EQ(json.at("parameters").to_number<std::uint64_t>(), report->parameters);
  EXPECT_EQ(json.at("kv").at("context").to_number<int>(), 4096);
  EXPECT_EQ(json.at("drafters").as_array().size(), 1u);
  EXPECT_NE(describe(*report).find("This build can serve it.\n"), std::string::npos);
}

TEST_F(Inspect, a_drafter_is_recognised) {
  const auto report = inspect_file({.path = kCases + "moe/assistant.gguf"});
  EXPECT_TRUE(report->is_drafter);
  EXPECT_EQ(report->obstacle, "");
  EXPECT_FALSE(report->kv.has_value());
}

}  // namespace
}  // namespace outrider
