#include "app/model_options.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace outrider {
namespace {

ModelOptions parsed(const std::string& line) {
  ModelOptions options;
  CLI::App app;
  add_model_options(app, options);
  app.parse(line);
  return options;
}

TEST(ModelOptions, memory_is_said_in_units) {
  EXPECT_EQ(parsed("").kv_memory, 0u);
  EXPECT_EQ(parsed("--kv-memory 4096").kv_memory, 4096u);
  EXPECT_EQ(parsed("--kv-memory 512M").kv_memory, 512u << 20);
  EXPECT_EQ(parsed("--kv-memory 2GiB").kv_memory, 2ull << 30);
  EXPECT_THROW(parsed("--kv-memory -1"), CLI::ParseError);
  EXPECT_THROW(parsed("--kv-memory much"), CLI::ParseError);
  EXPECT_THROW(parsed("--kv-memory 99999999999999G"), CLI::ParseError);
}

}  // namespace
}  // namespace outrider
