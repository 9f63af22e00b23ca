#include "step/batch.h"

namespace outrider {

Judgement Pending::judge(const Picks& picks) && {
  require(picks.step() == step_, "picks judge the launch they were made from");
  require(picks.tokens().size() >= first_logit_row_ + 1 + drafts_.size(),
          "a pick for every logit row");
  const auto chosen = picks.tokens().subspan(first_logit_row_);
  std::uint32_t stand = 0;
  while (stand < drafts_.size() && chosen[stand] == drafts_[stand]) ++stand;

  const Sequence& sequence = room_.sequence();
  const auto given = room_.rows() - static_cast<std::uint32_t>(drafts_.size());
  std::move(room_).commit(given + stand);
  return {sequence, stand, chosen[stand], HiddenRow(step_, first_logit_row_ + stand)};
}

Pending TargetBatch::add(KvAppend room, std::span<const RowSource> given,
                         std::span<const TokenId> drafts) {
  require(!given.empty(), "a judged sequence brings at least one decided row");
  require(room.rows() == given.size() + drafts.size(), "room was reserved for these rows");
  const auto first_logit_row = static_cast<std::uint32_t>(logit_rows_.size());
  std::uint32_t row = 0;
  for (const RowSource& source : given) push(room, source, row++);
  logit_rows_.push_back(static_cast<std::uint32_t>(rows_.size() - 1));
  for (const TokenId draft : drafts) {
    push(room, draft, row++);
    logit_rows_.push_back(static_cast<std::uint32_t>(rows_.size() - 1));
  }
  return Pending(std::move(room), step_, first_logit_row, drafts);
}

Pending TargetBatch::add(KvAppend room, std::span<const TokenId> given,
                         std::span<const TokenId> drafts) {
  const std::vector<RowSource> sources(given.begin(), given.end());
  return add(std::move(room), sources, drafts);
}

KvAppend TargetBatch::add_unfinished(KvAppend room, std::span<const RowSource> given) {
  require(room.rows() == given.size(), "room was reserved for these rows");
  std::uint32_t row = 0;
  for (const RowSource& source : given) push(room, source, row++);
  return room;
}

KvAppend TargetBatch::add_unfinished(KvAppend room, std::span<const TokenId> given) {
  const std::vector<RowSource> sources(given.begin(), given.end());
  return add_unfinished(std::move(room), sources);
}

void DraftBatch::add(const Judgement& judged) {
  require(rows_.size() == hidden_.size(), "sequences join a draft round at its start");
  const Sequence& s = judged.sequence;
  rows_.push_back({judged.next, Pos(s.length()), s.view()});
  hidden_.push_back(judged.hidden);
}

void DraftBatch::advance(std::span<const TokenId> picks) {
  require(picks.size() == rows_.size(), "one pick per drafting sequence");
  for (std::size_t i = 0; i < picks.size(); ++i) rows_[i].source = RowSource(picks[i]);
  hidden_.clear();
}

}  // namespace outrider
