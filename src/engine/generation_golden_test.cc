// The text does not depend on drafting: for a seed it is the same with any number of drafts.
#include <gtest/gtest.h>

#include "engine/golden_test_runtime.h"

namespace outrider {
namespace {

constexpr const char* kCases[] = {"dense", "ple", "moe", "mild/dense", "mild/ple", "mild/moe"};

std::vector<std::uint32_t> ids(const std::vector<TokenId>& tokens) {
  std::vector<std::uint32_t> values;
  for (const TokenId token : tokens) values.push_back(token.value());
  return values;
}

Request request(const SamplingParams& sampling, std::uint32_t drafts) {
  Request request{.prompt = {}, .sampling = sampling, .tokens_max = 40};
  for (std::uint32_t i = 0; i < 30; ++i) request.prompt.push_back(TokenId(2 + 13 * i % 500));
  request.drafts = {.n_min = drafts, .n_max = drafts};
  return request;
}

// What was generated, after checking that it was published as it came.
Generation run(Runtime& runtime, const Request& request) {
  std::vector<TokenId> published;
  auto result =
      checked(generate(runtime, nullptr, request, [&](TokenId t) { published.push_back(t); }));
  EXPECT_EQ(published, result.tokens);
  const auto& s = result.finish.speculative;
  EXPECT_LE(s.accepted, s.drafted);
  std::uint64_t sum = 0;
  for (const std::uint64_t count : s.accepted_per_position) sum += count;
  EXPECT_EQ(sum, s.accepted);
  return result;
}

constexpr SamplingParams kGreedy{.temperature = 0};

// The same text with 0 to 8 drafts; returns how many drafts were accepted in all.
std::uint64_t expect_drafts_change_nothing(Runtime& runtime, const SamplingParams& sampling) {
  const auto plain = run(runtime, request(sampling, 0));
  EXPECT_EQ(plain.tokens.size(), 40u);
  EXPECT_EQ(plain.finish.speculative.drafted, 0u);
  std::uint64_t accepted = 0;
  for (std::uint32_t drafts = 1; drafts <= 8; ++drafts) {
    const auto result = run(runtime, request(sampling, drafts));
    EXPECT_EQ(ids(result.tokens), ids(plain.tokens)) << drafts << " drafts";
    EXPECT_GT(result.finish.speculative.drafted, 0u);
    accepted += result.finish.speculative.accepted;
  }
  return accepted;
}

TEST(Generation, greedy_text_is_the_same_with_any_number_of_drafts) {
  for (const char* name : kCases) {
    for (const KvFormat kv : {KvFormat::kF32, KvFormat::kF16}) {
      SCOPED_TRACE(name);
      TestOptions options;
      options.runtime.kv_format = kv;
      const auto runtime = load(golden_pair(name), options);
      static_cast<void>(expect_drafts_change_nothing(*runtime, kGreedy));
    }
  }
}

TEST(Generation, sampled_text_is_the_same_with_any_number_of_drafts_and_shared_noise_accepts_some) {
  std::uint64_t accepted = 0;
  for (const char* name : kCases) {
    SCOPED_TRACE(name);
    const auto runtime = load(golden_pair(name), {});
    for (const std::uint64_t seed : {1ull, 2ull}) {
      accepted += expect_drafts_change_nothing(*runtime, {.seed = seed});
    }
    // At this temperature the noise decides, so target and drafter agree often.
    accepted += expect_drafts_change_nothing(*runtime, {.temperature = 20, .top_p = 1, .seed = 3});
  }
  EXPECT_GT(accepted, 100u);
}

// A row's history holds the drafts before it, and never more than the last tokens. The penalties
// here are rewards: these models seldom repeat themselves, and target and drafter have to agree on
// something, or no draft would be accepted and none would matter.
TEST(Generation, penalised_text_is_the_same_with_any_number_of_drafts) {
  for (const char* name : {"mild/dense", "mild/ple"}) {
    SCOPED_TRACE(name);
    const auto runtime = load(golden_pair(name), {});
    for (const std::uint32_t last : {2u, 8u}) {
      const SamplingParams plain{.temperature = 20, .top_p = 1, .seed = 6};
      SamplingParams rewarded = plain;
      rewarded.penalty_last = last;
      rewarded.presence_penalty = -50;
      rewarded.frequency_penalty = -5;
      EXPECT_GT(expect_drafts_change_nothing(*runtime, rewarded), 10u);
      EXPECT_NE(ids(run(*runtime, request(rewarded, 3)).tokens),
                ids(run(*runtime, request(plain, 3)).tokens));
    }
  }
}

TEST(Generation, quantised_pairs_with_int8_activations_keep_their_text_too) {
  for (const char* name : {"mild/dense", "mild/ple", "mild/moe"}) {
    SCOPED_TRACE(name);
    TestPair pair = golden_pair(name);
    pair = {quantised(pair.target, "t.gguf"), quantised(pair.drafter, "a.gguf")};
    TestOptions options;
    options.integer_activations = true;
    options.runtime.kv_format = KvFormat::kF16;
    const auto runtime = load(pair, options);
    static_cast<void>(expect_drafts_change_nothing(*runtime, kGreedy));
    static_cast<void>(expect_drafts_change_nothing(*runtime, {.seed = 4}));
  }
}

TEST(Generation, the_rows_of_one_launch_bound_the_drafts_and_not_the_text) {
  const auto wide = load(golden_pair("mild/dense"), {});
  const auto want = ids(run(*wide, request(kGreedy, 0)).tokens);
  for (const std::uint32_t chunk : {1u, 2u, 3u, 5u}) {
    TestOptions options;
    options.runtime.chunk_rows = chunk;
    options.runtime.logit_rows = 4;
    const auto narrow = load(golden_pair("mild/dense"), options);
    EXPECT_EQ(ids(run(*narrow, request(kGreedy, 8)).tokens), want) << chunk;
  }
}

TEST(Generation, a_full_context_ends_the_text_at_the_same_token_with_drafts) {
  TestOptions options;
  options.runtime.context = 47;
  const auto runtime = load(golden_pair("mild/ple"), options);
  for (const std::uint32_t drafts : {0u, 1u, 3u, 8u}) {
    auto asked = request(kGreedy, drafts);
    asked.tokens_max = 0;
    const auto result = run(*runtime, asked);
    // The last token needs no place of its own.
    EXPECT_EQ(result.tokens.size(), 47u - 30 + 1) << drafts;
    EXPECT_EQ(result.finish.reason, FinishReason::kLength);
  }
  auto whole = request(kGreedy, 3);
  while (whole.prompt.size() < 47) whole.prompt.push_back(TokenId(9));
  EXPECT_EQ(run(*runtime, whole).tokens.size(), 1u);
  whole.prompt.push_back(TokenId(9));
  const auto too_long = generate(*runtime, nullptr, whole, [](TokenId) {});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, ErrorCode::kBadRequest);
  EXPECT_EQ(run(*runtime, request(kGreedy, 3)).tokens.size(), 18u) << "the pool got its pages back";
}

TEST(Generation, a_stop_token_ends_the_text_before_it_wherever_drafts_put_it) {
  const auto runtime = load(golden_pair("mild/moe"), {});
  const SamplingParams sampling{.temperature = 20, .top_p = 1, .seed = 5};
  const auto plain = run(*runtime, request(sampling, 0));
  for (const std::size_t at : {0u, 1u, 2u, 9u, 23u}) {
    const TokenId stop = plain.tokens[at];
    const auto first = std::find(plain.tokens.begin(), plain.tokens.end(), stop);
    const std::vector<TokenId> want(plain.tokens.begin(), first);
    for (const std::uint32_t drafts : {0u, 1u, 4u, 8u}) {
      auto asked = request(sampling, drafts);
      asked.ends = {TokenId(511), stop};
      const auto result = run(*runtime, asked);
      EXPECT_EQ(ids(result.tokens), ids(want)) << "stop at " << at << ", " << drafts << " drafts";
      EXPECT_EQ(result.finish.reason, FinishReason::kStop);
    }
  }
}

TEST(Generation, an_unsure_drafter_stops_drafting_and_the_text_stays) {
  const auto runtime = load(golden_pair("mild/dense"), {});
  const auto plain = run(*runtime, request(kGreedy, 0));
  auto asked = request(kGreedy, 8);
  asked.drafts.p_min = 0.5f;
  const auto some = run(*runtime, asked);
  asked.drafts.p_min = 1.1f;
  const auto none = run(*runtime, asked);
  EXPECT_EQ(ids(some.tokens), ids(plain.tokens));
  EXPECT_EQ(ids(none.tokens), ids(plain.tokens));
  EXPECT_EQ(none.finish.speculative.drafted, 0u);
  EXPECT_LE(some.finish.speculative.drafted,
            run(*runtime, request(kGreedy, 8)).finish.speculative.drafted);
}

}  // namespace
}  // namespace outrider
