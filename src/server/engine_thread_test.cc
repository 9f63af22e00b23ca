// The engine's thread over a scripted backend.
#include "server/engine_thread.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "engine/scripted_test_backend.h"

namespace outrider {
namespace {

// Takes a reply's news as they come, unless told not to.
class Asker {
 public:
  explicit Asker(std::size_t room = 1024, bool reads = true) : reads_(reads) {
    queue_ = std::make_shared<ReplyQueue>(room, [this] { hear(); });
  }
  const std::shared_ptr<ReplyQueue>& queue() const { return queue_; }
  // Waits for it; comes at the latest when the thread stops.
  Finish finish() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return finish_.has_value(); });
    return *finish_;
  }
  void wait_for_tokens(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return tokens_.size() >= count; });
  }
  std::vector<TokenId> tokens() {
    const std::lock_guard lock(mutex_);
    return tokens_;
  }
  bool overflowed() {
    const std::lock_guard lock(mutex_);
    return overflowed_;
  }
  // Where it does not read by itself.
  void read() {
    ReplyNews news = queue_->take();
    const std::lock_guard lock(mutex_);
    for (const CertainToken& token : news.tokens) tokens_.push_back(token.token);
    if (news.finish) finish_ = news.finish;
    overflowed_ = news.overflowed;
    changed_.notify_all();
  }

 private:
  void hear() {
    if (reads_) read();
  }
  bool reads_;
  std::shared_ptr<ReplyQueue> queue_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TokenId> tokens_;
  std::optional<Finish> finish_;
  bool overflowed_ = false;
};

// A gate in front of every launch, so that tests decide when the engine goes on.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return is_open_ || steps_ > 0; });
    if (!is_open_) --steps_;
    --waiting_;
  }
  void wait_until_somebody_waits() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
  int steps_ = 0;
  int waiting_ = 0;
};

Request request(std::uint32_t seed, std::uint32_t prompt, std::uint32_t tokens) {
  Request r{.prompt = {}, .tokens_max = tokens};
  for (std::uint32_t i = 0; i < prompt; ++i) {
    r.prompt.push_back(TokenId(philox_at(seed, i)[0] % 64));
  }
  r.sampling.seed = seed;
  return r;
}

struct Harness {
  explicit Harness(std::uint32_t slots, std::uint32_t queue = 256)
      : over(scripted({},
                      {.context = 4096, .sequences = slots, .chunk_rows = 64, .logit_rows = 32})) {
    over.backend->fails_next = [this] {
      if (gated) gate.wait();
      return fails.exchange(false);
    };
    engine.emplace(*over.runtime, nullptr, EngineOptions{.slots = slots, .queue = queue});
  }
  ~Harness() {
    gate.open();
    engine.reset();
  }
  Result<std::vector<TicketId>> post(Request r, Asker& asker) {
    std::vector<EngineJob> jobs;
    jobs.push_back({std::move(r), asker.queue()});
    return engine->post(std::move(jobs));
  }
  TicketId ask(Request r, Asker& asker) {
    auto posted = post(std::move(r), asker);
    require(posted.has_value(), "the job is taken");
    return posted->front();
  }
  ScriptedRuntime over;
  Gate gate;
  bool gated = false;
  std::atomic<bool> fails = false;
  std::optional<EngineThread> engine;
};

TEST(EngineThread, answers_and_frees_the_slot_before_it_says_so) {
  Harness h(2);
  Asker asker;
  h.ask(request(1, 100, 30), asker);
  const Finish finish = asker.finish();
  EXPECT_EQ(finish.reason, FinishReason::kLength);
  EXPECT_EQ(asker.tokens().size(), 30u);
  const EngineState state = h.engine->state();
  EXPECT_EQ(state.running, 0u);
  EXPECT_EQ(state.slots[0].ticket, TicketId(0));
  EXPECT_EQ(state.finished.length, 1u);
  EXPECT_EQ(state.reply_tokens, 30u);
  EXPECT_EQ(state.pages_used, 0u);
  EXPECT_EQ(state.first_token_seconds.count(), 1u);
}

TEST(EngineThread, many_askers_hear_what_each_would_hear_alone) {
  std::vector<std::vector<TokenId>> alone;
  for (std::uint32_t i = 0; i < 6; ++i) {
    Harness h(1);
    Asker asker;
    h.ask(request(i, 40 + i, 50), asker);
    static_cast<void>(asker.finish());
    alone.push_back(asker.tokens());
  }
  Harness h(3);
  std::vector<std::unique_ptr<Asker>> askers;
  for (std::uint32_t i = 0; i < 6; ++i) {
    askers.push_back(std::make_unique<Asker>());
    h.ask(request(i, 40 + i, 50), *askers.back());
  }
  for (std::uint32_t i = 0; i < 6; ++i) {
    static_cast<void>(askers[i]->finish());
    EXPECT_EQ(askers[i]->tokens(), alone[i]) << i;
  }
}

TEST(EngineThread, a_cancelled_request_ends_and_frees_its_slot) {
  Harness h(1);
  Asker asker;
  const TicketId ticket = h.ask(request(1, 10, 4000), asker);
  asker.wait_for_tokens(3);
  h.engine->cancel(ticket);
  EXPECT_EQ(asker.finish().reason, FinishReason::kCancelled);
  EXPECT_EQ(h.engine->state().finished.cancelled, 1u);
  EXPECT_EQ(h.engine->state().running, 0u);
  EXPECT_LT(asker.tokens().size(), 4000u);
  h.engine->cancel(ticket);  // over: nothing happens
  Asker next;
  h.ask(request(2, 10, 5), next);
  EXPECT_EQ(next.finish().reason, FinishReason::kLength);
}

TEST(EngineThread, a_reply_that_has_all_that_was_wanted_counts_as_one_that_ended_itself) {
  Harness h(1);
  Asker asker;
  const TicketId ticket = h.ask(request(1, 10, 4000), asker);
  asker.wait_for_tokens(3);
  h.engine->end(ticket);
  EXPECT_EQ(asker.finish().reason, FinishReason::kCancelled);
  EXPECT_EQ(h.engine->state().finished.stop, 1u);
  EXPECT_EQ(h.engine->state().finished.cancelled, 0u);
}

TEST(EngineThread, who_does_not_read_is_cut_and_costs_nobody_else) {
  Harness h(2);
  Asker idle(20, false);
  Asker busy;
  h.ask(request(1, 10, 4000), idle);
  h.ask(request(2, 10, 200), busy);
  EXPECT_EQ(busy.finish().reason, FinishReason::kLength);
  EXPECT_EQ(busy.tokens().size(), 200u);
  while (h.engine->state().finished.overflowed == 0) std::this_thread::yield();
  idle.read();
  EXPECT_EQ(idle.finish().reason, FinishReason::kCancelled);
  EXPECT_TRUE(idle.overflowed());
  EXPECT_LE(idle.tokens().size(), 20u);
}

TEST(EngineThread, a_full_queue_refuses_all_jobs_of_a_request_or_none) {
  Harness h(1, 2);
  h.gated = true;
  Asker askers[4];
  h.ask(request(1, 10, 5), askers[0]);
  h.gate.wait_until_somebody_waits();
  h.ask(request(2, 10, 5), askers[1]);
  std::vector<EngineJob> two;
  two.push_back({request(3, 10, 5), askers[2].queue()});
  two.push_back({request(4, 10, 5), askers[3].queue()});
  const auto refused = h.engine->post(std::move(two));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
  h.ask(request(3, 10, 5), askers[2]);  // alone it has a place
  h.gate.open();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(askers[i].finish().reason, FinishReason::kLength);
  h.ask(request(4, 10, 5), askers[3]);
  EXPECT_EQ(askers[3].finish().reason, FinishReason::kLength);
}

TEST(EngineThread, what_can_never_be_done_is_refused_at_once) {
  Harness h(1);
  Asker asker;
  const auto refused = h.post(request(1, 5000, 5), asker);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kBadRequest);
  EXPECT_NE(refused.error().message.find("5000"), std::string::npos);
}

TEST(EngineThread, a_lost_device_is_opened_again_and_nobody_notices) {
  Harness undisturbed(1);
  Asker alone;
  undisturbed.ask(request(1, 10, 300), alone);
  static_cast<void>(alone.finish());

  Harness h(1);
  h.gated = true;
  Asker asker;
  h.ask(request(1, 10, 300), asker);
  h.gate.wait_until_somebody_waits();
  h.fails = true;
  h.gate.open();
  EXPECT_EQ(asker.finish().reason, FinishReason::kLength);
  EXPECT_EQ(asker.tokens(), alone.tokens());
  EXPECT_EQ(h.engine->state().counters.devices_lost, 1u);
  EXPECT_EQ(h.engine->state().finished.failed, 0u);
}

TEST(EngineThread, a_device_that_stays_lost_fails_what_runs_and_the_thread_goes_on) {
  Harness h(1);
  h.gated = true;
  Asker first;
  h.ask(request(1, 10, 4000), first);
  h.gate.wait_until_somebody_waits();
  h.fails = true;
  h.over.backend->stays_closed = true;
  h.gate.open();
  const Finish finish = first.finish();
  EXPECT_EQ(finish.reason, FinishReason::kFailed);
  ASSERT_TRUE(finish.error.has_value());
  EXPECT_EQ(finish.error->message, "the device is gone, and then there is no device");
  EXPECT_EQ(h.engine->state().failed_steps, 1u);

  h.over.backend->stays_closed = false;
  Asker second;
  h.ask(request(2, 10, 5), second);
  EXPECT_EQ(second.finish().reason, FinishReason::kLength);
  EXPECT_EQ(h.engine->state().failed_steps, 0u);
  EXPECT_EQ(h.engine->state().finished.failed, 1u);
}

TEST(EngineThread, stops_with_work_in_flight_and_everybody_hears_of_it) {
  Harness h(2);
  std::vector<std::unique_ptr<Asker>> askers;
  for (std::uint32_t i = 0; i < 8; ++i) {
    askers.push_back(std::make_unique<Asker>());
    h.ask(request(i, 20, 4000), *askers.back());
  }
  askers[0]->wait_for_tokens(2);
  h.engine->stop();
  for (const auto& asker : askers) EXPECT_EQ(asker->finish().reason, FinishReason::kCancelled);
  Asker late;
  const auto refused = h.post(request(9, 20, 5), late);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kDevice);
  EXPECT_FALSE(h.engine->state().ready());
  h.engine->stop();  // again: nothing happens
}

TEST(EngineThread, slots_keep_their_numbers) {
  Harness h(2);
  h.gated = true;
  Asker first;
  Asker second;
  const TicketId a = h.ask(request(1, 10, 4000), first);
  h.gate.wait_until_somebody_waits();
  const TicketId b = h.ask(request(2, 10, 4000), second);
  h.gate.open();
  second.wait_for_tokens(2);
  while (h.engine->state().slots[1].tokens == 0) std::this_thread::yield();
  EXPECT_EQ(h.engine->state().slots[0].ticket, a);
  EXPECT_EQ(h.engine->state().slots[1].ticket, b);
  h.engine->cancel(a);
  static_cast<void>(first.finish());
  const EngineState state = h.engine->state();
  EXPECT_EQ(state.slots[0].ticket, TicketId(0));
  EXPECT_EQ(state.slots[1].ticket, b);
  EXPECT_EQ(state.slots[1].prompt_tokens, 10u);
  h.engine->stop();  // the second asker is still being told, and goes before the engine
}

TEST(EngineHandle, hands_out_the_engine_that_was_put_there_last) {
  const auto first = scripted({}, {.context = 128, .sequences = 1});
  const auto second = scripted({}, {.context = 256, .sequences = 1});
  EngineHandle handle(std::make_shared<EngineThread>(*first.runtime, nullptr, EngineOptions{}));
  const std::shared_ptr<EngineThread> used = handle.get();
  const auto replaced =
      handle.replace(std::make_shared<EngineThread>(*second.runtime, nullptr, EngineOptions{}));
  EXPECT_EQ(replaced, used);
  EXPECT_NE(handle.get(), used);
  Asker asker;
  std::vector<EngineJob> jobs;
  jobs.push_back({request(1, 200, 5), asker.queue()});
  ASSERT_TRUE(handle.get()->post(std::move(jobs)).has_value());
  const Finish finish = asker.finish();
  EXPECT_EQ(finish.reason, FinishReason::kLength) << (finish.error ? finish.error->message : "");
}

}  // namespace
}  // namespace outrider
