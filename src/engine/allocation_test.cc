// Counts what this whole program allocates.
#include <gtest/gtest.h>

#include "core/allocation_test_count.h"
#include "engine/engine_test_harness.h"

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

TEST(EngineAllocation, is_counted) {
  const std::size_t before = allocations;
  Harness h(1);
  EXPECT_GT(allocations, before);
}

}  // namespace
}  // namespace outrider
