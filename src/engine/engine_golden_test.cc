// The engine on real models: a text is that of its prompt and seed alone, whoever shares the
// launch, the pages or the cache, and however far the drafter rode ahead.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/golden_test_runtime.h"

namespace outrider {
namespace {

struct Heard final : Listener {
  std::vector<std::uint32_t> tokens;
  std::optional<Finish> finish;
  bool on_tokens(std::span<const GeneratedToken> news) override {
    for (const GeneratedToken& token : news) tokens.push_back(token.token.value());
    return true;
  }
  void on_finish(const Finish& how) override { finish = how; }
};

struct Setting {
  std::uint32_t slots, chunk_rows;
  Verification verification;
};

TestOptions options_for(const Setting& setting) {
  TestOptions options;
  options.runtime.sequences = setting.slots;
  options.runtime.chunk_rows = setting.chunk_rows;
  options.runtime.logit_rows = std::min(setting.chunk_rows, 32u);
  options.runtime.kv_format = KvFormat::kF16;
  return options;
}

// One of a few texts, cut off somewhere and ended in one's own way: prompts share beginnings of
// every length, and checkpoints fall inside pages.
Request draw(std::mt19937& bits) {
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(bits()) % limit;
  };
  Request r{.prompt = {}, .tokens_max = 4 + below(20)};
  const std::uint32_t text = below(3);
  const std::uint32_t shared = 20 + below(140);
  for (std::uint32_t i = 0; i < shared; ++i) r.prompt.push_back(TokenId(2 + (13 + text) * i % 500));
  for (std::uint32_t i = below(8); i > 0; --i) r.prompt.push_back(TokenId(2 + below(500)));
  for (const std::uint32_t at : {10u, 37u, 90u, 128u}) {
    if (at < shared) r.checkpoints.push_back(at);
  }
  r.sampling.seed = below(5);
  r.sampling.temperature = below(2) == 0 ? 0.0f : 1.0f;
  r.cache_prompt = below(4) != 0;
  const std::uint32_t drafts = below(10);
  if (drafts < 9) r.drafts = {.n_min = drafts, .n_max = drafts};
  return r;
}

std::vector<std::uint32_t> alone(Runtime& runtime, Request r) {
  r.drafts = {.n_min = 0, .n_max = 0};
  std::vector<std::uint32_t> tokens;
  const auto result = checked(generate(runtime, nullptr, std::move(r),
                                       [&](TokenId token) { tokens.push_back(token.value()); }));
  EXPECT_EQ(tokens.size(), result.tokens.size());
  return tokens;
}

class EngineOnModels : public testing::TestWithParam<const char*> {};

TEST_P(EngineOnModels, a_text_depends_on_its_prompt_and_seed_alone) {
  const TestPair pair = golden_pair(GetParam());
  const auto plain = load(pair, options_for({1, 128, Verification::kCoupled}));
  const Setting settings[] = {{2, 64, Verification::kCoupled},
                              {4, 7, Verification::kCoupled},
                              {16, 128, Verification::kCoupled},
                              {4, 48, Verification::kExact}};
  std::mt19937 bits(7);
  std::uint64_t cached = 0, drafted = 0;
  for (const Setting& setting : settings) {
    const auto runtime = load(pair, options_for(setting));
    Engine engine(*runtime, nullptr,
                  {.slots = setting.slots, .verification = setting.verification});
    std::vector<std::unique_ptr<Heard>> heard;
    std::vector<std::vector<std::uint32_t>> want;
    for (int i = 0; i < 24; ++i) {
      Request r = draw(bits);
      want.push_back(alone(*plain, r));
      heard.push_back(std::make_unique<Heard>());
      ASSERT_TRUE(engine.submit(std::move(r), *heard.back()).has_value());
      for (auto steps = bits() % 5; steps > 0; --steps) {
        ASSERT_TRUE(engine.step().has_value());
      }
    }
    while (!engine.idle()) ASSERT_TRUE(engine.step().has_value());
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
                         [](const auto& suite_case) {
                           std::string name = suite_case.param;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace outrider
