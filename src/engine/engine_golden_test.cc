// The engine on real models: a text is that of its prompt and seed alone, whoever shares the
// launch, the pages or the cache, and however far the drafter rode ahead.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include "engine/golden_test_requests.h"

namespace outrider {
namespace {

struct Setting {
  std::uint32_t slots, chunk_rows;
  Verification verification;
  bool deferred;  // the CPU behaves as a GPU would
};

TestOptions options_for(const Setting& setting) {
  TestOptions options;
  options.runtime.sequences = setting.slots;
  options.runtime.chunk_rows = setting.chunk_rows;
  options.runtime.logit_rows = std::min(setting.chunk_rows, 32u);
  options.runtime.kv_format = KvFormat::kF16;
  if (setting.deferred) options.deferred = std::make_shared<DeferredCounts>();
  return options;
}

void step(Engine& engine, const TestOptions& options) {
  const DeferredCounts before = options.deferred ? *options.deferred : DeferredCounts{};
  const std::uint64_t steps = engine.counters().steps;
  ASSERT_TRUE(engine.step().has_value());
  if (!options.deferred) return;
  expect_one_submission_each(before, *options.deferred, engine.counters().steps - steps);
}

class EngineOnModels : public testing::TestWithParam<const char*> {};

TEST_P(EngineOnModels, a_text_depends_on_its_prompt_and_seed_alone) {
  const TestPair pair = golden_pair(GetParam());
  const auto plain = load(pair, options_for({1, 128, Verification::kCoupled, false}));
  const Setting settings[] = {{2, 64, Verification::kCoupled, true},
                              {4, 7, Verification::kCoupled, false},
                              {16, 128, Verification::kCoupled, true},
                              {4, 48, Verification::kExact, true}};
  std::mt19937 bits(7);
  std::uint64_t cached = 0, drafted = 0;
  for (const Setting& setting : settings) {
    const TestOptions options = options_for(setting);
    const auto runtime = load(pair, options);
    Engine engine(*runtime, nullptr,
                  {.slots = setting.slots, .verification = setting.verification});
    std::vector<std::unique_ptr<HeardNumbers>> heard;
    std::vector<std::vector<std::uint32_t>> want;
    for (int i = 0; i < 24; ++i) {
      Request r = golden_request(bits);
      want.push_back(alone_on(*plain, r));
      heard.push_back(std::make_unique<HeardNumbers>());
      ASSERT_TRUE(engine.submit(std::move(r), *heard.back()).has_value());
      for (auto steps = bits() % 5; steps > 0; --steps) {
        step(engine, options);
      }
    }
    while (!engine.idle()) step(engine, options);
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_EQ(heard[i]->tokens, want[i]) << setting.slots << " slots, request " << i;
      cached += heard[i]->finish->cached_tokens;
    }
    drafted += engine.counters().speculative.drafted;
  }
  EXPECT_GT(cached, 1000u) << "prefixes were shared";
  EXPECT_GT(drafted, 500u) << "and drafts verified";
}

INSTANTIATE_TEST_SUITE_P(Golden, EngineOnModels,
                         testing::Values("dense", "ple", "moe", "mild/dense", "mild/ple",
                                         "mild/moe"),
                         test_name);

}  // namespace
}  // namespace outrider
