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

TEST(ModelOptions, layers_on_a_gpu_are_what_llama_cpp_takes) {
  for (const char* layers : {"0", "99", "-1", "auto", "all"}) {
    EXPECT_EQ(parsed(std::string("--gpu-layers ") + layers).gpu_layers, layers);
  }
  for (const char* layers : {"-2", "some", "1.5", "9999999999"}) {
    EXPECT_THROW(parsed(std::string("--gpu-layers ") + layers), CLI::ParseError) << layers;
  }
}

}  // namespace
}  // namespace outrider
