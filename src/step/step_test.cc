#include <gtest/gtest.h>

#include "step/batch.h"
#include "step/plan.h"

namespace outrider {
namespace {

constexpr KvLimits kLimits{
    .global_pages = 16, .sliding_pages = 16, .window = 100, .sequence_rows = 600};

std::vector<TokenId> tokens(std::initializer_list<std::uint32_t> ids) {
  std::vector<TokenId> result;
  for (const std::uint32_t id : ids) result.push_back(TokenId(id));
  return result;
}

// Room for `rows` more rows of `sequence`, which the pool has.
KvAppend room_of(KvPool& pool, Sequence& sequence, std::uint32_t rows) {
  auto room = pool.append(sequence, rows);
  require(room.has_value(), "the test's pool has room");
  return std::move(*room);
}

void grow(KvPool& pool, Sequence& sequence, std::uint32_t rows) {
  room_of(pool, sequence, rows).commit(rows);
}

template <class Shape>
PlanSet<Shape> plans_of(std::initializer_list<Shape> buckets) {
  return PlanSet<Shape>(std::span(buckets.begin(), buckets.size()), [](Shape shape) {
    return Plan<Shape>{shape, 100, nullptr};
  });
}

TEST(TargetBatch, rows_stand_behind_their_own_sequence_and_see_their_own_chunk_up_to_themselves) {
  KvPool pool(kLimits);
  const auto a = pool.open(), b = pool.open();
  grow(pool, *a, 70);
  TargetBatch batch(StepId(1));
  const auto given = tokens({5, 6, 7});
  const auto draft = tokens({8});
  const Pending first = batch.add(room_of(pool, *a, 4), given, draft);
  const Pending second = batch.add(room_of(pool, *b, 1), tokens({9}), {});
  ASSERT_EQ(batch.rows().size(), 5u);
  for (std::uint32_t row = 0; row < 4; ++row) {
    EXPECT_EQ(batch.rows()[row].pos, Pos(70 + row));
    EXPECT_EQ(batch.rows()[row].kv.length(), 71 + row);
    EXPECT_EQ(batch.rows()[row].source.token(), TokenId(5 + row));
    EXPECT_EQ(batch.rows()[row].kv.pages(KvGroup::kGlobal).data(),
              a->view().pages(KvGroup::kGlobal).data());
  }
  EXPECT_EQ(batch.rows()[4].pos, Pos(0));
  EXPECT_EQ(batch.rows()[4].kv.length(), 1u);
  EXPECT_EQ(batch.rows()[4].kv.pages(KvGroup::kSliding).data(),
            b->view().pages(KvGroup::kSliding).data());
}

TEST(TargetBatch, logits_are_of_the_last_given_row_and_of_each_draft) {
  KvPool pool(kLimits);
  const auto a = pool.open(), b = pool.open(), c = pool.open();
  TargetBatch batch(StepId(1));
  const Pending prompt = batch.add(room_of(pool, *a, 3), tokens({1, 2, 3}), {});
  const KvAppend chunk = batch.add_unfinished(room_of(pool, *b, 2), tokens({4, 5}));
  const Pending verify = batch.add(room_of(pool, *c, 4), tokens({6}), tokens({7, 8, 9}));
  EXPECT_EQ(batch.shape(), (TargetShape{9, 5}));
  EXPECT_EQ(std::vector(batch.logit_rows().begin(), batch.logit_rows().end()),
            (std::vector<std::uint32_t>{2, 5, 6, 7, 8}));
  EXPECT_EQ(prompt.first_logit_row(), 0u);
  EXPECT_EQ(verify.first_logit_row(), 1u);
  EXPECT_EQ(chunk.rows(), 2u);
}

TEST(TargetBatch, a_row_may_bring_an_embedding_instead_of_a_token) {
  KvPool pool(kLimits);
  const auto a = pool.open();
  const std::vector<float> embedding(8, 1.5f);
  const std::vector<RowSource> given = {TokenId(3), RowSource(std::span(embedding)), TokenId(4)};
  TargetBatch batch(StepId(1));
  const Pending pending = batch.add(room_of(pool, *a, 3), given, {});
  EXPECT_TRUE(batch.rows()[0].source.is_token());
  ASSERT_FALSE(batch.rows()[1].source.is_token());
  EXPECT_EQ(batch.rows()[1].source.embedding().data(), embedding.data());
  EXPECT_EQ(batch.rows()[1].pos, Pos(1));
  EXPECT_DEATH(static_cast<void>(batch.rows()[1].source.token()), "only of a token row");
}

TEST(TargetBatch, room_must_be_for_exactly_the_rows_that_come) {
  KvPool pool(kLimits);
  const auto a = pool.open();
  TargetBatch batch(StepId(1));
  EXPECT_DEATH(static_cast<void>(batch.add(room_of(pool, *a, 3), tokens({1}), tokens({2}))),
               "room was reserved for these rows");
  EXPECT_DEATH(static_cast<void>(batch.add_unfinished(room_of(pool, *a, 3), tokens({1}))),
               "room was reserved for these rows");
  EXPECT_DEATH(static_cast<void>(batch.add(room_of(pool, *a, 1), tokens({}), tokens({2}))),
               "at least one decided row");
}

TEST(Judgement, drafts_stand_up_to_the_first_that_the_target_would_not_have_picked) {
  const auto drafts = tokens({11, 12, 13, 14});
  for (std::uint32_t agreed = 0; agreed <= drafts.size(); ++agreed) {
    KvPool pool(kLimits);
    const auto other = pool.open(), a = pool.open();
    grow(pool, *a, 62);
    TargetBatch batch(StepId(7));
    const Pending before = batch.add(room_of(pool, *other, 2), tokens({1}), tokens({2}));
    Pending pending = batch.add(room_of(pool, *a, 6), tokens({9, 10}), drafts);
    std::vector<TokenId> picks = tokens({50, 51});  // the other sequence's
    picks.insert(picks.end(), drafts.begin(), drafts.begin() + agreed);
    while (picks.size() < 7) picks.push_back(TokenId(99));
    const Judgement judged = std::move(pending).judge(Picks(StepId(7), picks));
    EXPECT_EQ(judged.accepted, agreed);
    EXPECT_EQ(judged.next, TokenId(99));
    EXPECT_EQ(a->length(), 62 + 2 + agreed);
    EXPECT_EQ(&judged.sequence, a.get());
    // The row that the next token came from, counted over the whole launch.
    EXPECT_EQ(judged.hidden.logit_row(), 2 + agreed);
    EXPECT_EQ(judged.hidden.step(), StepId(7));
    EXPECT_EQ(other->length(), 0u) << "judging one sequence commits no other";
  }
}

TEST(Judgement, a_draft_that_agrees_by_chance_after_a_wrong_one_does_not_stand) {
  KvPool pool(kLimits);
  const auto a = pool.open();
  TargetBatch batch(StepId(1));
  Pending pending = batch.add(room_of(pool, *a, 4), tokens({1}), tokens({2, 3, 4}));
  const Judgement judged = std::move(pending).judge(Picks(StepId(1), tokens({2, 77, 4, 5})));
  EXPECT_EQ(judged.accepted, 1u);
  EXPECT_EQ(judged.next, TokenId(77));
  EXPECT_EQ(a->length(), 2u);
}

TEST(Judgement, picks_of_another_step_are_our_bug) {
  KvPool pool(kLimits);
  const auto a = pool.open();
  TargetBatch batch(StepId(4));
  Pending pending = batch.add(room_of(pool, *a, 1), tokens({1}), {});
  EXPECT_DEATH(static_cast<void>(std::move(pending).judge(Picks(StepId(3), tokens({2})))),
               "the launch they were made from");
}

TEST(Judgement, a_missing_pick_is_our_bug) {
  KvPool pool(kLimits);
  const auto a = pool.open();
  TargetBatch batch(StepId(4));
  Pending pending = batch.add(room_of(pool, *a, 3), tokens({1}), tokens({2, 3}));
  EXPECT_DEATH(static_cast<void>(std::move(pending).judge(Picks(StepId(4), tokens({2, 3})))),
               "a pick for every logit row");
}

TEST(Pending, dropped_unjudged_it_never_happened) {
  KvPool pool(kLimits);
  const auto a = pool.open();
  grow(pool, *a, 10);
  for (int time = 0; time < 3; ++time) {
    {
      TargetBatch batch(StepId(1));
      const Pending dropped = batch.add(room_of(pool, *a, 3), tokens({1}), tokens({2, 3}));
    }
    TargetBatch batch(StepId(1));
    const KvAppend unfinished = batch.add_unfinished(room_of(pool, *a, 2), tokens({1, 2}));
  }
  EXPECT_EQ(a->length(), 10u);
  EXPECT_EQ(a->view().length(), 10u);
  TargetBatch batch(StepId(2));
  Pending pending = batch.add(room_of(pool, *a, 1), tokens({1}), {});
  EXPECT_EQ(batch.rows()[0].pos, Pos(10));
  EXPECT_EQ(std::move(pending).judge(Picks(StepId(2), tokens({5}))).accepted, 0u);
  EXPECT_EQ(a->length(), 11u);
}

TEST(DraftBatch, a_round_starts_behind_each_judgement_and_stays_where_it_started) {
  KvPool pool(kLimits);
  const auto a = pool.open(), b = pool.open();
  grow(pool, *a, 130);
  TargetBatch batch(StepId(3));
  Pending first = batch.add(room_of(pool, *a, 3), tokens({1}), tokens({2, 3}));
  Pending second = batch.add(room_of(pool, *b, 2), tokens({4, 5}), {});
  const Picks picks(StepId(3), tokens({2, 20, 21, 30}));
  const Judgement of_b = std::move(second).judge(picks);
  const Judgement of_a = std::move(first).judge(picks);

  DraftBatch round;
  round.add(of_b);
  round.add(of_a);
  EXPECT_EQ(round.shape(), DraftShape{2});
  ASSERT_EQ(round.hidden().size(), 2u);
  EXPECT_EQ(round.hidden()[0].logit_row(), 3u);
  EXPECT_EQ(round.hidden()[1].logit_row(), 1u);
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(round.rows()[0].pos, Pos(2));
    EXPECT_EQ(round.rows()[0].kv.length(), 2u);
    EXPECT_EQ(round.rows()[1].pos, Pos(132));
    EXPECT_EQ(round.rows()[1].kv.length(), 132u) << "its own token has no keys yet";
    round.advance(tokens({60, 61}));
    EXPECT_EQ(round.rows()[0].source.token(), TokenId(60));
    EXPECT_EQ(round.rows()[1].source.token(), TokenId(61));
    EXPECT_TRUE(round.hidden().empty());
  }
  EXPECT_DEATH(round.advance(tokens({1})), "one pick per drafting sequence");
  EXPECT_DEATH(round.add(of_a), "join a draft round at its start");
}

TEST(PlanSet, the_first_bucket_that_covers_both_numbers_is_used) {
  const auto plans = plans_of<TargetShape>({{1, 1}, {4, 2}, {4, 4}, {16, 4}});
  EXPECT_EQ(plans.covering({1, 0}).shape, (TargetShape{1, 1}));
  EXPECT_EQ(plans.covering({2, 0}).shape, (TargetShape{4, 2}));
  EXPECT_EQ(plans.covering({3, 3}).shape, (TargetShape{4, 4}));
  EXPECT_EQ(plans.covering({5, 1}).shape, (TargetShape{16, 4}));
  EXPECT_EQ(plans.covering({16, 4}).shape, (TargetShape{16, 4}));
  EXPECT_EQ(plans.largest(), (TargetShape{16, 4}));
  EXPECT_DEATH(plans.covering({17, 1}), "within the largest bucket");
  EXPECT_DEATH(plans.covering({6, 5}), "within the largest bucket");
}

TEST(PlanSet, reserves_for_the_plan_that_needs_most_wherever_it_stands) {
  const TargetShape buckets[] = {{1, 1}, {4, 4}, {16, 1}};
  const PlanSet<TargetShape> plans(buckets, [](TargetShape shape) {
    return Plan<TargetShape>{shape, shape.logit_rows * std::size_t{1000}, nullptr};
  });
  EXPECT_EQ(plans.workspace_bytes(), 4000u);
}

TEST(TargetBatch, each_logit_row_has_its_rule_its_position_and_the_drafts_before_it) {
  KvPool pool(kLimits);
  const auto a = pool.open(), b = pool.open(), c = pool.open();
  grow(pool, *b, 20);
  TargetBatch batch(StepId(1));
  const auto rule = [](std::uint64_t seed) { return PickRule{.params = {.seed = seed}}; };
  const std::vector<PickRule> of_a = {rule(1)}, of_b = {rule(2), rule(3), rule(4)};
  const Pending prompt = batch.add(room_of(pool, *a, 3), tokens({1, 2, 3}), {}, of_a);
  const Pending verify = batch.add(room_of(pool, *b, 3), tokens({6}), tokens({7, 8}), of_b);
  const Pending plain = batch.add(room_of(pool, *c, 2), tokens({9}), tokens({10}));
  ASSERT_EQ(batch.shape().logit_rows, 6u);
  const std::uint64_t seeds[] = {1, 2, 3, 4, 0, 0};
  const std::uint32_t places[] = {3, 21, 22, 23, 1, 2};
  for (std::uint32_t row = 0; row < 6; ++row) {
    EXPECT_EQ(batch.rule(row).params.seed, seeds[row]);
    EXPECT_EQ(batch.pick_pos(row), Pos(places[row]));
  }
  EXPECT_EQ(batch.rule(5).params.temperature, 0.0f) << "without a rule, the most likely token";
  const auto before = [&](std::uint32_t row) {
    const auto drafts = batch.drafts_before(row);
    return std::vector(drafts.begin(), drafts.end());
  };
  EXPECT_EQ(before(0), tokens({}));
  EXPECT_EQ(before(1), tokens({}));
  EXPECT_EQ(before(2), tokens({7}));
  EXPECT_EQ(before(3), tokens({7, 8}));
  EXPECT_EQ(before(4), tokens({}));
  EXPECT_EQ(before(5), tokens({10}));
  const auto drafts = verify.drafts();
  EXPECT_EQ(std::vector(drafts.begin(), drafts.end()), tokens({7, 8}));
  EXPECT_TRUE(prompt.drafts().empty());
  EXPECT_EQ(plain.drafts().size(), 1u);
  const auto d = pool.open();
  EXPECT_DEATH(static_cast<void>(batch.add(room_of(pool, *d, 1), tokens({1}), {}, of_b)),
               "one rule per logit row");
}

TEST(TargetBatch, restarted_it_is_empty_and_of_another_step) {
  KvPool pool(kLimits);
  const auto a = pool.open();
  TargetBatch batch(StepId(1));
  static_cast<void>(batch.add(room_of(pool, *a, 3), tokens({1}), tokens({2, 3})));
  batch.restart(StepId(2));
  EXPECT_EQ(batch.shape(), (TargetShape{0, 0}));
  Pending pending = batch.add(room_of(pool, *a, 2), tokens({4}), tokens({5}));
  EXPECT_EQ(pending.first_logit_row(), 0u);
  EXPECT_EQ(std::move(pending).judge(Picks(StepId(2), tokens({5, 6}))).accepted, 1u);
}

TEST(DraftBatch, a_rule_has_one_pick_for_each_draft_and_at_most_16) {
  KvPool pool(kLimits);
  const auto a = pool.open();
  TargetBatch batch(StepId(3));
  Pending pending = batch.add(room_of(pool, *a, 1), tokens({1}), {});
  const Judgement judged = std::move(pending).judge(Picks(StepId(3), tokens({2})));
  const std::vector<PickRule> picks(kDraftsMax + 1);
  DraftBatch round;
  round.add(judged, {.picks = std::span(picks).first(kDraftsMax)});
  EXPECT_EQ(round.rules()[0].picks.size(), kDraftsMax);
  EXPECT_DEATH(round.add(judged, {.picks = picks}), "1 to 16");
  EXPECT_DEATH(round.add(judged, {.picks = {}}), "1 to 16");
  round.restart();
  EXPECT_EQ(round.shape(), DraftShape{0});
  round.add(judged);
  EXPECT_EQ(round.rules()[0].picks.size(), 1u);
  EXPECT_EQ(round.rules()[0].picks[0].params.temperature, 0.0f);
}

TEST(Launch, a_target_launch_has_the_smallest_plan_and_padding_on_the_page_nobody_owns) {
  KvPool pool(kLimits);
  const auto a = pool.open();
  const auto plans = plans_of<TargetShape>({{1, 1}, {8, 4}});
  TargetBatch batch(StepId(5));
  const Pending pending = batch.add(room_of(pool, *a, 3), tokens({1, 2}), tokens({3}));
  const auto launch = Launch<TargetShape>::bind(plans, batch, pool);
  EXPECT_EQ(launch.step(), StepId(5));
  EXPECT_EQ(launch.live(), (TargetShape{3, 2}));
  EXPECT_EQ(&launch.plan(), &plans.plans()[1]);
  EXPECT_EQ(launch.rows().data(), batch.rows().data());
  EXPECT_EQ(launch.logit_rows().size(), 2u);
  EXPECT_EQ(launch.padding().kv.length(), 0u);
  EXPECT_EQ(launch.padding().pos, Pos(0)) << "inside the one page it has";
  for (const KvGroup group : {KvGroup::kGlobal, KvGroup::kSliding}) {
    ASSERT_EQ(launch.padding().kv.pages(group).size(), 1u);
    EXPECT_EQ(launch.padding().kv.pages(group)[0], KvPool::padding_page());
  }
}

TEST(Launch, a_draft_round_has_a_plan_for_every_number_of_sequences_that_still_draft) {
  KvPool pool(kLimits);
  const auto a = pool.open();
  const auto plans = plans_of<DraftShape>({{1}, {4}});
  TargetBatch batch(StepId(5));
  Pending pending = batch.add(room_of(pool, *a, 2), tokens({1, 2}), {});
  const Judgement judged = std::move(pending).judge(Picks(StepId(5), tokens({3})));
  DraftBatch round;
  round.add(judged);
  round.add(judged);
  const auto launch = Launch<DraftShape>::bind(plans, round, pool);
  EXPECT_EQ(launch.live(), DraftShape{2});
  EXPECT_EQ(launch.rows().size(), 2u);
  EXPECT_EQ(launch.hidden().size(), 2u);
  EXPECT_EQ(&launch.plan(), &plans.plans()[1]);
  EXPECT_EQ(&launch.plan(1), &plans.plans()[0]);
  EXPECT_DEATH(launch.plan(3), "no sequence joins a round later");
  EXPECT_EQ(launch.padding().kv.pages(KvGroup::kGlobal)[0], KvPool::padding_page());
  round.advance(tokens({4, 5}));
  EXPECT_TRUE(Launch<DraftShape>::bind(plans, round, pool).hidden().empty());
}

TEST(Launch, a_batch_that_grows_under_a_bound_launch_is_our_bug) {
  KvPool pool(kLimits);
  const auto a = pool.open(), b = pool.open();
  const auto plans = plans_of<TargetShape>({{4, 4}});
  TargetBatch batch(StepId(5));
  const Pending first = batch.add(room_of(pool, *a, 1), tokens({1}), {});
  const auto launch = Launch<TargetShape>::bind(plans, batch, pool);
  EXPECT_EQ(launch.rows().size(), 1u);
  const Pending second = batch.add(room_of(pool, *b, 1), tokens({2}), {});
  EXPECT_DEATH(launch.rows(), "stays as it is until its launch has run");
}

}  // namespace
}  // namespace outrider
