// The backend that other tests run on to see an engine as a GPU would: it notices what they rely on
// it to notice.
#include <gtest/gtest.h>

#include <cmath>

#include "cpu/backend.h"
#include "engine/deferred_test_backend.h"
#include "engine/engine_test_harness.h"

namespace outrider {
namespace {

bool not_numbers(std::span<const float> values) {
  return !values.empty() &&
         std::all_of(values.begin(), values.end(), [](float value) { return std::isnan(value); });
}

// Two sequences that have drafted and verified, one launch at a time.
struct TwoLaunches {
  TwoLaunches() : over(scripted({}, options_for(2))), sequence(over.runtime->pool().open()) {}
  TargetOutput target() {
    batch.restart(over.runtime->next_step());
    auto room = over.runtime->pool().append(*sequence, 1);
    const TokenId token(5);
    pending.emplace(batch.add(std::move(*room), std::span(&token, 1), {}));
    return *over.runtime->run(batch);
  }
  void judge(const TargetOutput& output) {
    judged.emplace(std::move(*pending).judge(output.picks()));
    pending.reset();
  }
  DraftOutput draft() {
    rule.noise = Noise::kDraft;
    rules.assign(3, rule);
    drafts.restart();
    drafts.add(*judged, {.picks = rules});
    return *over.runtime->run(drafts);
  }

  ScriptedRuntime over;
  std::unique_ptr<Sequence> sequence;
  TargetBatch batch{StepId(0)};
  DraftBatch drafts;
  PickRule rule{};
  std::vector<PickRule> rules;
  std::optional<Pending> pending;
  std::optional<Judgement> judged;
};

TEST(DeferredBackend, overwrites_what_it_lent_of_a_target_launch_when_the_next_is_submitted) {
  TwoLaunches run;
  const TargetOutput first = run.target();
  run.judge(first);
  EXPECT_FALSE(not_numbers(first.logits[0]));
  const TargetOutput second = run.target();
  EXPECT_TRUE(not_numbers(first.logits[0]));
  EXPECT_TRUE(not_numbers(first.hidden[0]));
  EXPECT_EQ(first.picks().tokens()[0], kStaleToken);
  EXPECT_NE(first.picks().step(), first.step) << "and stale picks judge nothing";
  EXPECT_FALSE(not_numbers(second.logits[0]));
  run.judge(second);
}

TEST(DeferredBackend, overwrites_what_it_lent_of_a_round_when_the_next_is_submitted) {
  TwoLaunches run;
  run.judge(run.target());
  const DraftOutput first = run.draft();
  ASSERT_EQ(first.drafted[0].tokens.size(), 3u);
  ASSERT_EQ(first.drafted[0].drawn_from.size(), 3u);
  run.judge(run.target());
  EXPECT_NE(first.drafted[0].tokens[0], kStaleToken) << "a target launch verifies it yet";
  static_cast<void>(run.draft());
  EXPECT_EQ(first.drafted[0].tokens[2], kStaleToken);
  EXPECT_TRUE(std::isnan(first.drafted[0].probabilities[0]));
  EXPECT_TRUE(not_numbers(first.logits[0]));
  EXPECT_EQ(first.drafted[0].drawn_from[1].entries[0].token, kStaleToken);
}

TEST(DeferredBackend, counts_submissions_and_waits) {
  TwoLaunches run;
  run.judge(run.target());
  static_cast<void>(run.draft());
  run.judge(run.target());
  EXPECT_EQ(run.over.counts->target_submissions, 2u);
  EXPECT_EQ(run.over.counts->draft_submissions, 1u);
  EXPECT_EQ(run.over.counts->waits, 3u);
  EXPECT_EQ(run.over.counts->exchanges, 0u);
  std::vector<float> row(8);
  run.over.runtime->backend().read_kv(run.sequence->view(), KvLayerId(0), 0, KvSide::kKey, Pos(0),
                                      row);
  EXPECT_EQ(run.over.counts->exchanges, 1u);
}

// A recording that gives back what it has never written.
TEST(DeferredBackend, scratch_that_a_launch_did_not_write_is_no_number_in_any_launch) {
  const KvLayerShape layers[] = {{KvGroup::kGlobal, 1, 8}, {KvGroup::kSliding, 1, 8}};
  const KvLayout layout(layers, KvFormat::kF32);
  const KvLimits limits{.global_pages = 3, .sliding_pages = 3, .window = 64, .sequence_rows = 128};
  auto cpu = CpuBackend::create(layout, limits, {});
  ASSERT_TRUE(cpu.has_value());
  DeferredBackend backend(std::move(*cpu), std::make_shared<DeferredCounts>());
  const TargetShape shapes[] = {{4, 2}};
  const PlanSet<TargetShape> plans(shapes, [&](TargetShape shape) {
    auto recorder = backend.record(shape);
    const Rows hidden = recorder->scratch(RowSet::kLogit, 16);
    const Rows logits = recorder->scratch(RowSet::kLogit, 32);
    {
      ScratchScope scope(*recorder);
      static_cast<void>(recorder->scratch(RowSet::kAll, 16));
    }
    recorder->output(logits, hidden);
    return backend.finish(std::move(recorder));
  });
  ASSERT_TRUE(backend.reserve(plans).has_value());
  KvPool pool(limits);
  const auto sequence = pool.open();
  for (std::uint64_t step = 1; step <= 3; ++step) {
    TargetBatch batch{StepId(step)};
    const std::vector<TokenId> given = {TokenId(1), TokenId(2)};
    auto pending = batch.add(*pool.append(*sequence, 2), given, {});
    const auto output = backend.run(Launch<TargetShape>::bind(plans, batch, pool));
    ASSERT_TRUE(output.has_value());
    EXPECT_TRUE(not_numbers(output->logits[0]));
    EXPECT_TRUE(not_numbers(output->hidden[0]));
    static_cast<void>(std::move(pending).judge(output->picks()));
  }
}

}  // namespace
}  // namespace outrider
