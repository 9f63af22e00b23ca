// Compares a pair of model files with outputs of the official implementation, for tests.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "app/golden.h"
#include "app/synth_model.h"
#include "app/synth_spec.h"
#include "engine/golden_test_runtime.h"
#include "platform/thread_pool.h"

namespace outrider {

inline GoldenReport compare_files(const TestPair& pair, const std::string& reference,
                                  TestOptions options, std::uint32_t chunk_rows) {
  const Golden golden = checked(Golden::read(reference));
  options.runtime.context =
      static_cast<std::uint32_t>(golden.input_ids.size() + golden.greedy_ids.size()) + 1;
  options.runtime.sequences = 2;
  options.runtime.chunk_rows = options.runtime.logit_rows = chunk_rows;
  const auto runtime = load(pair, options);
  return checked(compare(*runtime, golden, chunk_rows));
}

// Every tensor that the reference holds, and every token.
inline void expect_close(const GoldenReport& report, double tolerance) {
  EXPECT_LE(report.logits, tolerance);
  EXPECT_LE(report.hidden, tolerance);
  for (std::size_t group = 0; group < kKvGroups; ++group) {
    EXPECT_LE(report.keys[group], tolerance) << group;
    EXPECT_LE(report.values[group], tolerance) << group;
  }
  EXPECT_LE(report.draft_logits, tolerance);
  EXPECT_LE(report.draft_hidden, tolerance);
  EXPECT_GT(report.greedy_expected, 0u);
  EXPECT_EQ(report.greedy_matches, report.greedy_expected);
  EXPECT_GT(report.draft_expected, 0u);
  EXPECT_EQ(report.draft_matches, report.draft_expected);
}

// A slice of a released model at its real widths: drawn from its description, then compared.
inline void expect_slice_is_close(const std::string& name) {
  const std::string folder = std::string(OUTRIDER_SOURCE_DIR "/tests/golden/slices/") + name;
  const TestPair pair{temporary_path("target.gguf"), temporary_path("assistant.gguf")};
  ThreadPool pool(usable_cores());
  for (const auto& [spec, path] :
       {std::pair{"/target.json", pair.target}, std::pair{"/assistant.json", pair.drafter}}) {
    const SynthModel model = checked(read_synth_spec(folder + spec));
    const auto written = write_synth(
        model, {.path = path, .vocabulary = nullptr, .chat_template = {}, .quiet = true}, pool);
    ASSERT_TRUE(written) << written.error().message;
  }
  TestOptions options;
  options.threads = usable_cores();
  expect_close(compare_files(pair, folder + "/golden.safetensors", options, 64), 1e-4);
}

}  // namespace outrider
