// A backend without a model, for tests of what stands above it. Its "keys" are a fingerprint of the
// text up to each position, kept in the pages that the rows' own views name, and its logits follow
// from that fingerprint: a page shared wrongly, written by a stranger or freed too early changes
// the text. Time is a script too.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "core/random.h"
#include "engine/deferred_test_backend.h"
#include "engine/runtime.h"
#include "sample/sampler.h"

namespace outrider {

struct Script {
  std::uint32_t vocab = 64;
  // The drafter's logits are the target's with this much noise of its own; 0: it is never wrong.
  float drafter_noise = 1.0f;
  // Logits follow from the last token alone, not from the text: many samples of few distributions.
  bool forgetful = false;
  std::function<double(std::uint32_t rows)> target_seconds = [](std::uint32_t) { return 1.0; };
  std::function<double(std::uint32_t sequences)> draft_seconds = [](std::uint32_t) { return 0.1; };
};

class ScriptedBackend final : public Backend {
 public:
  ScriptedBackend(const KvLimits& limits, const Script& script)
      : script_(script), window_(limits.window) {
    const std::uint32_t pages[kKvGroups] = {limits.global_pages, limits.sliding_pages};
    for (std::size_t group = 0; group < kKvGroups; ++group) {
      store_[group].resize(std::size_t{pages[group]} * kPageRows, kNothing);
    }
  }

  double seconds = 0;  // the script's clock
  std::uint64_t target_launches = 0, draft_launches = 0;
  std::uint32_t rows_last = 0;                            // of the last target launch
  std::set<std::uint32_t> target_buckets, draft_buckets;  // rows and sequences of the plans used
  std::function<bool()> fails_next{};  // a launch that answers true is lost with the device
  bool stays_closed = false;           // once lost, it can't be opened again

  // Opened again: nothing that it held is there any more.
  void forget() {
    for (auto& group : store_) std::fill(group.begin(), group.end(), kNothing);
    last_step_ = StepId(0);
  }

  std::string device() const override { return "script"; }
  std::unique_ptr<TargetRecorder> record(TargetShape) override { return nullptr; }
  std::unique_ptr<DraftRecorder> record(DraftShape) override { return nullptr; }
  Plan<TargetShape> finish(std::unique_ptr<TargetRecorder>) override { return {}; }
  Plan<DraftShape> finish(std::unique_ptr<DraftRecorder>) override { return {}; }
  Result<void> reserve(const PlanSet<TargetShape>& plans) override {
    const TargetShape most = plans.largest();
    fingerprints_.reserve(most.rows), kept_.reserve(most.logit_rows);
    hidden_.reserve(most.logit_rows);
    logits_.reserve(std::size_t{most.logit_rows} * script_.vocab);
    static_cast<void>(picks_.restart(StepId(0), most.logit_rows));
    return {};
  }
  Result<void> reserve(const PlanSet<DraftShape>& plans) override {
    drafted_.reserve(plans.largest().seqs);
    distributions_.resize(std::size_t{plans.largest().seqs} * kDraftsMax);
    for (Distribution& one : distributions_) one.entries.reserve(script_.vocab);
    return {};
  }

  Result<TargetOutput> run(const Launch<TargetShape>& launch) override {
    if (fails_next && fails_next()) return Error{ErrorCode::kDevice, "the device is gone"};
    const TargetBatch& batch = launch.batch();
    for (const PageCopy& copy : batch.copies()) {
      for (std::uint32_t row = 0; row < copy.rows; ++row) {
        at(copy.group, copy.to, row) = at(copy.group, copy.from, row);
      }
    }
    fingerprints_.clear();
    for (const Row& row : launch.rows()) fingerprints_.push_back(compute(row));

    const std::size_t count = launch.live().logit_rows;
    hidden_.assign(count, 0);
    logits_.resize(count * script_.vocab);
    const std::span<TokenId> picked = picks_.restart(launch.step(), count);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t row = launch.logit_rows()[i];
      const std::uint64_t fingerprint = fingerprints_[row];
      kept_.resize(std::max(kept_.size(), count));
      kept_[i] = fingerprint;
      const auto logits = std::span(logits_).subspan(i * script_.vocab, script_.vocab);
      fill(known(fingerprint, launch.rows()[row].source.token()), logits);
      picked[i] = sampler_.pick(logits, batch.rule(i), batch.pick_pos(i), batch.drafts_before(i));
    }
    last_step_ = launch.step();
    target_buckets.insert(launch.plan().shape.rows);
    ++target_launches;
    rows_last = launch.live().rows;
    seconds += script_.target_seconds(launch.live().rows);
    const auto rows = static_cast<std::uint32_t>(count);
    return TargetOutput{
        launch.step(), {logits_, {rows, script_.vocab}}, {hidden_, {rows, 1}}, &picks_};
  }

  Result<DraftOutput> run(const Launch<DraftShape>& launch) override {
    if (fails_next && fails_next()) return Error{ErrorCode::kDevice, "the device is gone"};
    const std::size_t count = launch.live().seqs;
    drafted_.assign(count, Drafted{});
    distributions_.resize(std::max(distributions_.size(), count * kDraftsMax));
    drafting_.assign(kDraftsMax, 0);
    draft_logits_.resize(script_.vocab);
    for (std::size_t i = 0; i < count; ++i) draft(launch, i);
    ++draft_launches;
    for (const std::uint32_t sequences : drafting_) {
      if (sequences == 0) continue;
      seconds += script_.draft_seconds(sequences);
      draft_buckets.insert(launch.plan(sequences).shape.seqs);
    }
    return DraftOutput{drafted_, {draft_logits_, {1, script_.vocab}}, {hidden_one_, {1, 1}}};
  }

  void read_kv(const KvView&, KvLayerId, std::uint32_t, KvSide, Pos,
               std::span<float>) const override {}
  void write_kv(const KvView&, KvLayerId, std::uint32_t, KvSide, Pos,
                std::span<const float>) override {}
  void write_hidden(const HiddenRow&, std::span<const float>) override {}

  // The target's logits behind `token`, where the script is forgetful.
  std::vector<float> logits_behind(TokenId token) const {
    std::vector<float> logits(script_.vocab);
    fill(mix(1, token), logits);
    return logits;
  }

 private:
  static constexpr std::uint64_t kNothing = ~std::uint64_t{0};

  std::uint64_t& at(KvGroup group, PageId page, std::uint32_t row) {
    return store_[static_cast<std::size_t>(group)][std::size_t{page.value()} * kPageRows + row];
  }
  std::uint64_t read(const KvView& view, KvGroup group, std::uint32_t pos) {
    require(pos < view.length(), "a row reads what it may see");
    const PageId page = view.pages(group)[pos / kPageRows];
    require(page != KvPool::padding_page(), "a row reads no page that was let go");
    return at(group, page, pos % kPageRows);
  }
  static std::uint64_t mix(std::uint64_t fingerprint, TokenId token) {
    const PhiloxBlock block = philox_at(fingerprint, token.value(), 7);
    return (std::uint64_t{block[0]} << 32 | block[1]) & ~(std::uint64_t{1} << 63);
  }

  // Stores a row's fingerprint and returns it; everything it looks back at must be its own.
  std::uint64_t compute(const Row& row) {
    const std::uint32_t pos = row.pos.value();
    require(row.source.token().value() < script_.vocab, "a row brings a token of the vocabulary");
    std::uint64_t fingerprint = 1;
    if (pos > 0) fingerprint = read(row.kv, KvGroup::kGlobal, pos - 1);
    fingerprint = mix(fingerprint, row.source.token());
    for (const KvGroup group : {KvGroup::kGlobal, KvGroup::kSliding}) {
      const PageId page = row.kv.pages(group)[pos / kPageRows];
      require(page != KvPool::padding_page(), "a row is stored on a page of its sequence");
      at(group, page, pos % kPageRows) = fingerprint;
    }
    for (std::uint32_t back = pos + 1 > window_ ? pos + 1 - window_ : 0; back <= pos; ++back) {
      if (read(row.kv, KvGroup::kSliding, back) != read(row.kv, KvGroup::kGlobal, back)) {
        ADD_FAILURE() << "position " << back << " seen from " << pos
                      << " differs between the groups";
        break;
      }
    }
    return fingerprint;
  }

  // What a row's logits follow from.
  std::uint64_t known(std::uint64_t fingerprint, TokenId token) const {
    return script_.forgetful ? mix(1, token) : fingerprint;
  }

  // SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA'14).
  static float uniform(std::uint64_t fingerprint, std::uint64_t index) {
    std::uint64_t z = fingerprint + (index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return uniform_open(static_cast<std::uint32_t>((z ^ (z >> 31)) >> 32));
  }
  void fill(std::uint64_t fingerprint, std::span<float> logits) const {
    for (std::size_t token = 0; token < logits.size(); ++token) {
      logits[token] = 6 * uniform(fingerprint, token);
    }
  }

  void draft(const Launch<DraftShape>& launch, std::size_t i) {
    const Row& row = launch.rows()[i];
    const DraftRule& rule = launch.rules()[i];
    const HiddenRow& hidden = launch.hidden()[i];
    require(hidden.step() == last_step_, "a hidden row is one of the last target launch");
    std::uint64_t fingerprint = kept_[hidden.logit_row()];
    require(read(row.kv, KvGroup::kGlobal, row.pos.value() - 1) == fingerprint,
            "a draft's hidden row and its keys are of one sequence");
    TokenId token = row.source.token();
    Drafted& drafted = drafted_[i];
    for (std::uint32_t step = 0; step < rule.picks.size(); ++step) {
      ++drafting_[step];
      fingerprint = mix(fingerprint, token);
      const std::uint64_t follows_from = known(fingerprint, token);
      fill(follows_from, draft_logits_);
      for (std::uint32_t t = 0; t < script_.vocab; ++t) {
        draft_logits_[t] += script_.drafter_noise * 6 * uniform(~follows_from, t);
      }
      const Pos pos(row.pos.value() + 1 + step);
      token = sampler_.pick(draft_logits_, rule.picks[step], pos, drafted.tokens);
      const float chance = probability(draft_logits_, token);
      if (draft_confidence(draft_logits_, token, rule.picks[step].noise) < rule.p_min) break;
      Distribution& from = distributions_[i * kDraftsMax + step];
      if (rule.picks[step].noise == Noise::kDraft) {
        sampler_.distribution(draft_logits_, rule.picks[step], drafted.tokens, from);
      }
      drafted.tokens.push_back(token);
      drafted.probabilities.push_back(chance);
      if (std::find(rule.ends.begin(), rule.ends.end(), token) != rule.ends.end()) break;
    }
    if (rule.picks.front().noise == Noise::kDraft) {
      drafted.drawn_from = std::span(distributions_).subspan(i * kDraftsMax, drafted.tokens.size());
    }
  }

  Script script_;
  std::uint32_t window_;
  std::vector<std::uint64_t> store_[kKvGroups];
  std::vector<std::uint64_t> fingerprints_, kept_;
  StepId last_step_{0};
  Sampler sampler_;
  Picks picks_{StepId(0), {}};
  std::vector<float> logits_, hidden_, draft_logits_;
  std::vector<float> hidden_one_ = {0};
  std::vector<Drafted> drafted_;
  std::vector<std::uint32_t> drafting_;  // sequences, by draft step
  std::vector<Distribution> distributions_;
};

// What a runtime owns of a scripted device: the device itself stays with the test, so that its
// clock and its counts outlive a loss.
class ScriptedHandle final : public Backend {
 public:
  explicit ScriptedHandle(std::shared_ptr<ScriptedBackend> device) : device_(std::move(device)) {}
  std::string device() const override { return device_->device(); }
  std::unique_ptr<TargetRecorder> record(TargetShape) override { return nullptr; }
  std::unique_ptr<DraftRecorder> record(DraftShape) override { return nullptr; }
  Plan<TargetShape> finish(std::unique_ptr<TargetRecorder>) override { return {}; }
  Plan<DraftShape> finish(std::unique_ptr<DraftRecorder>) override { return {}; }
  Result<void> reserve(const PlanSet<TargetShape>& plans) override {
    return device_->reserve(plans);
  }
  Result<void> reserve(const PlanSet<DraftShape>& plans) override {
    return device_->reserve(plans);
  }
  Result<TargetOutput> run(const Launch<TargetShape>& launch) override {
    return device_->run(launch);
  }
  Result<DraftOutput> run(const Launch<DraftShape>& launch) override {
    return device_->run(launch);
  }
  void read_kv(const KvView&, KvLayerId, std::uint32_t, KvSide, Pos,
               std::span<float>) const override {}
  void write_kv(const KvView&, KvLayerId, std::uint32_t, KvSide, Pos,
                std::span<const float>) override {}
  void write_hidden(const HiddenRow&, std::span<const float>) override {}

 private:
  std::shared_ptr<ScriptedBackend> device_;
};

struct ScriptedRuntime {
  std::unique_ptr<Runtime> runtime;
  std::shared_ptr<ScriptedBackend> backend;
  std::shared_ptr<DeferredCounts> counts;
};

// The engine sees the script as it would see a GPU.
inline ScriptedRuntime scripted(const Script& script, const RuntimeOptions& options,
                                std::uint32_t reach = 100) {
  const auto device = std::make_shared<std::shared_ptr<ScriptedBackend>>();
  const auto counts = std::make_shared<DeferredCounts>();
  const auto open = [=](const KvLayout&,
                        const KvLimits& limits) -> Result<std::unique_ptr<Backend>> {
    if (*device == nullptr) {
      *device = std::make_shared<ScriptedBackend>(limits, script);
    } else {
      if ((*device)->stays_closed) return Error{ErrorCode::kDevice, "there is no device"};
      (*device)->forget();
    }
    return std::unique_ptr<Backend>(
        std::make_unique<DeferredBackend>(std::make_unique<ScriptedHandle>(*device), counts));
  };
  auto made = Runtime::outline({.kv_layers = {{KvGroup::kGlobal, 1, 8}, {KvGroup::kSliding, 1, 8}},
                                .reach = reach,
                                .vocab = script.vocab,
                                .drafts = true},
                               options, open);
  require(made.has_value(), "a scripted backend has what it needs");
  return {std::move(*made), *device, counts};
}

}  // namespace outrider
