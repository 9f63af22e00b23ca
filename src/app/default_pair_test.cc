#include "app/default_pair.h"

#include <gtest/gtest.h>

#include <fstream>

namespace outrider {
namespace {

namespace fs = std::filesystem;

void touch(const fs::path& file) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << "GGUF";
}

class DefaultPairTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) /
            testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    touch(root_ / "bin/outrider");
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path root_;
};

TEST_F(DefaultPairTest, is_found_where_it_is_installed) {
  touch(root_ / "share/outrider/nano/target.gguf");
  touch(root_ / "share/outrider/nano/assistant.gguf");
  const auto pair = default_pair_of(root_ / "bin/outrider");
  ASSERT_TRUE(pair) << pair.error().message;
  EXPECT_EQ(pair->target, root_ / "share/outrider/nano/target.gguf");
  EXPECT_EQ(pair->drafter, root_ / "share/outrider/nano/assistant.gguf");
}

TEST_F(DefaultPairTest, is_found_in_the_source_tree_around_a_build) {
  touch(root_ / "models/nano/target.gguf");
  touch(root_ / "models/nano/assistant.gguf");
  const auto pair = default_pair_of(root_ / "build/release/src/app/outrider");
  ASSERT_TRUE(pair) << pair.error().message;
  EXPECT_EQ(pair->target, root_ / "models/nano/target.gguf");
}

TEST_F(DefaultPairTest, half_a_pair_is_none_and_the_error_says_where_it_was_looked_for) {
  touch(root_ / "share/outrider/nano/target.gguf");
  const auto pair = default_pair_of(root_ / "bin/outrider");
  ASSERT_FALSE(pair);
  EXPECT_NE(pair.error().message.find("share/outrider/nano"), std::string::npos);
  EXPECT_NE(pair.error().message.find((root_ / "bin/outrider").string()), std::string::npos);
}

}  // namespace
}  // namespace outrider
