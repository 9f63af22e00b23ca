// Target and drafter against the official implementation, at small and at real widths.
#include <gtest/gtest.h>

#include "app/golden_test_report.h"
#include "app/quantize.h"

namespace outrider {
namespace {

constexpr const char* kCases[] = {"dense", "ple", "moe", "mild/dense", "mild/ple", "mild/moe"};

std::string reference_of(const std::string& name) {
  return golden_case(name + "/golden.safetensors");
}

class Cases : public testing::TestWithParam<const char*> {};

TEST_P(Cases, float32_is_within_a_ten_thousandth_of_the_reference_and_picks_its_tokens) {
  const GoldenReport report =
      compare_files(golden_pair(GetParam()), reference_of(GetParam()), {}, 16);
  expect_close(report, 1e-4);
  EXPECT_EQ(report.greedy_expected, 24u);
  EXPECT_EQ(report.draft_expected, 5u);
}

TEST_P(Cases, every_chunk_size_has_the_same_errors) {
  const TestPair pair = golden_pair(GetParam());
  const GoldenReport want = compare_files(pair, reference_of(GetParam()), {}, 48);
  for (const std::uint32_t chunk : {1u, 5u}) {
    const GoldenReport report = compare_files(pair, reference_of(GetParam()), {}, chunk);
    EXPECT_EQ(report.logits, want.logits) << chunk;
    EXPECT_EQ(report.hidden, want.hidden) << chunk;
    EXPECT_EQ(report.draft_logits, want.draft_logits) << chunk;
  }
}

std::string case_name(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Golden, Cases, testing::ValuesIn(kCases), case_name);

// What is compared can fail: another case's weights are far off in every figure.
TEST(Comparison, another_models_outputs_are_far_off) {
  const GoldenReport report =
      compare_files(golden_pair("mild/dense"), reference_of("dense"), {}, 16);
  EXPECT_GT(report.logits, 1e-2);
  EXPECT_GT(report.hidden, 1e-2);
  EXPECT_GT(report.draft_logits, 1e-2);
  EXPECT_GT(report.largest(), 1e-2);
}

TEST(Comparison, a_reference_of_another_shape_is_refused) {
  const auto runtime = load(golden_pair("dense"), {});
  Golden golden = checked(Golden::read(reference_of("dense")));
  golden.input_ids[3] = 512;
  const auto outside = compare(*runtime, golden, 16);
  ASSERT_FALSE(outside);
  EXPECT_NE(outside.error().message.find("512"), std::string::npos) << outside.error().message;
  golden = checked(Golden::read(reference_of("dense")));
  golden.logits.extent[1] = 256;
  EXPECT_FALSE(compare(*runtime, golden, 16));
}

// Rounding the weights alone moves the logits by 2.8e-2 (dense) and 4.2e-2 (ple); rounding the
// activations too adds about as much again, as the square root of the sum of squares.
TEST(Q8_0, quantised_targets_stay_near_the_reference) {
  struct Case {
    std::string name;
    bool integer_activations;
    double tolerance;
  };
  const std::array cases = {Case{"mild/dense", false, 5e-2}, Case{"mild/ple", false, 5e-2},
                            Case{"mild/dense", true, 5e-2}, Case{"mild/ple", true, 6.5e-2}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name + (c.integer_activations ? " int8" : " float"));
    QuantizeOptions quantise;
    quantise.input = golden_pair(c.name).target;
    quantise.output = temporary_path("q8_0.gguf");
    quantise.type = "Q8_0";
    quantise.quiet = true;
    const auto quantised = quantize_file(quantise);
    ASSERT_TRUE(quantised) << quantised.error().message;
    EXPECT_GT(quantised->tensors.at(TensorType::kQ8_0), 10u);
    TestPair pair = golden_pair(c.name);
    pair.target = quantise.output;
    TestOptions options;
    options.integer_activations = c.integer_activations;
    const GoldenReport report = compare_files(pair, reference_of(c.name), options, 16);
    EXPECT_LE(report.logits, c.tolerance);
    EXPECT_GT(report.logits, 1e-4) << "it was not quantised at all";
  }
}

TEST(Slices, e2b_at_its_real_widths_is_within_a_ten_thousandth) {
  expect_slice_is_close("e2b");
}

TEST(Slices, experts_of_26b_a4b_at_their_real_widths_are_within_a_ten_thousandth) {
  expect_slice_is_close("26b-a4b-small");
}

}  // namespace
}  // namespace outrider
