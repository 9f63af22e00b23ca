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
#include "kv/pool.h"
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

 private:
  StepId step_;
  std::vector<TokenId> tokens_;
};

// What one sequence brought to a target batch: its room, tokens already decided, and drafts.
// Dropped unjudged, it never happened.
class [[nodiscard]] Pending {
 public:
  // A draft stands while it equals the pick of the row before it.
  Judgement judge(const Picks& picks) &&;

  const Sequence& sequence() const { return room_.sequence(); }
  // This sequence's logit rows: the last given row, then one per draft.
  std::uint32_t first_logit_row() const { return first_logit_row_; }
  std::span<const TokenId> drafts() const { return drafts_; }

 private:
  friend class TargetBatch;
  Pending(KvAppend room, StepId step, std::uint32_t first_logit_row,
          std::span<const TokenId> drafts)
      : room_(std::move(room)),
        step_(step),
        first_logit_row_(first_logit_row),
        drafts_(drafts.begin(), drafts.end()) {}
  KvAppend room_;
  StepId step_;
  std::uint32_t first_logit_row_;
  std::vector<TokenId> drafts_;
};

class TargetBatch {
 public:
  using Shape = TargetShape;
  explicit TargetBatch(StepId step) : step_(step) {}

  // A prompt's last chunk has many given rows and no drafts; decoding gives one; verifying adds
  // drafts. Logits and hidden rows are wanted for the last given row and for each draft.
  Pending add(KvAppend room, std::span<const RowSource> given, std::span<const TokenId> drafts);
  Pending add(KvAppend room, std::span<const TokenId> given, std::span<const TokenId> drafts);

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

 private:
  void push(const KvAppend& room, const RowSource& source, std::uint32_t row) {
    rows_.push_back({source, room.pos(row), room.visible(row)});
  }
  StepId step_;
  std::vector<Row> rows_;
  std::vector<std::uint32_t> logit_rows_;
};

class DraftBatch {  // reads KV and never writes it
 public:
  using Shape = DraftShape;

  // Token, hidden row, position and keys all come from one judgement of one sequence.
  void add(const Judgement& judged);
  // The round's next draft step: new tokens and each row's own last output. Position and visible
  // keys stay those of the round, as in the reference implementation.
  void advance(std::span<const TokenId> picks);

  DraftShape shape() const { return {static_cast<std::uint32_t>(rows_.size())}; }
  std::span<const Row> rows() const { return rows_; }
  std::span<const HiddenRow> hidden() const { return hidden_; }  // empty after the first draft step

 private:
  std::vector<Row> rows_;
  std::vector<HiddenRow> hidden_;
};

}  // namespace outrider
