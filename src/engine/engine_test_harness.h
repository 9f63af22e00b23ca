// An engine on a scripted backend, requests for it, and listeners that remember what they heard.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/scripted_test_backend.h"

namespace outrider {

constexpr std::uint64_t kScriptedPage = 2048;  // bytes, in either group

struct Heard final : Listener {
  std::vector<TokenId> tokens;
  std::vector<float> log_probabilities;
  std::optional<Finish> finish;
  bool listens = true;
  bool on_tokens(std::span<const GeneratedToken> news) override {
    EXPECT_FALSE(finish.has_value()) << "nothing comes after the finish";
    for (const GeneratedToken& token : news) {
      tokens.push_back(token.token);
      log_probabilities.push_back(token.log_probability);
    }
    return listens;
  }
  void on_finish(const Finish& how) override {
    EXPECT_FALSE(finish.has_value());
    finish = how;
  }
};

inline Request request(std::uint32_t seed, std::uint32_t prompt, std::uint32_t tokens) {
  Request r{.prompt = {}, .tokens_max = tokens};
  for (std::uint32_t i = 0; i < prompt; ++i) {
    r.prompt.push_back(TokenId(philox_at(seed, i)[0] % 64));
  }
  r.sampling.seed = seed;
  return r;
}

inline RuntimeOptions options_for(std::uint32_t slots, std::uint32_t context = 512) {
  return {.context = context, .sequences = slots, .chunk_rows = 64, .logit_rows = 32};
}

struct Harness {
  explicit Harness(std::uint32_t slots, const Script& script = {},
                   EngineOptions engine_options = {}, std::uint32_t context = 512)
      : Harness(options_for(slots, context), script, engine_options) {}
  Harness(const RuntimeOptions& options, const Script& script, EngineOptions engine_options)
      : over(scripted(script, options)) {
    engine_options.slots = options.sequences;
    engine_options.clock = [this] { return over.backend->seconds; };
    engine.emplace(*over.runtime, nullptr, engine_options);
  }
  Heard& ask(Request r) {
    heard.push_back(std::make_unique<Heard>());
    const auto id = engine->submit(std::move(r), *heard.back());
    EXPECT_TRUE(id.has_value()) << (id ? "" : id.error().message);
    if (id) ids.push_back(*id);
    return *heard.back();
  }
  void step() {
    const DeferredCounts before = *over.counts;
    const std::uint64_t steps = engine->counters().steps;
    const auto stepped = engine->step();
    ASSERT_TRUE(stepped.has_value());
    expect_one_submission_each(before, *over.counts, engine->counters().steps - steps);
  }
  void finish() {
    for (int steps = 0; !engine->idle(); ++steps) {
      ASSERT_LT(steps, 100000) << "the engine comes to an end";
      step();
    }
  }
  ScriptedRuntime over;
  std::optional<Engine> engine;
  std::vector<std::unique_ptr<Heard>> heard;
  std::vector<RequestId> ids;
};

// The text without drafts, company or cache.
inline std::vector<TokenId> alone(Request r) {
  Harness harness(1);
  r.drafts = {.n_min = 0, .n_max = 0};
  const Heard& heard = harness.ask(std::move(r));
  harness.finish();
  return heard.tokens;
}

}  // namespace outrider
