// Counts what this whole program allocates.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "core/allocation_test_count.h"
#include "engine/engine_test_harness.h"
#include "engine/golden_test_runtime.h"
#include "text/call_grammar.h"
#include "text/reply_test_vocabulary.h"

namespace outrider {
namespace {

// Hears everything and keeps a count.
struct Counting final : Listener {
  std::size_t tokens = 0;
  bool on_tokens(std::span<const GeneratedToken> news) override {
    tokens += news.size();
    return true;
  }
  void on_finish(const Finish&) override {}
};

// Drafting, verifying, penalties, log-probabilities, constraints: once every size of launch was
// seen, none of it takes memory from the heap.
TEST(EngineAllocation, a_step_allocates_nothing_once_it_is_warm) {
  for (const Verification verification :
       {Verification::kCoupled, Verification::kRejection, Verification::kExact}) {
    Harness h(6, {}, {.verification = verification}, 4096);
    std::vector<Counting> heard(6);
    for (std::uint32_t i = 0; i < 6; ++i) {
      Request r = request(i, 10 + 20 * i, 0);
      if (i % 2 == 1) r.drafts = {.n_min = 4, .n_max = 4};
      if (i == 2) r.sampling.repeat_penalty = 1.2f;
      if (i == 3) r.logprobs = 4;
      if (i == 4) r.constraint = {.ends = {TokenId(7)}, .tokens_min = 3000};
      ASSERT_TRUE(h.engine->submit(std::move(r), heard[i]).has_value());
    }
    for (int step = 0; step < 600; ++step) h.step();
    const std::size_t before = allocations;
    const std::uint64_t tokens = h.engine->counters().tokens;
    for (int step = 0; step < 200; ++step) static_cast<void>(h.engine->step());
    EXPECT_EQ(allocations - before, 0u) << static_cast<int>(verification);
    EXPECT_GT(h.engine->counters().tokens, tokens + 200 * 6) << "and drafts stood";
  }
}

// The same with a model, computed by the CPU on two threads.
TEST(EngineAllocation, a_step_on_a_model_allocates_nothing_once_it_is_warm) {
  TestOptions options{.threads = 2};
  options.runtime.sequences = 3;
  const auto runtime = load(golden_pair("dense"), options);
  for (const Verification verification : {Verification::kCoupled, Verification::kRejection}) {
    double seconds = 0;
    Engine engine(*runtime, nullptr, {.slots = 3, .verification = verification, .clock = [&] {
                                        return seconds += 1e-3;
                                      }});
    std::vector<Counting> heard(3);
    for (std::uint32_t i = 0; i < 3; ++i) {
      Request r = request(i, 10 + 10 * i, 0);
      if (i > 0) r.drafts = {.n_min = i, .n_max = i};
      ASSERT_TRUE(engine.submit(std::move(r), heard[i]).has_value());
    }
    for (int step = 0; step < 30; ++step) ASSERT_TRUE(engine.step().has_value());
    const std::size_t before = allocations;
    const std::uint64_t rounds = engine.counters().speculative.rounds;
    for (int step = 0; step < 20; ++step) static_cast<void>(engine.step());
    EXPECT_EQ(allocations - before, 0u) << static_cast<int>(verification);
    EXPECT_GT(engine.counters().speculative.rounds, rounds + 25);
    EXPECT_EQ(engine.running(), 3u);
  }
}

// A reply of calls without end, with arguments of any kind.
TEST(EngineAllocation, keeping_to_a_syntax_allocates_nothing) {
  const Vocabulary& vocabulary = reply_vocabulary();
  const boost::json::value schema = boost::json::object();
  const CallableTool tool{.name = "f", .parameters = &schema};
  Request r = request(1, 10, 0);
  r.constraint.syntax = TokenSyntax{call_grammar({&tool, 1}, {.ends = false}),
                                    std::make_shared<const TokenBytes>(vocabulary)};
  r.bias = {{*vocabulary.find("<|\"|>"), 4.0f}, {vocabulary.byte_token('}'), 4.0f}};
  r.drafts = {.n_min = 4, .n_max = 4};
  Harness h(1, {.vocab = vocabulary.size()}, {}, 4096);
  Counting heard;
  ASSERT_TRUE(h.engine->submit(std::move(r), heard).has_value());
  for (int step = 0; step < 30; ++step) h.step();
  const std::size_t before = allocations;
  for (int step = 0; step < 200; ++step) static_cast<void>(h.engine->step());
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_GT(heard.tokens, 300u) << "and drafts stood";
}

TEST(EngineAllocation, is_counted) {
  const std::size_t before = allocations;
  Harness h(1);
  EXPECT_GT(allocations, before);
}

}  // namespace
}  // namespace outrider
