// Pages that a text has no business with, filled with what would spoil it: NaN before every step of
// an engine on real models, in every page of nobody, behind everybody's own end, and in all that a
// neighbour holds.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/golden_test_requests.h"

namespace outrider {
namespace {

constexpr std::array<KvGroup, kKvGroups> kGroups = {KvGroup::kGlobal, KvGroup::kSliding};

// Reaches all pages of a runtime by their numbers, whoever holds them: through a sequence of
// another pool with as many pages, which holds them all.
class Pages {
 public:
  explicit Pages(Runtime& runtime)
      : runtime_(runtime),
        shapes_(runtime.target().kv_shapes()),
        count_(
            std::max(runtime.pool().limits().global_pages, runtime.pool().limits().sliding_pages)),
        pool_({count_, count_, count_ * kPageRows, count_ * kPageRows}),
        all_(pool_.open()),
        room_(*pool_.append(*all_, (count_ - 1) * kPageRows)),
        nan_(1024, std::numeric_limits<float>::quiet_NaN()) {
    for (const KvGroup group : kGroups) {
      const auto pages = view().pages(group);
      for (std::uint32_t i = 0; i < pages.size(); ++i) place_[pages[i].value()] = i;
    }
  }

  // Rows [first, 64) of a page, keys and values of all layers and heads.
  void poison(KvGroup group, PageId page, std::uint32_t first) {
    for (std::uint32_t layer = 0; layer < shapes_.size(); ++layer) {
      const KvLayerShape& shape = shapes_[layer];
      if (shape.group != group) continue;
      const auto row_of_nan = std::span(nan_).first(shape.head_dim);
      for (std::uint32_t head = 0; head < shape.kv_heads; ++head) {
        for (std::uint32_t row = first; row < kPageRows; ++row) {
          const Pos pos(place_.at(page.value()) * kPageRows + row);
          for (const KvSide side : {KvSide::kKey, KvSide::kValue}) {
            runtime_.backend().write_kv(view(), KvLayerId(layer), head, side, pos, row_of_nan);
          }
        }
      }
    }
  }

 private:
  KvView view() const { return room_.visible(room_.rows() - 1); }

  Runtime& runtime_;
  std::vector<KvLayerShape> shapes_;
  std::uint32_t count_;
  KvPool pool_;
  std::unique_ptr<Sequence> all_;
  KvAppend room_;
  std::vector<float> nan_;
  std::map<std::uint32_t, std::uint32_t> place_;  // of a page among those of all_
};

// What running sequences hold of one page.
struct Held {
  std::uint32_t holders = 0, rows = 0;
};

std::map<std::uint32_t, Held> held_by_running(const Engine& engine, KvGroup group) {
  std::map<std::uint32_t, Held> held;
  for (const auto& conversation : engine.active()) {
    const KvView view = conversation->sequence().view();
    const auto pages = view.pages(group);
    for (std::uint32_t i = 0; i < pages.size(); ++i) {
      Held& page = held[pages[i].value()];
      ++page.holders;
      page.rows = std::max(page.rows, std::min(kPageRows, view.length() - i * kPageRows));
    }
  }
  return held;
}

// Every row that no running sequence and no checkpoint needs. A checkpoint's rows in a page that
// running sequences share with it are left alone. Returns how many pages had such rows.
std::uint32_t poison_what_nobody_needs(Runtime& runtime, const Engine& engine, Pages& pages) {
  const KvPool& pool = runtime.pool();
  const std::uint32_t counts[] = {pool.limits().global_pages, pool.limits().sliding_pages};
  std::uint32_t poisoned = 0;
  for (const KvGroup group : kGroups) {
    const auto held = held_by_running(engine, group);
    for (std::uint32_t page = 1; page < counts[static_cast<std::size_t>(group)]; ++page) {
      const auto at = held.find(page);
      const Held running = at == held.end() ? Held{} : at->second;
      const bool in_cache = pool.references(group, PageId(page)) > running.holders;
      if (in_cache || running.rows == kPageRows) continue;
      pages.poison(group, PageId(page), running.rows);
      ++poisoned;
    }
  }
  return poisoned;
}

TestOptions poison_options() {
  TestOptions options;
  options.runtime.sequences = 4;
  options.runtime.chunk_rows = 48;
  options.runtime.logit_rows = 32;
  options.runtime.kv_format = KvFormat::kF16;
  return options;
}

TestOptions deferred(TestOptions options) {
  options.deferred = std::make_shared<DeferredCounts>();
  return options;
}

class Poison : public testing::TestWithParam<const char*> {
 protected:
  const TestPair pair = golden_pair(GetParam());
  const TestOptions options = poison_options();
  const std::unique_ptr<Runtime> plain = load(pair, options);
  const std::unique_ptr<Runtime> runtime = load(pair, deferred(options));
  Pages pages{*runtime};
  Engine engine{*runtime, nullptr, {.slots = options.runtime.sequences}};
};

// Requests come, share prefixes, are cancelled and leave their pages to others.
TEST_P(Poison, in_pages_of_nobody_and_behind_everybodys_end_changes_no_text) {
  std::mt19937 bits(11);
  std::vector<std::unique_ptr<HeardNumbers>> heard;
  std::vector<std::vector<std::uint32_t>> want;
  std::uint64_t poisoned = 0;
  const auto step = [&] {
    poisoned += poison_what_nobody_needs(*runtime, engine, pages);
    ASSERT_TRUE(engine.step().has_value());
    ASSERT_TRUE(engine.pages_add_up());
  };
  std::vector<RequestId> ids;
  for (std::size_t i = 0; i < 60; ++i) {
    Request r = golden_request(bits);
    want.push_back(alone_on(*plain, r));
    heard.push_back(std::make_unique<HeardNumbers>());
    const auto id = engine.submit(std::move(r), *heard.back());
    ASSERT_TRUE(id.has_value());
    ids.push_back(*id);
    for (auto steps = bits() % 5; steps > 0; --steps) step();
    if (i % 4 == 3) engine.cancel(ids[i - bits() % 4]);
  }
  while (!engine.idle()) step();
  std::uint64_t cached = 0, cancelled = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const Finish& finish = *heard[i]->finish;
    cached += finish.cached_tokens;
    if (finish.reason == FinishReason::kCancelled) {
      ++cancelled;
      want[i].resize(heard[i]->tokens.size());
    }
    EXPECT_EQ(heard[i]->tokens, want[i]) << "request " << i;
  }
  EXPECT_GT(cancelled, 5u);
  EXPECT_GT(cached, 500u) << "prefixes were shared";
  EXPECT_GT(engine.counters().speculative.drafted, 100u) << "and drafts verified";
  EXPECT_GT(poisoned, 1000u);
}

// Everything that one conversation holds is poison in every step. It writes nonsense, and takes
// part in all launches of the others.
TEST_P(Poison, in_all_that_a_neighbour_holds_changes_no_other_text) {
  std::mt19937 bits(12);
  Request victim = golden_request(bits);
  victim.cache_prompt = false;  // or others would go on from what it left
  victim.tokens_max = 300;
  victim.sampling.temperature = 1.0f;
  victim.drafts = {.n_min = 3, .n_max = 3};
  HeardNumbers nonsense;
  const auto victim_text = alone_on(*plain, victim);
  const auto victim_id = engine.submit(victim, nonsense);
  ASSERT_TRUE(victim_id.has_value());
  std::vector<std::unique_ptr<HeardNumbers>> heard;
  std::vector<std::vector<std::uint32_t>> want;
  for (int i = 0; i < 20; ++i) {
    Request r = golden_request(bits);
    want.push_back(alone_on(*plain, r));
    heard.push_back(std::make_unique<HeardNumbers>());
    ASSERT_TRUE(engine.submit(std::move(r), *heard.back()).has_value());
  }
  while (!engine.idle()) {
    for (const auto& conversation : engine.active()) {
      if (conversation->id() != *victim_id) continue;
      for (const KvGroup group : kGroups) {
        for (const PageId page : conversation->sequence().view().pages(group)) {
          if (page != KvPool::padding_page()) pages.poison(group, page, 0);
        }
      }
    }
    ASSERT_TRUE(engine.step().has_value());
  }
  EXPECT_NE(nonsense.tokens, victim_text) << "the poison is none";
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(heard[i]->tokens, want[i]) << "request " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Poison, testing::Values("dense", "ple", "moe", "mild/dense"),
                         test_name);

}  // namespace
}  // namespace outrider
