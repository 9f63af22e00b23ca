#include "step/batch.h"

namespace outrider {
namespace {

constexpr PickRule kMostLikely{};  // temperature 0, no filter that could matter

}  // namespace

std::span<const TokenId> Pending::drafts() const {
  const auto& pick = batch_->picks_[first_logit_row_];
  std::size_t count = 0;
  for (std::size_t row = first_logit_row_ + 1; row < batch_->picks_.size(); ++row, ++count) {
    if (batch_->picks_[row].drafts_before != count + 1) break;
  }
  return std::span(batch_->drafts_).subspan(pick.first_draft, count);
}

Judgement Pending::judge(const Picks& picks) && {
  require(picks.step() == batch_->step(), "picks judge the launch they were made from");
  const std::span<const TokenId> drafted = drafts();
  require(picks.tokens().size() >= first_logit_row_ + 1 + drafted.size(),
          "a pick for every logit row");
  const auto chosen = picks.tokens().subspan(first_logit_row_);
  std::uint32_t stand = 0;
  while (stand < drafted.size() && chosen[stand] == drafted[stand]) ++stand;

  const Sequence& sequence = room_.sequence();
  const auto given = room_.rows() - static_cast<std::uint32_t>(drafted.size());
  std::move(room_).commit(given + stand);
  return {sequence, stand, chosen[stand], HiddenRow(picks.step(), first_logit_row_ + stand)};
}

void TargetBatch::reserve(TargetShape most) {
  rows_.reserve(most.rows);
  copies_.reserve(std::size_t{most.rows} * kKvGroups);  // every row may be a sequence of its own
  logit_rows_.reserve(most.logit_rows);
  picks_.reserve(most.logit_rows);
  drafts_.reserve(most.logit_rows);
}

void TargetBatch::restart(StepId step) {
  step_ = step;
  rows_.clear();
  copies_.clear();
  logit_rows_.clear();
  picks_.clear();
  drafts_.clear();
}

template <class Source>
Pending TargetBatch::add_rows(KvAppend room, std::span<const Source> given,
                              std::span<const TokenId> drafts, std::span<const PickRule> rules) {
  require(!given.empty(), "a judged sequence brings at least one decided row");
  require(room.rows() == given.size() + drafts.size(), "room was reserved for these rows");
  require(rules.empty() || rules.size() == drafts.size() + 1, "one rule per logit row");
  const auto first_logit_row = static_cast<std::uint32_t>(logit_rows_.size());
  const auto first_draft = static_cast<std::uint32_t>(drafts_.size());
  const auto want_pick = [&](std::uint32_t drafts_before) {
    logit_rows_.push_back(static_cast<std::uint32_t>(rows_.size() - 1));
    picks_.push_back(
        {rules.empty() ? kMostLikely : rules[drafts_before], first_draft, drafts_before});
  };
  copy_first(room);
  std::uint32_t row = 0;
  for (const Source& source : given) push(room, source, row++);
  want_pick(0);
  for (std::uint32_t i = 0; i < drafts.size(); ++i) {
    push(room, drafts[i], row++);
    drafts_.push_back(drafts[i]);
    want_pick(i + 1);
  }
  return Pending(std::move(room), *this, first_logit_row);
}

Pending TargetBatch::add(KvAppend room, std::span<const RowSource> given,
                         std::span<const TokenId> drafts, std::span<const PickRule> rules) {
  return add_rows(std::move(room), given, drafts, rules);
}

Pending TargetBatch::add(KvAppend room, std::span<const TokenId> given,
                         std::span<const TokenId> drafts, std::span<const PickRule> rules) {
  return add_rows(std::move(room), given, drafts, rules);
}

template <class Source>
KvAppend TargetBatch::add_chunk(KvAppend room, std::span<const Source> given) {
  require(room.rows() == given.size(), "room was reserved for these rows");
  copy_first(room);
  std::uint32_t row = 0;
  for (const Source& source : given) push(room, source, row++);
  return room;
}

KvAppend TargetBatch::add_unfinished(KvAppend room, std::span<const RowSource> given) {
  return add_chunk(std::move(room), given);
}

KvAppend TargetBatch::add_unfinished(KvAppend room, std::span<const TokenId> given) {
  return add_chunk(std::move(room), given);
}

void DraftBatch::add(const Judgement& judged, const DraftRule& rule) {
  require(rows_.size() == hidden_.size(), "sequences join a draft round at its start");
  require(!rule.picks.empty() && rule.picks.size() <= kDraftsMax, "a round drafts 1 to 16 tokens");
  const Sequence& s = judged.sequence;
  rows_.push_back({judged.next, Pos(s.length()), s.view()});
  hidden_.push_back(judged.hidden);
  rules_.push_back(rule);
}

void DraftBatch::add(const Judgement& judged) {
  add(judged, {.picks = std::span(&kMostLikely, 1)});
}

void DraftBatch::advance(std::span<const TokenId> picks) {
  require(picks.size() == rows_.size(), "one pick per drafting sequence");
  for (std::size_t i = 0; i < picks.size(); ++i) rows_[i].source = RowSource(picks[i]);
  hidden_.clear();
}

}  // namespace outrider
