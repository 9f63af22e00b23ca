// Requests for engines over the golden cases, and what they get when nobody else is there.
#pragma once
#include <optional>
#include <random>
#include <vector>

#include "engine/golden_test_runtime.h"

namespace outrider {

struct HeardNumbers final : Listener {
  std::vector<std::uint32_t> tokens;
  std::optional<Finish> finish;
  bool on_tokens(std::span<const GeneratedToken> news) override {
    for (const GeneratedToken& token : news) tokens.push_back(token.token.value());
    return true;
  }
  void on_finish(const Finish& how) override { finish = how; }
};

// One of a few texts, cut off somewhere and ended in one's own way: prompts share beginnings of
// every length, and checkpoints fall inside pages.
inline Request golden_request(std::mt19937& bits) {
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

// The text without drafts, company or cache.
inline std::vector<std::uint32_t> alone_on(Runtime& runtime, Request r) {
  r.drafts = {.n_min = 0, .n_max = 0};
  std::vector<std::uint32_t> tokens;
  const auto result = checked(generate(runtime, nullptr, std::move(r),
                                       [&](TokenId token) { tokens.push_back(token.value()); }));
  EXPECT_EQ(tokens.size(), result.tokens.size());
  return tokens;
}

// A golden case's name as part of a test's.
inline std::string test_name(const testing::TestParamInfo<const char*>& golden_case) {
  std::string name = golden_case.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

}  // namespace outrider
