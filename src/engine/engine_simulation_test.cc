// Many requests that come, go and read slowly as they like, on a scripted backend: texts stay those
// of each request alone, and pages add up after every step.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>

#include "engine/engine_test_harness.h"

namespace outrider {
namespace {

class Draws {
 public:
  explicit Draws(std::uint32_t seed) : bits_(seed) {}
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(bits_()) % limit; }
  bool one_in(std::uint32_t times) { return below(times) == 0; }

 private:
  std::mt19937 bits_;
};

// One of a few texts, cut off somewhere, and now and then with an end of its own: prompts share
// beginnings of every length.
Request drawn_request(Draws& draw, std::uint32_t prompt_most, std::uint32_t tokens_most) {
  Request r = request(draw.below(2), 1 + draw.below(prompt_most), 1 + draw.below(tokens_most));
  for (std::uint32_t i = draw.below(4); i > 0; --i) r.prompt.push_back(TokenId(draw.below(64)));
  for (std::uint32_t at = 1 + draw.below(50); at < r.prompt.size(); at += 1 + draw.below(120)) {
    r.checkpoints.push_back(at);
  }
  r.sampling.seed = draw.below(1000);
  r.sampling.temperature = draw.one_in(2) ? 0.0f : 1.0f;
  r.cache_prompt = !draw.one_in(4);
  const std::uint32_t drafts = draw.below(10);
  if (drafts < 9) r.drafts = {.n_min = drafts, .n_max = drafts};
  if (draw.one_in(3)) r.drafts.p_min = 0.2f;
  if (draw.one_in(3)) r.ends = {TokenId(7)};
  return r;
}

// A request, and what becomes of it besides being answered.
struct Visitor {
  Request request;
  std::uint32_t leaves_after = ~0u;  // tokens that it listens to
  std::uint32_t cancels_at = ~0u;    // step
};

// Listens to so many tokens only.
struct Guest final : Listener {
  std::vector<TokenId> tokens;
  std::optional<Finish> finish;
  std::uint32_t leaves_after = ~0u;
  bool on_tokens(std::span<const GeneratedToken> news) override {
    EXPECT_FALSE(finish.has_value());
    for (const GeneratedToken& token : news) tokens.push_back(token.token);
    return tokens.size() < leaves_after;
  }
  void on_finish(const Finish& how) override {
    EXPECT_FALSE(finish.has_value()) << "a request finishes once";
    finish = how;
  }
};

std::vector<TokenId> alone_cached(std::map<std::vector<std::uint32_t>, std::vector<TokenId>>& known,
                                  const Request& r) {
  std::vector<std::uint32_t> key = {static_cast<std::uint32_t>(r.sampling.seed),
                                    r.sampling.temperature > 0 ? 1u : 0u, r.tokens_max,
                                    static_cast<std::uint32_t>(r.ends.size())};
  for (const TokenId token : r.prompt) key.push_back(token.value());
  auto [at, fresh] = known.try_emplace(std::move(key));
  if (fresh) at->second = alone(r);
  return at->second;
}

void expect_answered(const Guest& guest, const Visitor& visitor,
                     const std::vector<TokenId>& whole) {
  ASSERT_TRUE(guest.finish.has_value());
  if (guest.finish->reason == FinishReason::kCancelled) {
    EXPECT_TRUE(visitor.leaves_after != ~0u || visitor.cancels_at != ~0u) << "it never left";
    ASSERT_LE(guest.tokens.size(), whole.size());
    EXPECT_TRUE(std::equal(guest.tokens.begin(), guest.tokens.end(), whole.begin()));
  } else {
    EXPECT_NE(guest.finish->reason, FinishReason::kFailed);
    EXPECT_EQ(guest.tokens, whole);
  }
}

// A pool that is always too small, and half of the visitors leave early.
TEST(EngineSimulation, pages_add_up_after_every_step_and_nobody_is_lost) {
  std::map<std::vector<std::uint32_t>, std::vector<TokenId>> known;
  std::uint64_t pauses = 0, hits = 0, evictions = 0;
  for (std::uint32_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    Draws draw(seed);
    RuntimeOptions options = options_for(2 + draw.below(7));
    options.kv_bytes = (14 + draw.below(40)) * kScriptedPage;
    Harness h(options, {}, {.queue = 1000});
    const KvPool& pool = h.over.runtime->pool();
    std::vector<Visitor> visitors;
    std::vector<std::unique_ptr<Guest>> guests;
    for (std::uint32_t step = 0; step < 5000; ++step) {
      while (visitors.size() < 60 && draw.one_in(5)) {
        Visitor visitor{.request = drawn_request(draw, 300, 120)};
        if (draw.one_in(4)) visitor.leaves_after = draw.below(60);
        if (draw.one_in(4)) visitor.cancels_at = step + draw.below(100);
        guests.push_back(std::make_unique<Guest>());
        guests.back()->leaves_after = visitor.leaves_after;
        const auto id = h.engine->submit(visitor.request, *guests.back());
        ASSERT_TRUE(id.has_value());
        h.ids.push_back(*id);
        visitors.push_back(std::move(visitor));
      }
      for (std::size_t i = 0; i < visitors.size(); ++i) {
        if (visitors[i].cancels_at == step) h.engine->cancel(h.ids[i]);
      }
      h.step();
      ASSERT_TRUE(h.engine->pages_add_up()) << "step " << step;
      if (h.engine->idle() && visitors.size() == 60) break;
    }
    ASSERT_TRUE(h.engine->idle()) << "everybody was served";
    for (std::size_t i = 0; i < visitors.size(); ++i) {
      SCOPED_TRACE(i);
      expect_answered(*guests[i], visitors[i], alone_cached(known, visitors[i].request));
    }
    const PrefixCache& cache = h.engine->prefix_cache();
    const std::uint32_t all[] = {pool.limits().global_pages - 1, pool.limits().sliding_pages - 1};
    for (const KvGroup group : {KvGroup::kGlobal, KvGroup::kSliding}) {
      EXPECT_EQ(pool.free_pages(group) + cache.held_pages(group),
                all[static_cast<std::size_t>(group)]);
    }
    pauses += h.engine->counters().pauses;
    hits += cache.counts().hits;
    evictions += cache.counts().evictions;
  }
  EXPECT_GT(pauses, 50u) << "the pool was too small for all";
  EXPECT_GT(hits, 20u);
  EXPECT_GT(evictions, 50u);
}

// From one conversation to 64 and down again, with launches of every size in between.
TEST(EngineSimulation, sixty_four_slots_that_fill_and_empty_use_launches_of_every_size) {
  std::map<std::vector<std::uint32_t>, std::vector<TokenId>> known;
  Draws draw(64);
  Harness h({.context = 512, .sequences = 64, .drafts = 8, .chunk_rows = 128}, {}, {.queue = 1000});
  std::vector<Visitor> visitors;
  std::vector<std::unique_ptr<Guest>> guests;
  const std::uint32_t crowds[] = {1, 2, 3, 5, 9, 20, 40, 64, 64, 30, 4, 1};
  std::size_t most = 0;
  for (std::uint32_t step = 0; step < 12 * 40; ++step) {
    const std::uint32_t crowd = crowds[step / 40];
    const bool rush = crowd == 64;  // all of them, with as many drafts as there are
    while (h.engine->running() + h.engine->waiting() < crowd && (rush || draw.below(3) > 0)) {
      Visitor visitor{.request = drawn_request(draw, 40, 60)};
      if (rush) visitor.request.drafts = {.n_min = 8, .n_max = 8}, visitor.request.ends = {};
      if (draw.one_in(5)) visitor.leaves_after = draw.below(40);
      guests.push_back(std::make_unique<Guest>());
      guests.back()->leaves_after = visitor.leaves_after;
      const auto id = h.engine->submit(visitor.request, *guests.back());
      ASSERT_TRUE(id.has_value());
      if (draw.one_in(6)) visitor.cancels_at = step, h.engine->cancel(*id);
      visitors.push_back(std::move(visitor));
    }
    h.step();
    most = std::max(most, h.engine->running());
    ASSERT_TRUE(h.engine->pages_add_up()) << "step " << step;
  }
  h.finish();
  EXPECT_EQ(most, 64u);
  EXPECT_EQ(h.over.runtime->options().logit_rows, 64u * 9);
  EXPECT_EQ(h.over.backend->target_buckets,
            (std::set<std::uint32_t>{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 576}));
  EXPECT_EQ(h.over.backend->draft_buckets, (std::set<std::uint32_t>{1, 2, 4, 8, 16, 32, 64}));
  for (std::size_t i = 0; i < visitors.size(); ++i) {
    SCOPED_TRACE(i);
    expect_answered(*guests[i], visitors[i], alone_cached(known, visitors[i].request));
  }
}

// What slot a conversation has changes neither its text nor how far its drafts stand.
TEST(EngineSimulation, permuting_slots_changes_nothing) {
  constexpr std::uint32_t kSlots = 8;
  std::vector<Request> requests;
  Draws draw(3);
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    requests.push_back(request(i, 1 + draw.below(90), 60));
    const std::uint32_t drafts = 1 + draw.below(4);  // 40 rows at most: all that were granted fit
    requests.back().drafts = {.n_min = drafts, .n_max = drafts};
    requests.back().cache_prompt = false;
  }
  std::vector<std::uint32_t> order(kSlots);
  for (std::uint32_t i = 0; i < kSlots; ++i) order[i] = i;
  std::vector<std::vector<TokenId>> texts(kSlots);
  std::vector<SpeculationCounts> counts(kSlots);
  for (int round = 0; round < 6; ++round) {
    RuntimeOptions options = options_for(kSlots);
    options.logit_rows = 64;
    Harness h(options, {}, {});
    for (const std::uint32_t who : order) h.ask(requests[who]);
    h.finish();
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
      const std::uint32_t who = order[slot];
      const Heard& heard = *h.heard[slot];
      if (round == 0) {
        texts[who] = heard.tokens;
        counts[who] = heard.finish->speculative;
        EXPECT_GT(counts[who].accepted, 0u);
      }
      EXPECT_EQ(heard.tokens, texts[who]) << "round " << round << ", slot " << slot;
      EXPECT_EQ(heard.finish->speculative.accepted_per_position, counts[who].accepted_per_position);
    }
    std::shuffle(order.begin(), order.end(), std::mt19937(static_cast<std::uint32_t>(round)));
  }
}

// Drafts that stand as often in the last slot as in the first: what a hidden row or a page of
// somebody else would show itself by.
TEST(EngineSimulation, drafts_stand_as_often_in_every_slot) {
  constexpr std::uint32_t kSlots = 16;
  RuntimeOptions options = options_for(kSlots, 4096);
  options.chunk_rows = options.logit_rows = 64;
  Harness h(options, {}, {});
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    Request r = request(i, 20, 3000);
    r.drafts = {.n_min = 3, .n_max = 3};
    h.ask(std::move(r));
  }
  h.finish();
  const auto share = [&](std::size_t slot) {
    const SpeculationCounts& s = h.heard[slot]->finish->speculative;
    return static_cast<double>(s.accepted_per_position[0]) / static_cast<double>(s.rounds);
  };
  ASSERT_GT(share(0), 0.2);
  ASSERT_LT(share(0), 0.9);
  for (std::size_t slot = 1; slot < kSlots; ++slot) {
    // Some 1500 rounds each: five standard errors of the difference are 0.09.
    EXPECT_NEAR(share(slot), share(0), 0.09) << slot;
  }
}

// Rounds whose rows reach over the edge of the window and of pages, all but one of them rejected:
// at every position the next row sees what a text without drafts sees.
TEST(EngineSimulation, drafts_rejected_across_the_windows_edge_never_happened) {
  Script script;
  script.drafter_noise = 50;  // hardly ever right
  for (const std::uint32_t prompt : {35u, 60u, 84u, 97u, 100u, 127u}) {
    Request r = request(prompt, prompt, 200);
    const auto want = alone(r);
    for (const std::uint32_t drafts : {1u, 5u, 16u}) {
      Harness h(1, script);
      r.drafts = {.n_min = drafts, .n_max = drafts};
      const Heard& heard = h.ask(r);
      while (!h.engine->idle()) {
        h.step();
        ASSERT_TRUE(h.engine->pages_add_up());
      }
      EXPECT_EQ(heard.tokens, want) << prompt << ", " << drafts;
      EXPECT_LT(heard.finish->speculative.accepted, heard.finish->speculative.drafted / 4);
    }
  }
}

}  // namespace
}  // namespace outrider
