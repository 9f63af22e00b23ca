#include "app/cost_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "app/model_options.h"
#include "model/model_test_files.h"

namespace outrider {
namespace {

namespace fs = std::filesystem;

class CostFileTest : public testing::Test {
 protected:
  CostFileTest()
      : folder_(fs::path(testing::TempDir()) /
                testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(folder_);
    options_.target = golden_case("dense/target.gguf");
    options_.drafter = golden_case("dense/assistant.gguf");
    options_.context = 64;
    options_.threads = 1;
    runtime_ = checked(load_runtime(options_, {}));
    const std::uint32_t one[] = {1};
    for (int time = 0; time < 3; ++time) {
      known_.verified(1, 0.5);
      known_.verified(4, 0.75);
      known_.drafted(one, 0.125);
    }
  }
  ~CostFileTest() override { fs::remove_all(folder_); }

  CostFile file(const std::string& settings = "f16") const {
    return CostFile(folder_, *runtime_, settings);
  }
  void write(const std::string& text) const {
    fs::create_directories(folder_);
    std::ofstream(file().path()) << text;
  }
  // What a run would start with.
  std::optional<Speculation> restored(const CostFile& from) const {
    Speculation speculation(1);
    if (!from.restore(speculation)) {
      EXPECT_TRUE(speculation.target_cost().points().empty()) << "what is not believed is not used";
      return std::nullopt;
    }
    return speculation;
  }

  fs::path folder_;
  ModelOptions options_;
  std::unique_ptr<Runtime> runtime_;
  Speculation known_{1};
};

TEST_F(CostFileTest, what_one_run_learnt_the_next_one_knows) {
  EXPECT_FALSE(restored(file()).has_value());
  ASSERT_TRUE(file().keep(known_));
  ASSERT_TRUE(file().keep(known_)) << "over what was there";
  const auto next = restored(file());
  ASSERT_TRUE(next.has_value());
  for (const std::uint32_t rows : {1u, 4u}) {
    EXPECT_NEAR(next->target_cost().seconds(rows), known_.target_cost().seconds(rows), 1e-6);
  }
  EXPECT_NEAR(next->drafter_cost().seconds(1), 0.125, 1e-6);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1)
      << "and nothing else is left behind";
}

TEST_F(CostFileTest, other_settings_threads_and_models_have_files_of_their_own) {
  ASSERT_TRUE(file().keep(known_));
  EXPECT_FALSE(restored(file("f32")).has_value());
  for (const auto& change : std::vector<void (*)(ModelOptions&)>{
           [](ModelOptions& o) { o.threads = 2; }, [](ModelOptions& o) { o.no_drafter = true; },
           [](ModelOptions& o) {
             o.target = golden_case("moe/target.gguf");
             o.drafter = golden_case("moe/assistant.gguf");
           }}) {
    ModelOptions other = options_;
    change(other);
    const auto runtime = checked(load_runtime(other, {}));
    EXPECT_FALSE(restored(CostFile(folder_, *runtime, "f16")).has_value());
  }
}

TEST_F(CostFileTest, a_file_that_makes_no_sense_is_as_good_as_none) {
  ASSERT_TRUE(file().keep(known_));
  std::ostringstream kept;
  kept << std::ifstream(file().path()).rdbuf();
  const std::string sane = kept.str();
  const auto with = [&](const std::string& target) {
    const std::size_t at = sane.find("\"target\":") + 9, end = sane.find(",\"drafter\"");
    return sane.substr(0, at) + target + sane.substr(end);
  };
  write(with("[[3,0.25]]"));
  ASSERT_TRUE(restored(file()).has_value()) << "the control";
  std::string other_key = sane;
  other_key[sane.find("\"key\":\"") + 8] ^= 1;
  for (const std::string& text : {std::string(),
                                  std::string("{"),
                                  std::string("[]"),
                                  std::string("{}"),
                                  std::string("{\"key\":1}"),
                                  other_key,
                                  sane.substr(0, sane.size() / 2),
                                  with("7"),
                                  with("[[0,0.25]]"),
                                  with("[[-1,0.25]]"),
                                  with("[[99999999999,0.25]]"),
                                  with("[[1,-0.25]]"),
                                  with("[[1,0.0]]"),
                                  with("[[1,1e99]]"),
                                  with("[[1,1e999]]"),
                                  with("[[1]]"),
                                  with("[[1,0.25,2]]"),
                                  with("[1,0.25]"),
                                  with("[[\"1\",0.25]]"),
                                  with("[[1,0.25]" + std::string(100000, ' ') + "]"),
                                  std::string(50000, '['),
                                  with([] {
                                    std::string many = "[[1,0.25]";
                                    for (int i = 0; i < 1000; ++i) many += ",[1,0.25]";
                                    return many + "]";
                                  }())}) {
    write(text);
    EXPECT_FALSE(restored(file()).has_value()) << text.substr(0, 200);
  }
  fs::remove(file().path());
  fs::create_directories(file().path());
  EXPECT_FALSE(restored(file()).has_value()) << "a folder";
}

TEST_F(CostFileTest, nowhere_to_keep_it_changes_nothing) {
  const CostFile none(std::nullopt, *runtime_, "f16");
  EXPECT_FALSE(none.keep(known_));
  EXPECT_FALSE(restored(none).has_value());
  std::ofstream(folder_) << "a file where the folder would be";
  EXPECT_FALSE(file().keep(known_));
  EXPECT_FALSE(restored(file()).has_value());
}

TEST(CacheFolder, is_the_users_own) {
  const std::string home = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "";
  setenv("HOME", "/somebody", 1);
  unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(cache_folder(), fs::path("/somebody/.cache/outrider"));
  setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ(cache_folder(), fs::path("/somebody/.cache/outrider"));
  setenv("XDG_CACHE_HOME", "/caches", 1);
  EXPECT_EQ(cache_folder(), fs::path("/caches/outrider"));
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  EXPECT_FALSE(cache_folder().has_value());
  setenv("HOME", home.c_str(), 1);
}

}  // namespace
}  // namespace outrider
