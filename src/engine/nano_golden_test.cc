// The engine on the shipped pair.
#include <gtest/gtest.h>

#include "engine/nano_test_run.h"

namespace outrider {
namespace {

// The case that this project began with: two slots draft three tokens each, with a least
// confidence, and both from their first token on.
TEST(Nano, two_slots_draft_three_with_p_min_from_their_first_tokens) {
  const RuntimeOptions options{.context = 512, .sequences = 2, .chunk_rows = 512};
  const auto plain = load_nano(options);
  const NanoPrompts prompts(*plain);
  const auto counts = std::make_shared<DeferredCounts>();
  const auto runtime = load_nano(options, counts);
  SpeculationCounts all;
  for (std::uint32_t number = 0; number < 12; number += 2) {
    SCOPED_TRACE(number);
    Engine engine(*runtime, nullptr, {.slots = 2, .cache_prefixes = false});
    std::vector<std::vector<std::uint32_t>> want;
    HeardNumbers heard[2];
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      Request r = prompts.request(number + slot, 60);
      r.sampling.temperature = std::array{0.0f, 1.0f, 2.0f}[number / 2 % 3];
      if (number % 4 == 0) r.ends.clear();  // what the model would not say is harder to guess
      want.push_back(alone_on(*plain, r));
      r.drafts = {.n_min = 3, .n_max = 3, .p_min = 0.75f};
      r.checkpoints.clear();  // whole prompts, so that both have their first token at once
      ASSERT_TRUE(engine.submit(std::move(r), heard[slot]).has_value());
    }
    const std::uint64_t rounds = counts->draft_submissions;
    ASSERT_TRUE(engine.step().has_value());
    ASSERT_EQ(heard[0].tokens.size(), 1u);
    ASSERT_EQ(heard[1].tokens.size(), 1u);
    ASSERT_TRUE(engine.step().has_value());
    EXPECT_EQ(counts->draft_submissions, rounds + 1) << "a round for both";
    EXPECT_EQ(counts->sequences_last, 2u);
    while (!engine.idle()) ASSERT_TRUE(engine.step().has_value());
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      EXPECT_EQ(heard[slot].tokens, want[slot]) << "slot " << slot;
      EXPECT_GT(heard[slot].tokens.size(), 2u);
    }
    all.drafted += engine.counters().speculative.drafted;
    all.accepted += engine.counters().speculative.accepted;
  }
  EXPECT_GT(all.drafted, 100u);
  EXPECT_GT(all.accepted, all.drafted / 2) << "a drafter that was trained for its target";
  EXPECT_LT(all.accepted, all.drafted - 20) << "and is wrong now and then";
}

// What slot a conversation has changes neither its text nor which of its drafts stand: a hidden row
// or a page of somebody else would show itself there, and in the text it would not.
TEST(Nano, drafts_stand_alike_in_every_slot) {
  constexpr std::uint32_t kSlots = 8;
  const RuntimeOptions options{
      .context = 512, .sequences = kSlots, .chunk_rows = 512, .logit_rows = 128};
  const auto runtime = load_nano(options);
  const NanoPrompts prompts(*runtime);
  const auto asked = [&](std::uint32_t who) {
    Request r = prompts.request(who, 40);
    r.ends.clear();
    r.cache_prompt = false;
    r.drafts = {.n_min = 1 + who % 4, .n_max = 1 + who % 4};
    return r;
  };
  std::vector<HeardNumbers> alone(kSlots);
  for (std::uint32_t who = 0; who < kSlots; ++who) {
    Engine engine(*runtime, nullptr, {.slots = 1});
    ASSERT_TRUE(engine.submit(asked(who), alone[who]).has_value());
    while (!engine.idle()) ASSERT_TRUE(engine.step().has_value());
  }
  for (const std::uint32_t stride : {1u, 3u, 5u, 7u}) {
    Engine engine(*runtime, nullptr, {.slots = kSlots});
    std::vector<HeardNumbers> heard(kSlots);
    const auto who_has = [&](std::uint32_t slot) { return (slot * stride + stride) % kSlots; };
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
      ASSERT_TRUE(engine.submit(asked(who_has(slot)), heard[slot]).has_value());
    }
    while (!engine.idle()) ASSERT_TRUE(engine.step().has_value());
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
      SCOPED_TRACE(testing::Message() << "conversation " << who_has(slot) << " in slot " << slot);
      const HeardNumbers& want = alone[who_has(slot)];
      EXPECT_EQ(heard[slot].tokens, want.tokens);
      const SpeculationCounts& ours = heard[slot].finish->speculative;
      EXPECT_EQ(ours.accepted_per_position, want.finish->speculative.accepted_per_position);
      EXPECT_EQ(ours.drafted_per_position, want.finish->speculative.drafted_per_position);
      EXPECT_GT(ours.accepted, 5u);
    }
  }
}

// Strings that end a text, wherever drafts and tokens put their borders.
TEST(Nano, a_stop_string_ends_the_text_at_the_same_byte_with_drafts) {
  const auto runtime = load_nano({.context = 512, .sequences = 1});
  const NanoPrompts prompts(*runtime);
  std::uint32_t stopped = 0;
  for (std::uint32_t number = 0; number < 16; ++number) {
    for (const char* stop : {" is ", "a", ", 1", "e f", "."}) {
      Request r = prompts.request(number, 40);
      r.stop = {stop};
      std::optional<Generation> plain;
      for (const std::uint32_t drafts : {0u, 1u, 5u}) {
        r.drafts = {.n_min = drafts, .n_max = drafts};
        const auto reply = checked(generate(*runtime, &prompts.vocabulary(), r, [](TokenId) {}));
        if (!plain) plain = reply;
        EXPECT_EQ(reply.tokens, plain->tokens) << number << ", \"" << stop << "\", " << drafts;
        EXPECT_EQ(reply.finish.stop, plain->finish.stop);
        EXPECT_EQ(reply.finish.reason, plain->finish.reason);
      }
      if (plain->finish.stop) ++stopped;
    }
  }
  EXPECT_GT(stopped, 20u);
  EXPECT_LT(stopped, 80u) << "and some texts come to their own end";
}

// A sample of what nano_long_test.cc runs with 200 prompts.
TEST(Nano, replies_are_the_same_under_a_sample_of_settings) {
  const auto cases = draw_nano_cases(1, 8, 4);
  NanoRun run;
  const NanoTotals totals = run.run(cases);
  EXPECT_EQ(totals.cases, 32u);
  EXPECT_GT(totals.drafted, 200u);
  EXPECT_GT(totals.accepted, 100u);
  EXPECT_GT(totals.cached, 200u);
}

}  // namespace
}  // namespace outrider
