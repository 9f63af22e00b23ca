// A row's bits depend on its own sequence alone: not on threads, chunks, company, rejected drafts
// or what stands in pages of others.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "engine/golden_test_runtime.h"
#include "quant/codec.h"

namespace outrider {
namespace {

struct Variant {
  const char* model;
  bool quantised;
  bool integer;
  KvFormat kv;
  bool deferred = false;  // the CPU behaves as a GPU would
};

std::uint32_t below(std::mt19937& bits, std::uint32_t limit) {
  return static_cast<std::uint32_t>(bits()) % limit;
}

class Invariance : public testing::TestWithParam<Variant> {
 protected:
  Invariance() : pair_(golden_pair(GetParam().model)) {
    if (!GetParam().quantised) return;
    pair_.target = quantised(pair_.target, "quantised_target.gguf");
    pair_.drafter = quantised(pair_.drafter, "quantised_assistant.gguf");
  }

  std::unique_ptr<Runtime> runtime(std::uint32_t threads = 1) const {
    TestOptions options;
    options.threads = threads;
    options.integer_activations = GetParam().integer;
    options.runtime.kv_format = GetParam().kv;
    if (GetParam().deferred) options.deferred = std::make_shared<DeferredCounts>();
    return load(pair_, options);
  }
  // The text of `seed`, one row at a time with nobody else there.
  static TracedSequence decoded_alone(Runtime& runtime, std::uint32_t seed, std::uint32_t rows) {
    TracedSequence sequence(runtime, seed);
    for (std::uint32_t row = 0; row < rows; ++row) sequence.run(1);
    return sequence;
  }

  TestPair pair_;
};

TEST_P(Invariance, any_number_of_threads_computes_the_same_bits) {
  const auto one = runtime(1);
  const auto alone = decoded_alone(*one, 0, 40);
  for (const std::uint32_t threads : {2u, 3u}) {
    const auto many = runtime(threads);
    TracedSequence sequence(*many, 0);
    sequence.run(1);
    for (const std::uint32_t rows : {2u, 1u, 16u, 20u}) sequence.run(rows);
    expect_same(sequence, alone);
  }
}

TEST_P(Invariance, a_prompt_in_chunks_of_any_size_is_the_prompt_row_by_row) {
  const auto r = runtime();
  const auto alone = decoded_alone(*r, 1, 56);
  for (const std::uint32_t chunk : {1u, 7u, 16u, 48u}) {
    TracedSequence sequence(*r, 1);
    for (std::uint32_t left = 48; left > 0; left -= std::min(left, chunk)) {
      TargetBatch batch = r->next_batch();
      if (left > chunk) {
        sequence.add_chunk(batch, chunk);
      } else {
        sequence.add_prompt(batch, left);
      }
      sequence.finish(checked(r->run(batch)));
    }
    ASSERT_EQ(sequence.length(), 48u);
    for (int row = 0; row < 8; ++row) sequence.run(1);
    ASSERT_EQ(sequence.outputs().size(), 9u);
    expect_same(sequence, alone);
  }
}

// Five sequences whose prefill chunks, verified drafts and single rows share launches of up to 100
// rows, in another order each time.
TEST_P(Invariance, the_company_in_a_launch_changes_no_bit) {
  const auto r = runtime();
  constexpr std::uint32_t kRows = 200;
  std::vector<TracedSequence> alone;
  for (std::uint32_t seed = 0; seed < 5; ++seed)
    alone.push_back(decoded_alone(*r, seed, seed == 0 ? kRows : 90));

  std::vector<TracedSequence> together;
  for (std::uint32_t seed = 0; seed < 5; ++seed) together.emplace_back(*r, seed);
  std::mt19937 bits(3);
  std::vector<std::size_t> order = {0, 1, 2, 3, 4};
  while (together[0].length() < kRows) {
    std::shuffle(order.begin(), order.end(), bits);
    TargetBatch batch = r->next_batch();
    for (const std::size_t who : order) {
      TracedSequence& sequence = together[who];
      const std::uint32_t limit = who == 0 ? kRows : 90;
      const std::uint32_t left = limit - sequence.length();
      if (left == 0 || (who != 0 && below(bits, 3) == 0)) continue;
      const std::uint32_t most = below(bits, 2) == 0 ? 3 : 20;
      const std::uint32_t rows = std::min(left, 1 + below(bits, most));
      const std::uint32_t kind = below(bits, 4);
      if (kind == 0) {
        sequence.add_chunk(batch, rows);
      } else if (kind == 1) {
        sequence.add_prompt(batch, rows);
      } else {
        sequence.add(batch, rows);
      }
    }
    if (batch.rows().empty()) continue;
    const TargetOutput output = checked(r->run(batch));
    for (const std::size_t who : order) together[who].finish(output);
  }
  for (std::size_t who = 0; who < together.size(); ++who) expect_same(together[who], alone[who]);
}

TEST_P(Invariance, one_row_among_64_of_others_is_the_row_alone) {
  const auto r = runtime();
  auto alone = decoded_alone(*r, 0, 30);
  TracedSequence ours(*r, 0), before(*r, 1), after(*r, 2);
  ours.run(29);
  TargetBatch batch = r->next_batch();
  before.add(batch, 31);
  ours.add(batch, 1);
  after.add_chunk(batch, 33);
  const TargetOutput output = checked(r->run(batch));
  ours.finish(output);
  before.finish(output);
  after.finish(output);
  expect_same(ours, alone);
}

TEST_P(Invariance, rejected_drafts_never_happened_across_windows_and_pages) {
  const auto r = runtime();
  constexpr std::uint32_t kRows = 210;
  const auto alone = decoded_alone(*r, 4, kRows);
  std::mt19937 bits(5);
  for (int time = 0; time < 3; ++time) {
    TracedSequence sequence(*r, 4);
    while (sequence.length() < kRows) {
      const std::uint32_t rows = 1 + below(bits, 9);
      const std::uint32_t right = std::min(1 + below(bits, rows), kRows - sequence.length());
      sequence.run(rows, right);
    }
    EXPECT_EQ(sequence.outputs().size(), kRows);
    expect_same(sequence, alone);
  }
  TracedSequence far(*r, 4);  // drafts that reach over a page border, all but one rejected
  while (far.length() + 70 < kRows) far.run(70, 1 + far.length() % 3);
  expect_same(far, alone);
}

TEST_P(Invariance, a_dropped_launch_never_happened) {
  const auto r = runtime();
  const auto alone = decoded_alone(*r, 6, 80);
  TracedSequence sequence(*r, 6);
  while (sequence.length() < 80) {
    const std::uint32_t rows = std::min(13u, 80 - sequence.length());
    {
      TracedSequence stranger(*r, 7);
      TargetBatch dropped = r->next_batch();
      stranger.add(dropped, 100);
      static_cast<void>(checked(r->run(dropped)));
    }
    sequence.run(rows);
  }
  expect_same(sequence, alone);
}

// The logits and hidden rows of four draft steps for each sequence of `round`, in its order.
std::vector<std::vector<Outputs>> draft(Runtime& runtime, std::span<TracedSequence* const> round) {
  DraftBatch batch;
  for (const TracedSequence* sequence : round) batch.add(sequence->last());
  std::vector<std::vector<Outputs>> steps(round.size());
  for (int step = 0; step < 4; ++step) {
    const DraftOutput output = checked(runtime.run(batch));
    std::vector<TokenId> picks;
    for (std::size_t i = 0; i < round.size(); ++i) {
      const auto logits = output.logits[i], hidden = output.hidden[i];
      steps[i].push_back({{logits.begin(), logits.end()}, {hidden.begin(), hidden.end()}});
      picks.push_back(most_likely(logits));
    }
    batch.advance(picks);
  }
  return steps;
}

void expect_same_steps(const std::vector<Outputs>& a, const std::vector<Outputs>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t step = 0; step < a.size(); ++step) {
    EXPECT_TRUE(same_bits(a[step].logits, b[step].logits)) << "draft step " << step;
    EXPECT_TRUE(same_bits(a[step].hidden, b[step].hidden)) << "draft step " << step;
  }
}

// What each of these sequences drafts in one round, with its own number of drafts.
std::vector<Drafted> draft_round(Runtime& runtime, std::span<TracedSequence* const> round,
                                 std::span<const std::uint32_t> lengths) {
  const std::vector<PickRule> most_likely_tokens(kDraftsMax);
  DraftBatch batch;
  for (std::size_t i = 0; i < round.size(); ++i) {
    batch.add(round[i]->last(),
              {.picks = std::span(most_likely_tokens).first(lengths[i]), .probabilities = true});
  }
  const auto drafted = checked(runtime.run(batch)).drafted;
  return {drafted.begin(), drafted.end()};
}

// Rows leave a round one after another and the others close ranks: each must go on from its own
// hidden row. A wrong one would only be seen as drafts that seldom stand.
TEST_P(Invariance, a_ragged_round_is_every_sequence_drafting_alone) {
  const auto r = runtime();
  std::vector<TracedSequence> sequences;
  for (std::uint32_t seed = 0; seed < 5; ++seed) sequences.emplace_back(*r, seed);
  TargetBatch batch = r->next_batch();
  for (std::uint32_t i = 0; i < 5; ++i) sequences[i].add(batch, 7 + 8 * i);
  const TargetOutput output = checked(r->run(batch));
  for (TracedSequence& sequence : sequences) sequence.finish(output);

  std::vector<TracedSequence*> round;
  for (TracedSequence& sequence : sequences) round.push_back(&sequence);
  const std::uint32_t lengths[] = {2, 5, 1, 4, 6};
  const auto together = draft_round(*r, round, lengths);
  ASSERT_EQ(together.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    const auto one = std::span(round).subspan(i, 1);
    const Drafted alone = draft_round(*r, one, std::span(lengths).subspan(i, 1))[0];
    ASSERT_EQ(together[i].tokens.size(), lengths[i]);
    ASSERT_EQ(alone.tokens.size(), lengths[i]);
    const auto steps = draft(*r, one)[0];
    for (std::size_t step = 0; step < lengths[i]; ++step) {
      EXPECT_EQ(together[i].tokens[step], alone.tokens[step]) << i << ", draft " << step;
      EXPECT_EQ(together[i].probabilities[step], alone.probabilities[step]);
      if (step < steps.size()) {
        EXPECT_EQ(alone.tokens[step], most_likely(steps[step].logits)) << "step by step";
      }
    }
  }
}

TEST_P(Invariance, drafting_together_is_drafting_alone) {
  for (const std::uint32_t threads : {1u, 2u}) {
    const auto r = runtime(threads);
    std::vector<TracedSequence> sequences;
    for (std::uint32_t seed = 0; seed < 5; ++seed) sequences.emplace_back(*r, seed);
    for (std::uint32_t i = 0; i < 5; ++i) sequences[i].run(7 + 25 * i);  // window and pages crossed
    TargetBatch batch = r->next_batch();
    for (TracedSequence& sequence : sequences) sequence.add(batch, 3, 2);
    const TargetOutput output = checked(r->run(batch));
    for (TracedSequence& sequence : sequences) sequence.finish(output);

    std::vector<TracedSequence*> forward, backward;
    for (TracedSequence& sequence : sequences) {
      forward.push_back(&sequence);
      backward.insert(backward.begin(), &sequence);
    }
    const auto together = draft(*r, forward), reversed = draft(*r, backward);
    for (std::size_t i = 0; i < 5; ++i) {
      const auto alone = draft(*r, std::span(forward).subspan(i, 1));
      expect_same_steps(together[i], alone[0]);
      expect_same_steps(reversed[4 - i], alone[0]);
    }
  }
}

// Sequences whose every key and value is not a number fill the pool, some leave, and their pages
// go to ours.
TEST_P(Invariance, what_stands_in_pages_of_others_or_behind_ones_own_end_changes_no_bit) {
  constexpr std::uint32_t kRows = 150;
  const auto clean = runtime();
  auto alone = decoded_alone(*clean, 3, kRows);
  std::vector<TracedSequence*> ours_alone = {&alone};
  const auto want_drafts = draft(*clean, ours_alone);

  const auto r = runtime();
  const std::vector<float> broken(r->target().config.width,
                                  std::numeric_limits<float>::quiet_NaN());
  const std::vector<RowSource> rows(64, RowSource(std::span(broken)));
  const auto poison = [&](TracedSequence& sequence) {
    TargetBatch batch = r->next_batch();
    sequence.add_embeddings(batch, rows);
    const TargetOutput output = checked(r->run(batch));
    EXPECT_TRUE(std::isnan(output.logits[0][0])) << "the poison is none";
    sequence.finish(output);
  };
  {
    std::vector<TracedSequence> leaving;
    for (std::uint32_t i = 0; i < 7; ++i) {
      leaving.emplace_back(*r, 100 + i);
      for (int page = 0; page < 8; ++page) poison(leaving.back());
    }
  }
  TracedSequence sequence(*r, 3), neighbour(*r, 9);
  while (sequence.length() < kRows) {
    TargetBatch batch = r->next_batch();
    if (sequence.length() % 2 == 0 && neighbour.length() < 400)
      neighbour.add_embeddings(batch, std::span(rows).first(5));
    const std::uint32_t left = kRows - sequence.length();
    sequence.add(batch, std::min(left + 2, 5u), std::min(left, 3u));
    const TargetOutput output = checked(r->run(batch));
    sequence.finish(output);
    neighbour.finish(output);
  }
  expect_same(sequence, alone);
  std::vector<TracedSequence*> ours = {&sequence};
  expect_same_steps(draft(*r, ours)[0], want_drafts[0]);
}

TEST_P(Invariance, an_embedding_row_is_the_token_whose_embedding_it_is) {
  const auto r = runtime();
  const Weight& table = r->target().weights.embed;
  const bool per_layer = r->target().config.per_layer_width > 0;
  // Where layers have inputs of their own, an embedding row brings those of token 0.
  const TokenId token(per_layer ? 0 : 333);
  std::vector<float> embedding(table.cols);
  decode_row(table.type, table.row(token.value()), embedding);
  for (float& value : embedding) value *= std::sqrt(static_cast<float>(table.cols));

  const std::vector<RowSource> as_token = {TokenId(5), token, TokenId(6)};
  const std::vector<RowSource> as_row = {TokenId(5), RowSource(std::span(embedding)), TokenId(6)};
  std::vector<TracedSequence> sequences;
  for (const auto* rows : {&as_token, &as_row}) {
    sequences.emplace_back(*r, 0);
    TargetBatch batch = r->next_batch();
    sequences.back().add_embeddings(batch, *rows);
    sequences.back().finish(checked(r->run(batch)));
  }
  expect_same(sequences[1], sequences[0]);
}

std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const char* model : {"dense", "ple", "moe"}) {
    for (const KvFormat kv : {KvFormat::kF32, KvFormat::kF16}) {
      all.push_back({model, false, false, kv});
      all.push_back({model, true, false, kv});
      all.push_back({model, true, true, kv});
    }
    all.push_back({model, false, false, KvFormat::kF32, true});
    all.push_back({model, true, true, KvFormat::kF16, true});
  }
  return all;
}

std::string name_of(const testing::TestParamInfo<Variant>& info) {
  const Variant& v = info.param;
  return std::string(v.model) +
         (v.integer     ? "_int8"
          : v.quantised ? "_widened"
                        : "_float") +
         (v.kv == KvFormat::kF32 ? "_kv_f32" : "_kv_f16") + (v.deferred ? "_deferred" : "");
}

INSTANTIATE_TEST_SUITE_P(Golden, Invariance, testing::ValuesIn(variants()), name_of);

}  // namespace
}  // namespace outrider
