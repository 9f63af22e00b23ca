// The engine on a scripted backend, whose keys are fingerprints of the text: whatever goes wrong
// with pages, views or hidden rows changes what is generated.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "engine/engine_test_harness.h"

namespace outrider {
namespace {

TEST(Engine, a_request_is_answered_and_its_pages_come_back) {
  Harness h(2);
  const auto free = h.over.runtime->pool().free_pages(KvGroup::kGlobal);
  Request r = request(1, 100, 30);
  r.cache_prompt = false;
  const Heard& heard = h.ask(r);
  h.finish();
  EXPECT_EQ(heard.tokens.size(), 30u);
  ASSERT_TRUE(heard.finish.has_value());
  EXPECT_EQ(heard.finish->reason, FinishReason::kLength);
  EXPECT_EQ(heard.finish->tokens, 30u);
  EXPECT_EQ(heard.finish->prompt_tokens, 100u);
  EXPECT_EQ(h.over.runtime->pool().free_pages(KvGroup::kGlobal), free);
}

TEST(Engine, a_request_alone_may_fill_the_whole_pool) {
  Harness h(1, {}, {}, 256);  // the checkpoint behind its prompt holds the last page as well
  const Heard& heard = h.ask(request(1, 200, 57));
  h.finish();
  ASSERT_TRUE(heard.finish.has_value());
  EXPECT_EQ(heard.finish->reason, FinishReason::kLength);
  EXPECT_EQ(heard.tokens.size(), 57u);
}

TEST(Engine, what_can_never_be_done_is_refused_in_one_sentence) {
  Harness h(1);
  Heard heard;
  const auto refused = [&](Request r) {
    auto submitted = h.engine->submit(std::move(r), heard);
    EXPECT_FALSE(submitted.has_value());
    return submitted ? "" : submitted.error().message;
  };
  EXPECT_NE(refused(request(1, 0, 5)).find("no tokens"), std::string::npos);
  EXPECT_NE(refused(request(1, 513, 5)).find("513 tokens"), std::string::npos);
  Request outside = request(1, 4, 5);
  outside.prompt[2] = TokenId(64);
  EXPECT_NE(refused(outside).find("token 64"), std::string::npos);
  Request bias = request(1, 4, 5);
  bias.bias = {{TokenId(99), 1.0f}};
  EXPECT_NE(refused(bias).find("token 99"), std::string::npos);
  Request stop = request(1, 4, 5);
  stop.stop = {"x"};
  EXPECT_NE(refused(stop).find("vocabulary"), std::string::npos);
}

TEST(Engine, a_full_queue_refuses_and_a_slot_that_comes_free_is_used) {
  Harness h(1, {}, {.queue = 2});
  h.ask(request(1, 5, 5));
  h.ask(request(2, 5, 5));
  Heard third;
  const auto refused = h.engine->submit(request(3, 5, 5), third);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
  h.finish();
  for (const auto& heard : h.heard) EXPECT_EQ(heard->tokens.size(), 5u);
}

TEST(Engine, the_text_depends_on_nothing_but_prompt_and_seed) {
  std::mt19937 engine_bits(1);
  const auto bits = [&] { return static_cast<std::uint32_t>(engine_bits()); };
  for (int round = 0; round < 12; ++round) {
    const std::uint32_t slots = std::array{1u, 2u, 4u, 16u}[bits() % 4];
    Script script;
    script.drafter_noise = std::array{0.0f, 0.3f, 1.0f, 3.0f}[bits() % 4];
    Harness h(slots, script);
    std::vector<std::vector<TokenId>> want;
    for (std::uint32_t i = 0; i < 20; ++i) {
      Request r = request(static_cast<std::uint32_t>(100 * round) + i % 13, 1 + bits() % 200,
                          1 + bits() % 60);
      r.sampling.temperature = bits() % 2 == 0 ? 0.0f : 1.0f;
      if (bits() % 3 == 0) r.sampling.repeat_penalty = 1.3f;
      r.cache_prompt = bits() % 2 == 0;
      const std::uint32_t drafts = bits() % 10;
      if (drafts < 9) r.drafts = {.n_min = drafts, .n_max = drafts};
      if (bits() % 2 == 0) r.drafts.p_min = 0.2f;
      if (bits() % 2 == 0) r.ends = {TokenId(7), TokenId(9)};
      for (std::uint32_t at = 20; at < r.prompt.size(); at += 1 + bits() % 70) {
        r.checkpoints.push_back(at);
      }
      want.push_back(alone(r));
      h.ask(std::move(r));
      for (std::uint32_t steps = bits() % 4; steps > 0; --steps) h.step();
    }
    h.finish();
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_EQ(h.heard[i]->tokens, want[i]) << "round " << round << ", request " << i;
    }
  }
}

TEST(Engine, drafts_that_stand_save_target_launches) {
  Script script;
  script.drafter_noise = 0;
  Harness h(2, script);
  Request r = request(5, 10, 60);
  r.drafts = {.n_min = 3, .n_max = 3};
  const Heard& a = h.ask(r);
  r.sampling.seed = 6;
  h.ask(r);
  h.finish();
  EXPECT_LE(h.over.backend->target_launches, 20u);
  EXPECT_LE(h.over.backend->draft_launches, h.over.backend->target_launches);
  const SpeculationCounts& s = a.finish->speculative;
  EXPECT_EQ(s.accepted, s.drafted) << "a drafter that is never wrong";
  EXPECT_EQ(s.accepted_per_position[0], s.rounds);
}

TEST(Engine, nothing_is_drafted_behind_the_last_token_wanted) {
  Script script;
  script.drafter_noise = 0;
  Harness h(1, script);
  Request r = request(5, 10, 2);  // the first comes from the prompt, the second needs no draft
  r.drafts = {.n_min = 8, .n_max = 8};
  const Heard& two = h.ask(r);
  r.tokens_max = 4;
  const Heard& four = h.ask(r);
  h.finish();
  EXPECT_EQ(two.finish->speculative.drafted, 0u);
  EXPECT_EQ(four.finish->speculative.drafted, 2u);
  EXPECT_EQ(four.tokens.size(), 4u);
}

// The seed's case.
TEST(Engine, two_slots_draft_three_with_p_min_from_their_first_tokens) {
  Harness h(2);
  Request r = request(8, 1, 80);
  r.drafts = {.n_min = 3, .n_max = 3, .p_min = 0.75f};
  Request other = request(9, 70, 80);
  other.drafts = r.drafts;
  const auto want = alone(r), want_other = alone(other);
  const Heard& a = h.ask(r);
  const Heard& b = h.ask(other);
  h.finish();
  EXPECT_EQ(a.tokens, want);
  EXPECT_EQ(b.tokens, want_other);
}

TEST(Engine, a_second_request_computes_only_what_follows_the_last_checkpoint_they_share) {
  Harness h(2);
  Request first = request(3, 150, 10);
  first.checkpoints = {40, 100};
  h.ask(first);
  h.finish();
  const auto rows_before = h.engine->counters().prompt_rows + h.engine->counters().logit_rows;

  Request second = first;  // the same up to 120
  for (std::size_t i = 120; i < second.prompt.size(); ++i) second.prompt[i] = TokenId(1);
  const auto want = alone(second);
  const Heard& heard = h.ask(second);
  h.finish();
  EXPECT_EQ(heard.finish->cached_tokens, 100u);
  EXPECT_EQ(heard.tokens, want);
  const auto rows =
      h.engine->counters().prompt_rows + h.engine->counters().logit_rows - rows_before;
  EXPECT_LE(rows, 50u + 10 * 9);

  const Heard& again = h.ask(first);  // all of it is there: its last row is computed again
  h.finish();
  EXPECT_EQ(again.finish->cached_tokens, 149u);
  EXPECT_EQ(again.tokens, alone(first));

  Request turn = first;  // the conversation goes on behind the reply
  turn.prompt.insert(turn.prompt.end(), again.tokens.begin(), again.tokens.end());
  for (std::uint32_t i = 0; i < 30; ++i) turn.prompt.push_back(TokenId(i));
  const Heard& next = h.ask(turn);
  h.finish();
  EXPECT_GE(next.finish->cached_tokens, 150u + again.tokens.size() - 1);
  EXPECT_EQ(next.tokens, alone(turn));
}

TEST(Engine, a_running_sequence_shares_its_prefix_too) {
  Harness h(3);
  Request r = request(4, 130, 50);
  r.checkpoints = {90};
  h.ask(r);
  while (h.heard[0]->tokens.empty()) h.step();
  Request other = r;
  other.prompt.resize(110, TokenId(0));
  other.prompt.push_back(TokenId(5));
  const Heard& heard = h.ask(other);
  h.finish();
  EXPECT_EQ(heard.finish->cached_tokens, 90u);
  EXPECT_EQ(heard.tokens, alone(other));
  EXPECT_EQ(h.heard[0]->tokens, alone(r));
}

TEST(Engine, cancelled_and_unheard_requests_give_their_slot_back_at_once) {
  Harness h(1);
  Heard& gone = h.ask(request(1, 10, 300));
  h.ask(request(2, 10, 300));
  const Heard& last = h.ask(request(3, 10, 5));
  for (int i = 0; i < 5; ++i) h.step();
  gone.listens = false;
  h.engine->cancel(h.ids[1]);
  h.engine->cancel(RequestId(999));
  h.step();
  EXPECT_EQ(gone.finish->reason, FinishReason::kCancelled);
  h.finish();
  EXPECT_EQ(h.heard[1]->finish->reason, FinishReason::kCancelled);
  EXPECT_TRUE(h.heard[1]->tokens.empty());
  EXPECT_EQ(last.tokens, alone(request(3, 10, 5)));
}

// A pool for two contexts and four slots that want one each: the youngest make way and come back.
TEST(Engine, a_full_pool_pauses_the_youngest_and_loses_nobody) {
  RuntimeOptions options = options_for(4, 512);
  options.kv_bytes = 34 * kScriptedPage;
  const ScriptedRuntime over = scripted({}, options);
  Engine engine(*over.runtime, nullptr,
                {.slots = 4, .clock = [&] { return over.backend->seconds; }});
  std::vector<Heard> heard(6);
  for (std::uint32_t i = 0; i < 6; ++i) {
    Request r = request(i, 60 + 30 * i, 300);
    ASSERT_TRUE(engine.submit(r, heard[i]).has_value());
  }
  for (int steps = 0; !engine.idle(); ++steps) {
    ASSERT_LT(steps, 20000);
    ASSERT_TRUE(engine.step().has_value());
  }
  EXPECT_GT(engine.counters().pauses, 0u);
  for (std::uint32_t i = 0; i < 6; ++i) {
    EXPECT_EQ(heard[i].tokens, alone(request(i, 60 + 30 * i, 300))) << i;
  }
}

// The least memory that is taken at all: 8 global pages, 4 sliding ones, one of each for padding.
RuntimeOptions options_for_one() {
  RuntimeOptions options = options_for(1, 512);
  options.kv_bytes = 14 * kScriptedPage;
  return options;
}

TEST(Engine, the_least_memory_is_enough_for_a_whole_context_and_its_checkpoints) {
  const ScriptedRuntime over = scripted({}, options_for_one());
  Engine engine(*over.runtime, nullptr,
                {.slots = 1, .clock = [&] { return over.backend->seconds; }});
  for (std::uint32_t prompt = 440; prompt <= 512; prompt += 9) {
    Request r = request(prompt, prompt, 0);
    r.checkpoints = {100, 250, 430};
    Heard heard;
    ASSERT_TRUE(engine.submit(r, heard).has_value());
    while (!engine.idle()) ASSERT_TRUE(engine.step().has_value());
    EXPECT_EQ(heard.finish->reason, FinishReason::kLength) << prompt;
    EXPECT_EQ(heard.tokens, alone(r)) << prompt;
  }
}

TEST(Engine, a_request_whose_pages_somebody_else_holds_fails_alone) {
  const ScriptedRuntime over = scripted({}, options_for_one());
  KvPool& pool = over.runtime->pool();
  const auto stranger = pool.open();
  for (int page = 0; page < 5; ++page) std::move(*pool.append(*stranger, 64)).commit(64);
  Engine engine(*over.runtime, nullptr,
                {.slots = 1, .clock = [&] { return over.backend->seconds; }});
  Heard heard, after;
  ASSERT_TRUE(engine.submit(request(1, 100, 0), heard).has_value());
  ASSERT_TRUE(engine.submit(request(2, 10, 5), after).has_value());
  for (int steps = 0; !engine.idle() && steps < 2000; ++steps) {
    ASSERT_TRUE(engine.step().has_value());
  }
  ASSERT_TRUE(heard.finish.has_value());
  EXPECT_EQ(heard.finish->reason, FinishReason::kFailed);
  EXPECT_EQ(heard.finish->error->code, ErrorCode::kExhausted);
  EXPECT_EQ(after.tokens.size(), 5u);
}

// At every launch of a text in turn: prompt, draft rounds, verification.
TEST(Engine, a_lost_device_is_opened_again_and_the_texts_are_the_same) {
  std::vector<Request> requests;
  for (std::uint32_t i = 0; i < 3; ++i) {
    requests.push_back(request(i, 60 + 30 * i, 30));
    requests.back().drafts = {.n_min = i, .n_max = i + 2};
    requests.back().checkpoints = {30};
  }
  requests[2].sampling.repeat_penalty = 1.3f;
  requests[1].constraint = {.ends = {TokenId(3)}, .tokens_min = 20};
  std::vector<std::vector<TokenId>> want;
  for (const Request& r : requests) want.push_back(alone(r));
  int lost = 0;
  for (int at = 1; at < 200; ++at) {
    Harness h(2);
    int launches = 0;
    h.over.backend->fails_next = [&] { return ++launches == at; };
    for (const Request& r : requests) h.ask(r);
    while (!h.engine->idle()) {
      ASSERT_TRUE(h.engine->step().has_value()) << at;
      ASSERT_TRUE(h.engine->pages_add_up()) << at;
    }
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(h.heard[i]->tokens, want[i]) << "request " << i << ", lost at launch " << at;
    }
    if (launches < at) break;  // the texts were over before
    EXPECT_EQ(h.engine->counters().devices_lost, 1u);
    ++lost;
  }
  EXPECT_GT(lost, 30);
}

TEST(Engine, a_device_lost_again_and_again_fails_what_ran_and_the_rest_goes_on) {
  Harness h(2);
  int launches = 0;
  h.over.backend->fails_next = [&] {
    ++launches;
    return launches >= 6 && launches < 9;
  };
  h.ask(request(1, 10, 30));
  h.ask(request(2, 10, 30));
  const Heard& third = h.ask(request(3, 10, 30));
  int failed = 0;
  for (int steps = 0; !h.engine->idle() && steps < 1000; ++steps) {
    if (!h.engine->step()) ++failed;
  }
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(h.heard[0]->finish->reason, FinishReason::kFailed);
  EXPECT_EQ(h.heard[1]->finish->error->code, ErrorCode::kDevice);
  EXPECT_EQ(third.tokens, alone(request(3, 10, 30)));
}

TEST(Engine, a_device_that_cannot_be_opened_again_is_said_and_tried_again) {
  Harness h(1);
  int launches = 0;
  h.over.backend->fails_next = [&] { return ++launches == 4; };
  h.over.backend->stays_closed = true;
  const Heard& first = h.ask(request(1, 10, 30));
  const Heard& second = h.ask(request(2, 10, 30));
  const Heard& third = h.ask(request(3, 10, 30));
  while (!second.finish) static_cast<void>(h.engine->step());
  EXPECT_EQ(first.finish->error->message, "the device is gone, and then there is no device");
  EXPECT_EQ(second.finish->reason, FinishReason::kFailed);
  EXPECT_FALSE(third.finish.has_value());
  h.over.backend->stays_closed = false;
  h.finish();
  EXPECT_EQ(third.tokens, alone(request(3, 10, 30)));
}

TEST(Engine, constraints_and_log_probabilities_hold_with_drafts) {
  std::vector<float> without_drafts;
  for (const std::uint32_t drafts : {0u, 5u}) {
    Harness h(1);
    Request r = request(11, 20, 40);
    r.drafts = {.n_min = drafts, .n_max = drafts};
    for (std::uint32_t t = 0; t < 32; ++t) r.ends.push_back(TokenId(t));
    r.constraint = {.ends = r.ends,
                    .tokens_min = 25,
                    .banned = {TokenId(60)},
                    .beginnings = {{TokenId(40), TokenId(41), TokenId(42)}}};
    r.logprobs = 3;
    const Heard& heard = h.ask(r);
    h.finish();
    ASSERT_GE(heard.tokens.size(), 25u);
    for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(heard.tokens[i], TokenId(40 + i));
    for (const TokenId token : heard.tokens) EXPECT_NE(token, TokenId(60));
    if (drafts == 0) without_drafts = heard.log_probabilities;
    EXPECT_EQ(heard.log_probabilities, without_drafts);
    EXPECT_LT(*std::min_element(without_drafts.begin(), without_drafts.end()), -1.0f);
    r.logprobs.reset();
    EXPECT_EQ(heard.tokens, alone(r));
  }
}

TEST(Engine, a_long_prompt_at_most_doubles_the_time_between_others_tokens) {
  Script script;
  script.target_seconds = [](std::uint32_t rows) { return 1.0 + 0.05 * rows; };
  Harness h(4, script, {}, 5000);
  for (std::uint32_t i = 0; i < 3; ++i) {
    Request r = request(i, 10, 2000);
    r.drafts = {.n_min = 0, .n_max = 0};
    h.ask(r);
  }
  for (int i = 0; i < 20; ++i) h.step();
  const double plain = script.target_seconds(3);
  h.ask(request(50, 4096, 4));
  std::size_t tokens = h.heard[0]->tokens.size();
  int steps = 0;
  double worst = 0;
  while (h.heard[3]->tokens.empty()) {
    const double before = h.over.backend->seconds;
    h.step();
    worst = std::max(worst, h.over.backend->seconds - before);
    EXPECT_EQ(h.heard[0]->tokens.size(), ++tokens) << "every step brings the others a token";
    ASSERT_LT(++steps, 2000);
  }
  EXPECT_LE(worst, 2.02 * plain);
  EXPECT_LT(steps, 4096 / 15) << "and the prompt gets on";
}

TEST(Engine, synthetic_acceptance_lets_drafts_stand_as_often_as_asked) {
  Harness h(4, {}, {.synthetic_acceptance = {0.8, 0.65, 0.5}}, 5000);
  for (std::uint32_t i = 0; i < 4; ++i) {
    Request r = request(i, 10, 2000);
    r.drafts = {.n_min = 3, .n_max = 3};
    h.ask(r);
  }
  h.finish();
  const SpeculationCounts& s = h.engine->counters().speculative;
  const auto rate = [&](std::size_t position) {
    return static_cast<double>(s.accepted_per_position[position]) / static_cast<double>(s.rounds);
  };
  EXPECT_NEAR(rate(0), 0.8, 0.03);
  EXPECT_NEAR(rate(1), 0.65, 0.03);
  EXPECT_NEAR(rate(2), 0.5, 0.03);
}

}  // namespace
}  // namespace outrider
