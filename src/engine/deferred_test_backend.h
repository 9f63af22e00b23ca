// A backend for tests that behaves towards the host as a GPU does, around one that computes:
// nothing runs before its launch is submitted, results come with the wait for that launch, and what
// the host was lent of a launch is overwritten when the next one of its kind is submitted. It
// counts what a GPU would pay for: submissions, waits, and everything else that host and device
// exchange.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/deferred_test_recorder.h"
#include "step/backend.h"

namespace outrider {

struct DeferredCounts {
  std::uint64_t target_submissions = 0, draft_submissions = 0, waits = 0;
  std::uint64_t exchanges = 0;       // of keys, values and hidden rows, outside any launch
  std::uint32_t sequences_last = 0;  // of the last draft round
};

// What one turn of the engine may ask of a device: a whole draft round, picks included, and the
// target launch, each submitted once and waited for once.
inline void expect_one_submission_each(const DeferredCounts& before, const DeferredCounts& after,
                                       std::uint64_t target_launches) {
  const std::uint64_t targets = after.target_submissions - before.target_submissions;
  const std::uint64_t drafts = after.draft_submissions - before.draft_submissions;
  EXPECT_EQ(targets, target_launches);
  EXPECT_LE(targets, 1u);
  EXPECT_LE(drafts, targets) << "drafts are verified in the turn that drafted them";
  EXPECT_EQ(after.waits - before.waits, targets + drafts);
  EXPECT_EQ(after.exchanges, 0u) << "a turn asks a device for nothing else";
}

// Numbers that were lent and are no more. A token like this is in no vocabulary.
constexpr float kStaleFloat = std::numeric_limits<float>::quiet_NaN();
constexpr TokenId kStaleToken{~std::uint32_t{0}};

// The host's copy of what a target launch gave.
class TargetResults {
 public:
  TargetOutput keep(const TargetOutput& output) {
    const auto logits = output.logits.data(), hidden = output.hidden.data();
    logits_.assign(logits.begin(), logits.end());
    hidden_.assign(hidden.begin(), hidden.end());
    const auto tokens = output.picks().tokens();
    std::copy(tokens.begin(), tokens.end(), picks_.restart(output.step, tokens.size()).begin());
    return {output.step,
            {logits_, {output.logits.extent(0), output.logits.extent(1)}},
            {hidden_, {output.hidden.extent(0), output.hidden.extent(1)}},
            &picks_};
  }
  void overwrite() {
    std::fill(logits_.begin(), logits_.end(), kStaleFloat);
    std::fill(hidden_.begin(), hidden_.end(), kStaleFloat);
    const auto tokens = picks_.restart(StepId(0), picks_.tokens().size());
    std::fill(tokens.begin(), tokens.end(), kStaleToken);
  }

 private:
  std::vector<float> logits_, hidden_;
  Picks picks_{StepId(0), {}};
};

// The host's copy of what a draft round gave.
class DraftResults {
 public:
  DraftOutput keep(const DraftOutput& output) {
    const auto logits = output.logits.data(), hidden = output.hidden.data();
    logits_.assign(logits.begin(), logits.end());
    hidden_.assign(hidden.begin(), hidden.end());
    drafted_.assign(output.drafted.begin(), output.drafted.end());
    while (distributions_.size() < drafted_.size() * kDraftsMax) {
      distributions_.emplace_back().entries.reserve(output.logits.extent(1));
    }
    for (std::size_t i = 0; i < drafted_.size(); ++i) {
      const auto from = drafted_[i].drawn_from;
      const auto into = std::span(distributions_).subspan(i * kDraftsMax, from.size());
      for (std::size_t k = 0; k < from.size(); ++k) into[k].entries = from[k].entries;
      drafted_[i].drawn_from = into;
    }
    return {drafted_,
            {logits_, {output.logits.extent(0), output.logits.extent(1)}},
            {hidden_, {output.hidden.extent(0), output.hidden.extent(1)}}};
  }
  void overwrite() {
    std::fill(logits_.begin(), logits_.end(), kStaleFloat);
    std::fill(hidden_.begin(), hidden_.end(), kStaleFloat);
    for (Drafted& drafted : drafted_) {
      std::fill(drafted.tokens.begin(), drafted.tokens.end(), kStaleToken);
      std::fill(drafted.probabilities.begin(), drafted.probabilities.end(), kStaleFloat);
    }
    for (Distribution& one : distributions_) {
      std::fill(one.entries.begin(), one.entries.end(),
                Distribution::Entry{kStaleToken, kStaleFloat});
    }
  }

 private:
  std::vector<float> logits_, hidden_;
  std::vector<Drafted> drafted_;
  std::vector<Distribution> distributions_;  // [sequences, kDraftsMax]
};

class DeferredBackend final : public Backend {
 public:
  // `counts` belong to the test: they outlive a device that is lost.
  DeferredBackend(std::unique_ptr<Backend> device, std::shared_ptr<DeferredCounts> counts)
      : device_(std::move(device)), counts_(std::move(counts)) {}

  std::string device() const override { return device_->device(); }
  std::unique_ptr<TargetRecorder> record(TargetShape shape) override {
    return std::make_unique<DeferredTargetRecorder>(device_->record(shape), device_->record(shape));
  }
  std::unique_ptr<DraftRecorder> record(DraftShape shape) override {
    return std::make_unique<DeferredDraftRecorder>(device_->record(shape), device_->record(shape));
  }
  Plan<TargetShape> finish(std::unique_ptr<TargetRecorder> recorder) override {
    return device_->finish(static_cast<DeferredTargetRecorder&>(*recorder).told());
  }
  Plan<DraftShape> finish(std::unique_ptr<DraftRecorder> recorder) override {
    return device_->finish(static_cast<DeferredDraftRecorder&>(*recorder).told());
  }
  Result<void> reserve(const PlanSet<TargetShape>& plans) override {
    return device_->reserve(plans);
  }
  Result<void> reserve(const PlanSet<DraftShape>& plans) override {
    return device_->reserve(plans);
  }

  Result<TargetOutput> run(const Launch<TargetShape>& launch) override {
    ++counts_->target_submissions;
    target_[lent_target_].overwrite();
    lent_target_ = 1 - lent_target_;
    auto output = device_->run(launch);
    ++counts_->waits;
    if (!output) return output.error();
    return target_[lent_target_].keep(*output);
  }
  Result<DraftOutput> run(const Launch<DraftShape>& launch) override {
    ++counts_->draft_submissions;
    counts_->sequences_last = launch.live().seqs;
    draft_[lent_draft_].overwrite();
    lent_draft_ = 1 - lent_draft_;
    auto output = device_->run(launch);
    ++counts_->waits;
    if (!output) return output.error();
    return draft_[lent_draft_].keep(*output);
  }

  void read_kv(const KvView& view, KvLayerId layer, std::uint32_t head, KvSide side, Pos pos,
               std::span<float> out) const override {
    ++counts_->exchanges;
    device_->read_kv(view, layer, head, side, pos, out);
  }
  void write_kv(const KvView& view, KvLayerId layer, std::uint32_t head, KvSide side, Pos pos,
                std::span<const float> row) override {
    ++counts_->exchanges;
    device_->write_kv(view, layer, head, side, pos, row);
  }
  void write_hidden(const HiddenRow& at, std::span<const float> row) override {
    ++counts_->exchanges;
    device_->write_hidden(at, row);
  }

 private:
  std::unique_ptr<Backend> device_;
  std::shared_ptr<DeferredCounts> counts_;
  // Two of each: what was lent last stays where it is while it is overwritten.
  TargetResults target_[2];
  DraftResults draft_[2];
  std::size_t lent_target_ = 0, lent_draft_ = 0;
};

}  // namespace outrider
