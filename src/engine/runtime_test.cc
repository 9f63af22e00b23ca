#include "engine/runtime.h"

#include <gtest/gtest.h>

#include "engine/scripted_test_backend.h"

namespace outrider {
namespace {

KvLimits limits_of(const RuntimeOptions& options) {
  return scripted({}, options).runtime->pool().limits();
}

Result<std::unique_ptr<Runtime>> outline(const RuntimeOptions& options, bool drafts,
                                         std::uint32_t trained = 4096) {
  const auto backend = [](const KvLayout&,
                          const KvLimits& limits) -> Result<std::unique_ptr<Backend>> {
    return std::unique_ptr<Backend>(std::make_unique<ScriptedBackend>(limits, Script{}));
  };
  return Runtime::outline({.kv_layers = {{KvGroup::kGlobal, 1, 8}},
                           .reach = 100,
                           .vocab = 64,
                           .drafts = drafts,
                           .context = trained},
                          options, backend);
}

TEST(Runtime, every_sequence_has_logit_rows_for_its_next_token_and_its_drafts) {
  const auto drafting = outline({.sequences = 40, .drafts = 5}, true);
  EXPECT_EQ((*drafting)->options().logit_rows, 240u);
  EXPECT_EQ((*drafting)->options().chunk_rows, 240u) << "a launch has room for them";
  const auto plain = outline({.sequences = 40, .drafts = 5}, false);
  EXPECT_EQ((*plain)->options().logit_rows, 40u);
  EXPECT_EQ((*plain)->options().chunk_rows, 128u);
}

TEST(Runtime, without_a_budget_every_sequence_has_pages_for_its_whole_context) {
  EXPECT_EQ(limits_of({.context = 1000, .sequences = 3}).global_pages, 3u * 16 + 1);
}

TEST(Runtime, a_budget_in_bytes_is_kept) {
  RuntimeOptions options{.context = 1000, .sequences = 3};
  options.kv_bytes = 50 * 2048;
  const KvLimits limits = limits_of(options);
  EXPECT_LE(limits.global_pages + limits.sliding_pages, 50u);
  EXPECT_GE(limits.global_pages + limits.sliding_pages, 49u);
  options.kv_bytes = 10 * 2048;
  const auto refused = outline(options, true);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("would fit"), std::string::npos);
}

TEST(Runtime, without_a_context_it_is_the_models_own_or_what_memory_has_room_for) {
  RuntimeOptions options{.context = 0, .sequences = 2};
  EXPECT_EQ((*outline(options, false, 1000))->options().context, 1000u);
  EXPECT_EQ((*outline(options, false, 1))->options().context, 1u);
  EXPECT_EQ((*outline(options, false, ~0u))->options().context, kContextMax);
  for (const std::uint64_t bytes : {10'000u, 20'480u, 30'000u}) {
    options.context = 0;
    options.kv_bytes = bytes;
    const std::uint32_t found = (*outline(options, false, 1000))->options().context;
    EXPECT_LT(found, 1000u);
    options.context = found + kPageRows;
    EXPECT_FALSE(outline(options, false).has_value()) << "a page more does not fit " << bytes;
  }
  options.context = 0;
  options.kv_bytes = 1'000'000;
  EXPECT_EQ((*outline(options, false, 1000))->options().context, 1000u);
  options.kv_bytes = 1;
  EXPECT_FALSE(outline(options, false).has_value());
}

TEST(Runtime, keys_and_values_take_half_of_the_free_memory_at_most) {
  RuntimeOptions options{.context = 1000, .sequences = 3};
  const KvLimits all = limits_of(options);
  options.memory_bytes = 1u << 30;
  EXPECT_EQ(limits_of(options).global_pages, all.global_pages);
  options.memory_bytes = 2 * 40 * 2048;
  const KvLimits limits = limits_of(options);
  EXPECT_LE(limits.global_pages + limits.sliding_pages, 40u);
  EXPECT_GE(limits.global_pages + limits.sliding_pages, 39u);
}

}  // namespace
}  // namespace outrider
