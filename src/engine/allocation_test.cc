// Counts what this whole program allocates.
#include <gtest/gtest.h>

#include "core/allocation_test_count.h"
#include "engine/engine_test_harness.h"
#include "engine/golden_test_runtime.h"

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
    for (int step = 0; step < 300; ++step) h.step();
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

TEST(EngineAllocation, is_counted) {
  const std::size_t before = allocations;
  Harness h(1);
  EXPECT_GT(allocations, before);
}

}  // namespace
}  // namespace outrider
