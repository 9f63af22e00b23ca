// Batches: what goes through the models in one step, and the verdicts that come back.
//
//   batch --shape()--> Shape --PlanSet::covering--> Plan --bind--> Launch --Backend::run--> output
//
// If two things must agree, one produces the other: views come from rooms, rooms ride in pending
// rows, the next token and the hidden row come from one judgement of one sequence, and picks belong
// to the launch they were made from.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/contract.h"
#include "core/id.h"
#include "core/inline_vector.h"
#include "kv/pool.h"
#include "sample/rule.h"
#include "step/shape.h"

namespace outrider {

// One turn of the engine; ties outputs to the launch they came from.
using StepId = Id<struct StepIdTag, std::uint64_t>;

// What a row brings in: a token, or a row of embeddings already in the model's width (a media
// position).
class RowSource {
 public:
  RowSource(TokenId token) : token_(token) {}
  // `embedding` is borrowed until the launch has run.
  explicit RowSource(std::span<const float> embedding) : token_(0), embedding_(embedding) {}

  bool is_token() const { return embedding_.empty(); }
  TokenId token() const {
    require(is_token(), "a token is asked only of a token row");
    return token_;
  }
  std::span<const float> embedding() const { return embedding_; }

 private:
  TokenId token_;
  std::span<const float> embedding_;
};

struct Row {
  RowSource source;
  Pos pos;
  KvView kv;  // what the row may attend to; a target row's own position is its last
};

// A target row whose hidden state a draft may continue from. Only a judgement hands one out.
class HiddenRow {
 public:
  StepId step() const { return step_; }
  std::uint32_t logit_row() const { return logit_row_; }

 private:
  friend class Pending;
  HiddenRow(StepId step, std::uint32_t logit_row) : step_(step), logit_row_(logit_row) {}
  StepId step_;
  std::uint32_t logit_row_;
};

// The target's verdict on one sequence: what comes next and where to draft from. By the time it
// exists, the rows that stand are committed and the others are gone.
struct Judgement {
  const Sequence& sequence;
  std::uint32_t accepted;  // drafts that stand
  TokenId next;
  HiddenRow hidden;  // of the last row that stands, which is seldom the last row of the batch
};

// The target's pick for every logit row of one launch.
class Picks {
 public:
  Picks(StepId step, std::vector<TokenId> tokens) : step_(step), tokens_(std::move(tokens)) {}
  StepId step() const { return step_; }
  std::span<const TokenId> tokens() const { return tokens_; }

  // The picks of another launch instead, all token 0 until they are filled in; storage is kept.
  std::span<TokenId> restart(StepId step, std::size_t logit_rows) {
    step_ = step;
    tokens_.assign(logit_rows, TokenId(0));
    return tokens_;
  }

 private:
  StepId step_;
  std::vector<TokenId> tokens_;
};

class TargetBatch;

// What one sequence brought to a target batch: its room, tokens already decided, and drafts.
// Dropped unjudged, it never happened. The batch stays until then.
class [[nodiscard]] Pending {
 public:
  // A draft stands while it equals the pick of the row before it.
  Judgement judge(const Picks& picks) &&;

  const Sequence& sequence() const { return room_.sequence(); }
  // This sequence's logit rows: the last given row, then one per draft.
  std::uint32_t first_logit_row() const { return first_logit_row_; }
  std::span<const TokenId> drafts() const;

 private:
  friend class TargetBatch;
  Pending(KvAppend room, const TargetBatch& batch, std::uint32_t first_logit_row)
      : room_(std::move(room)), batch_(&batch), first_logit_row_(first_logit_row) {}
  KvAppend room_;
  const TargetBatch* batch_;
  std::uint32_t first_logit_row_;
};

class TargetBatch {
 public:
  using Shape = TargetShape;
  explicit TargetBatch(StepId step) : step_(step) {}
  TargetBatch(const TargetBatch&) = delete;  // stays put: what it handed out points into it
  TargetBatch& operator=(const TargetBatch&) = delete;

  // Storage for batches up to this shape, so that filling them takes none.
  void reserve(TargetShape most);
  // An empty batch again, for another step; storage is kept.
  void restart(StepId step);

  // A prompt's last chunk has many given rows and no drafts; decoding gives one; verifying adds
  // drafts. Logits and hidden rows are wanted for the last given row and for each draft, and a pick
  // by `rules`, one per logit row; without rules it is the most likely token.
  Pending add(KvAppend room, std::span<const RowSource> given, std::span<const TokenId> drafts,
              std::span<const PickRule> rules = {});
  Pending add(KvAppend room, std::span<const TokenId> given, std::span<const TokenId> drafts,
              std::span<const PickRule> rules = {});

  // A chunk with more prompt to come: nothing to judge, no logits. Commit the room once the launch
  // has run.
  KvAppend add_unfinished(KvAppend room, std::span<const RowSource> given);
  KvAppend add_unfinished(KvAppend room, std::span<const TokenId> given);

  StepId step() const { return step_; }
  TargetShape shape() const {
    return {static_cast<std::uint32_t>(rows_.size()),
            static_cast<std::uint32_t>(logit_rows_.size())};
  }
  std::span<const Row> rows() const { return rows_; }
  // Indices into rows(), ascending.
  std::span<const std::uint32_t> logit_rows() const { return logit_rows_; }

  // Pages to be copied before the launch writes any row.
  std::span<const PageCopy> copies() const { return copies_; }

  // How a logit row's token is picked, for which position, and behind which drafts of this batch.
  const PickRule& rule(std::uint32_t logit_row) const { return picks_[logit_row].rule; }
  Pos pick_pos(std::uint32_t logit_row) const {
    return Pos(rows_[logit_rows_[logit_row]].pos.value() + 1);
  }
  std::span<const TokenId> drafts_before(std::uint32_t logit_row) const {
    const Pick& pick = picks_[logit_row];
    return std::span(drafts_).subspan(pick.first_draft, pick.drafts_before);
  }

 private:
  friend class Pending;
  struct Pick {
    PickRule rule;
    std::uint32_t first_draft;    // of its sequence, in drafts_
    std::uint32_t drafts_before;  // of its sequence, up to this row's own
  };
  template <class Source>
  Pending add_rows(KvAppend room, std::span<const Source> given, std::span<const TokenId> drafts,
                   std::span<const PickRule> rules);
  template <class Source>
  KvAppend add_chunk(KvAppend room, std::span<const Source> given);
  void push(const KvAppend& room, const RowSource& source, std::uint32_t row) {
    rows_.push_back({source, room.pos(row), room.visible(row)});
  }
  void copy_first(const KvAppend& room) {
    copies_.insert(copies_.end(), room.copies().begin(), room.copies().end());
  }

  StepId step_;
  std::vector<Row> rows_;
  std::vector<PageCopy> copies_;
  std::vector<std::uint32_t> logit_rows_;
  std::vector<Pick> picks_;      // one per logit row
  std::vector<TokenId> drafts_;  // of all sequences, in their order
};

inline constexpr std::uint32_t kDraftsMax = 16;  // drafts of one sequence in one round

// How one sequence drafts in a round. Everything borrowed is borrowed until the launch has run.
struct DraftRule {
  std::span<const PickRule> picks;  // one per draft, so also the most drafts: 1 to kDraftsMax
  float p_min = 0;                  // a draft of less confidence (draft_confidence) than this is
                                    // not proposed and ends the round
  std::span<const TokenId> ends{};  // proposed, and the last
  bool probabilities = false;       // wanted even where p_min does not need them
};

class DraftBatch {  // reads KV and never writes it
 public:
  using Shape = DraftShape;

  DraftBatch() = default;
  DraftBatch(const DraftBatch&) = delete;
  DraftBatch& operator=(const DraftBatch&) = delete;

  // Storage for rounds up to this shape.
  void reserve(DraftShape most) {
    rows_.reserve(most.seqs), hidden_.reserve(most.seqs), rules_.reserve(most.seqs);
  }
  // An empty round again; storage is kept.
  void restart() { rows_.clear(), hidden_.clear(), rules_.clear(); }

  // Token, hidden row, position and keys all come from one judgement of one sequence.
  void add(const Judgement& judged, const DraftRule& rule);
  // One draft, the most likely token.
  void add(const Judgement& judged);
  // Goes on with one more draft step after a launch: new tokens and each row's own last output.
  // Position and visible keys stay those of the round, as in the reference implementation.
  void advance(std::span<const TokenId> picks);

  DraftShape shape() const { return {static_cast<std::uint32_t>(rows_.size())}; }
  std::span<const Row> rows() const { return rows_; }
  std::span<const HiddenRow> hidden() const { return hidden_; }  // empty once advanced
  std::span<const DraftRule> rules() const { return rules_; }

 private:
  std::vector<Row> rows_;
  std::vector<HiddenRow> hidden_;
  std::vector<DraftRule> rules_;
};

}  // namespace outrider
