#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "app/bench_report.h"
#include "app/bench_run.h"
#include "app/model_options.h"
#include "model/model_test_files.h"

namespace outrider {
namespace {

std::unique_ptr<Runtime> runtime_for(std::uint32_t slots, std::uint32_t context) {
  ModelOptions options;
  options.target = golden_case("dense/target.gguf");
  options.drafter = golden_case("dense/assistant.gguf");
  options.context = context;
  options.threads = 1;
  return checked(load_runtime(options, {.sequences = slots}));
}

// Seconds that pass only when they are asked for.
BenchClock ticking() {
  return [ticks = 0.0]() mutable { return ticks += 0.5; };
}

TEST(Bench, drafts_are_a_number_or_auto) {
  EXPECT_EQ(checked(bench_drafts_of("auto")).limits.n_min, 0u);
  EXPECT_EQ(checked(bench_drafts_of("auto")).limits.n_max, DraftLimits{}.n_max);
  EXPECT_EQ(checked(bench_drafts_of("3")).limits.n_min, 3u);
  EXPECT_EQ(checked(bench_drafts_of("3")).limits.n_max, 3u);
  for (const char* name : {"", "x", "3x", "-1", "17", "99999999999"}) {
    EXPECT_FALSE(bench_drafts_of(name).has_value()) << name;
  }
}

TEST(Bench, fixed_drafts_have_the_rows_and_the_acceptance_that_were_asked_for) {
  const auto runtime = runtime_for(4, BenchRunner::context_for(8, 200));
  BenchRunner runner(*runtime, {0.8, 0.65, 0.5}, 200, ticking());
  const ServeSample three = checked(runner.serve(4, checked(bench_drafts_of("3")), 8));
  EXPECT_DOUBLE_EQ(three.rows_per_step(), 16);
  EXPECT_NEAR(three.mean_length(), 2.95, 0.3);
  const auto acceptance = three.acceptance();
  ASSERT_EQ(acceptance.size(), 3u);
  EXPECT_NEAR(acceptance[0], 0.8, 0.1);
  EXPECT_NEAR(acceptance[2], 0.5, 0.1);
  EXPECT_GE(three.tokens, 800u);
  EXPECT_LT(three.tokens, 800u + 4 * 4);
  EXPECT_GT(three.draft_ms(), 0);

  const ServeSample plain = checked(runner.serve(3, checked(bench_drafts_of("0")), 8));
  EXPECT_DOUBLE_EQ(plain.rows_per_step(), 3);
  EXPECT_EQ(plain.mean_length(), 1);
  EXPECT_EQ(plain.draft_ms(), 0);
  EXPECT_TRUE(plain.acceptance().empty());
  EXPECT_EQ(plain.tokens, plain.steps * 3);
}

TEST(Bench, a_prompt_is_read_at_its_rows_a_second) {
  const auto runtime = runtime_for(1, 300);
  double ticks = 0;
  BenchRunner runner(*runtime, {}, 1, [&] { return ticks += 0.5; });
  const double rate = checked(runner.prefill(256));
  EXPECT_GT(rate, 0);
  EXPECT_LE(rate, 256 / 1.0) << "at least both readings of the clock lie in between";
}

TEST(Bench, a_context_too_short_for_what_is_measured_is_an_error) {
  const auto runtime = runtime_for(1, 40);
  BenchRunner runner(*runtime, {}, 100, ticking());
  EXPECT_FALSE(runner.serve(1, checked(bench_drafts_of("0")), 8).has_value());
  EXPECT_FALSE(runner.serve(1, checked(bench_drafts_of("0")), 41).has_value());
}

TEST(Bench, repeats_are_paired_before_medians_are_taken) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  // A machine that became slower after the first repeat: each pair says 2.
  std::vector<ServeSample> plain(3), drafted(3);
  const double seconds[] = {1, 4, 4};
  for (int i = 0; i < 3; ++i) {
    plain[static_cast<std::size_t>(i)] = {.seconds = seconds[i], .tokens = 100, .steps = 100};
    drafted[static_cast<std::size_t>(i)] = {.seconds = seconds[i], .tokens = 200, .steps = 50};
  }
  const ServeResult result = summed_up(drafted, plain);
  EXPECT_DOUBLE_EQ(result.over_plain.value_or(0), 2);
  EXPECT_DOUBLE_EQ(result.rate, 50);
  EXPECT_EQ(result.sum.tokens, 600u);
  EXPECT_FALSE(summed_up(drafted, {}).over_plain.has_value());
}

// What rows go through of a file's matrices: all that `counts` names but the table that is
// gathered, and of experts those that a row is sent to.
RowWork work_in_file(const TargetModel& model,
                     const std::function<bool(std::string_view)>& counts) {
  RowWork work;
  for (const GgufTensor& tensor : model.file.tensors()) {
    if (tensor.dims < 2 || tensor.name == "per_layer_token_embd.weight") continue;
    if (!counts(tensor.name)) continue;
    const bool experts = tensor.name.find("_exps") != std::string_view::npos;
    const std::uint64_t of = experts ? model.config.moe->experts : 1;
    const std::uint64_t parts = experts ? model.config.moe->used : 1;
    work.bytes += tensor.bytes.size() / of * parts;
    work.products += tensor.ne[0] * tensor.ne[1] * tensor.ne[2] / of * parts;
  }
  return work;
}

TEST(Bench, a_row_goes_through_every_matrix_but_a_prompts_stops_at_the_last_keys_and_values) {
  for (const char* name : {"dense/target.gguf", "ple/target.gguf", "moe/target.gguf"}) {
    const TargetModel model = checked(load_target(golden_case(name)));
    const std::uint32_t last = model.config.last_kv_layer();
    const auto before_last = [last](std::string_view tensor) {
      for (std::uint32_t layer = 0; layer <= last; ++layer) {
        const std::string of_layer = fmt::format("blk.{}.", layer);
        if (!tensor.starts_with(of_layer)) continue;
        const std::string_view part = tensor.substr(of_layer.size());
        return layer < last || part == "attn_k.weight" || part == "attn_v.weight";
      }
      return tensor == "per_layer_model_proj.weight";
    };
    const RowWork all = work_in_file(model, [](std::string_view) { return true; });
    const RowWork before = work_in_file(model, before_last);
    ASSERT_LT(before.products, all.products);
    for (const bool logits : {false, true}) {
      const RowWork work = work_of_a_row(model, logits);
      EXPECT_EQ(work.bytes, (logits ? all : before).bytes) << name << " " << logits;
      EXPECT_EQ(work.products, (logits ? all : before).products) << name << " " << logits;
    }
  }
}

TEST(Bench, json_holds_every_table) {
  BenchResults results{
      .device = "d", .model = "m", .bandwidth = 2e9, .token = {1000000, 3}, .prompt_token = {9, 2}};
  results.prefill = {{128, 50}};
  results.decode = {{128, 500, 5e8}};
  results.draft = {{2, 0.5, 1.5, 4, 2.5}};
  ServeResult row =
      summed_up(std::vector<ServeSample>(1, {.seconds = 1, .tokens = 9, .steps = 3}), {});
  row.slots = 2, row.drafts = "auto";
  results.serve = {row};
  const auto json = bench_json(results);
  EXPECT_EQ(json.at("decode").at(0).at("of_bandwidth").as_double(), 0.25);
  EXPECT_EQ(json.at("weight_bytes_per_token").to_number<int>(), 1000000);
  EXPECT_EQ(json.at("weight_bytes_per_prompt_token").to_number<int>(), 9);
  EXPECT_EQ(json.at("products_per_token").to_number<int>(), 3);
  EXPECT_EQ(json.at("products_per_prompt_token").to_number<int>(), 2);
  EXPECT_EQ(json.at("prefill").at(0).at("rows_per_second").as_double(), 50);
  EXPECT_EQ(json.at("draft").at(0).at("draft_step_ms").as_double(), 0.5);
  EXPECT_EQ(json.at("serve").at(0).at("tokens_per_second").as_double(), 9);
  EXPECT_EQ(json.at("serve").at(0).at("drafts").as_string(), "auto");
}

}  // namespace
}  // namespace outrider
