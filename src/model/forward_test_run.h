// Runs target and drafter on the CPU without an engine, for tests that compare model files.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpu/backend.h"
#include "model/forward.h"
#include "model/model.h"
#include "model/model_test_files.h"

namespace outrider {

inline std::vector<TokenId> test_prompt(std::uint32_t rows) {
  std::vector<TokenId> tokens;
  for (std::uint32_t i = 0; i < rows; ++i) tokens.push_back(TokenId((17 + 41 * i) % 509));
  return tokens;
}

inline std::uint32_t position_of_largest(std::span<const float> values) {
  return static_cast<std::uint32_t>(std::max_element(values.begin(), values.end()) -
                                    values.begin());
}

struct ForwardRun {
  std::vector<float> logits;        // [prompt rows, vocabulary]
  std::vector<float> draft_logits;  // [3, vocabulary]; none without a drafter
};

// A prompt of 40 tokens (longer than the cases' window), then three draft steps.
inline ForwardRun run_forward(const TargetModel& target, const DrafterModel* drafter) {
  constexpr std::uint32_t kRows = 40;
  const auto shapes = target.kv_shapes();
  const KvLayout layout(shapes, KvFormat::kF32);
  const KvLimits limits{.global_pages = 4,
                        .sliding_pages = 4,
                        .window = drafter ? drafter->config.reach : target.config.reach,
                        .sequence_rows = 64};
  KvPool pool(limits);
  const auto backend = checked(CpuBackend::create(layout, limits, {.threads = 1}));
  const TargetShape shape{kRows, kRows};
  const PlanSet<TargetShape> plans(std::span(&shape, 1),
                                   [&](TargetShape s) { return make_plan(*backend, target, s); });
  EXPECT_TRUE(backend->reserve(plans));

  ForwardRun run;
  const auto sequence = pool.open();
  const auto prompt = test_prompt(kRows);
  TargetBatch batch(StepId(1));
  Pending pending = batch.add(checked(pool.append(*sequence, kRows)), std::span(prompt).first(1),
                              std::span(prompt).subspan(1));
  const auto output = checked(backend->run(Launch<TargetShape>::bind(plans, batch, pool)));
  run.logits.assign(output.logits.data().begin(), output.logits.data().end());
  std::vector<TokenId> picks(prompt.begin() + 1, prompt.end());
  picks.push_back(TokenId(7));
  const Judgement judged = std::move(pending).judge(Picks(output.step, std::move(picks)));
  if (drafter == nullptr) return run;

  const DraftShape one{1};
  const PlanSet<DraftShape> draft_plans(
      std::span(&one, 1), [&](DraftShape s) { return make_plan(*backend, *drafter, target, s); });
  EXPECT_TRUE(backend->reserve(draft_plans));
  DraftBatch round;
  round.add(judged);
  for (int step = 0; step < 3; ++step) {
    const auto drafted = checked(backend->run(Launch<DraftShape>::bind(draft_plans, round, pool)));
    const auto row = drafted.logits[0];
    run.draft_logits.insert(run.draft_logits.end(), row.begin(), row.end());
    const TokenId pick(position_of_largest(row));
    round.advance({&pick, 1});
  }
  return run;
}

inline ForwardRun run_files(const std::string& target_path, const std::string& drafter_path = {}) {
  const TargetModel target = checked(load_target(target_path));
  if (drafter_path.empty()) return run_forward(target, nullptr);
  const DrafterModel drafter = checked(load_drafter(drafter_path, target));
  return run_forward(target, &drafter);
}

}  // namespace outrider
