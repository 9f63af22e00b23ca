#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <vector>

#include "platform/executable.h"
#include "platform/machine_name.h"
#include "platform/mapped_file.h"
#include "platform/memory.h"
#include "platform/open_files.h"
#include "platform/thread_pool.h"

namespace outrider {
namespace {

TEST(ThreadPool, every_thread_runs_every_job_once) {
  for (const std::uint32_t threads : {1u, 2u, 3u, 7u}) {
    ThreadPool pool(threads);
    std::vector<int> hits(threads, 0);
    for (int job = 0; job < 500; ++job) pool.run([&](std::uint32_t thread) { ++hits[thread]; });
    for (const int count : hits) EXPECT_EQ(count, 500);
  }
}

TEST(ThreadPool, a_job_sees_what_the_last_one_wrote) {
  ThreadPool pool(3);
  std::vector<int> values(1000, 0);
  for (int job = 0; job < 200; ++job) {
    pool.run([&](std::uint32_t thread) {
      const Range part = share_of(values.size(), (thread + static_cast<std::uint32_t>(job)) % 3, 3);
      for (std::size_t i = part.begin; i < part.end; ++i) ++values[i];
    });
  }
  for (const int value : values) EXPECT_EQ(value, 200);
}

TEST(ThreadPool, shares_cover_everything_once) {
  for (const std::size_t count : {0u, 1u, 5u, 64u, 1001u}) {
    for (const std::size_t grain : {1u, 8u, 64u}) {
      std::size_t next = 0;
      for (std::uint32_t thread = 0; thread < 5; ++thread) {
        const Range part = share_of(count, thread, 5, grain);
        EXPECT_EQ(part.begin, next);
        EXPECT_TRUE(part.begin % grain == 0 || part.begin == count);
        next = part.end;
      }
      EXPECT_EQ(next, count);
    }
  }
}

TEST(Memory, bytes_given_back_are_read_again_and_hints_change_nothing) {
  const std::string path = testing::TempDir() + "/given_back";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  for (int i = 0; i < 50000; ++i) std::fputc(i % 251, file);
  std::fclose(file);
  const auto mapped = MappedFile::open(path);
  ASSERT_TRUE(mapped);
  for (int turn = 0; turn < 2; ++turn) {
    expect_soon(mapped->bytes());
    for (std::size_t i = 0; i < 50000; ++i)
      ASSERT_EQ(mapped->bytes()[i], static_cast<std::byte>(i % 251));
    give_back(mapped->bytes().subspan(10000, 30000));
  }
  std::vector<std::byte> memory(100000, std::byte{3});
  prefer_huge_pages(memory);
  EXPECT_EQ(memory, std::vector<std::byte>(100000, std::byte{3}));
}

TEST(OpenFiles, raised_as_far_as_it_goes_there_is_no_more) {
  const std::size_t most = raise_open_files();
  EXPECT_GE(most, 256u);  // the least that POSIX systems begin with
  EXPECT_EQ(raise_open_files(), most);
}

TEST(MappedFile, shows_the_bytes_and_says_what_is_missing) {
  const std::string path = testing::TempDir() + "/mapped";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  std::fputs("abc", file);
  std::fclose(file);
  auto mapped = MappedFile::open(path);
  ASSERT_TRUE(mapped);
  ASSERT_EQ(mapped->bytes().size(), 3u);
  EXPECT_EQ(mapped->bytes()[2], std::byte{'c'});
  const auto missing = MappedFile::open(path + ".not");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find(".not: No such file"), std::string::npos);
  EXPECT_FALSE(MappedFile::open(testing::TempDir()));
}

TEST(Executable, knows_its_build_and_where_it_lies) {
  const std::string id = build_id();
  EXPECT_GE(id.size(), 16u);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_TRUE(executable_path().has_value());
  EXPECT_FALSE(cpu_name().empty());
}

// A root folder that holds what the system would say.
class MemoryOf : public testing::Test {
 protected:
  // Each test its own: they may run at the same time.
  MemoryOf()
      : root_(std::filesystem::path(testing::TempDir()) /
              (std::string("memory_of_") +
               testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(root_);
  }
  ~MemoryOf() override { std::filesystem::remove_all(root_); }
  void say(const std::filesystem::path& path, const char* text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::filesystem::path root_;
};

TEST_F(MemoryOf, nobody_who_says_nothing_is_believed) {
  EXPECT_FALSE(available_memory(root_).has_value());
  say("proc/meminfo", "MemTotal: 100 kB\nMemAvailable: many\n");
  EXPECT_FALSE(available_memory(root_).has_value());
}

TEST_F(MemoryOf, a_control_groups_limit_counts_where_it_is_less) {
  say("proc/meminfo", "MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 90 kB\n");
  EXPECT_EQ(available_memory(root_), 90u * 1024);
  say("proc/self/cgroup", "0::/user/me\n");
  say("sys/fs/cgroup/user/me/memory.max", "max\n");
  EXPECT_EQ(available_memory(root_), 90u * 1024);
  say("sys/fs/cgroup/user/me/memory.max", "50000\n");
  EXPECT_EQ(available_memory(root_), 50000u);
}

TEST_F(MemoryOf, a_group_of_the_first_version_seen_from_inside_a_container_counts_too) {
  say("proc/meminfo", "MemAvailable: 90 kB\n");
  say("proc/self/cgroup", "12:cpu:/x\n4:memory:/docker/1234\nnonsense\n");
  say("sys/fs/cgroup/memory/memory.limit_in_bytes", "60000\n");
  EXPECT_EQ(available_memory(root_), 60000u);
}

}  // namespace
}  // namespace outrider
