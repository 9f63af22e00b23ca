// Runtimes over the golden cases, and sequences that are fed a fixed text and remember what came
// out.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cpu/backend.h"
#include "engine/deferred_test_backend.h"
#include "engine/generation.h"
#include "engine/runtime.h"
#include "model/model_test_files.h"

namespace outrider {

struct TestPair {
  std::string target, drafter;
};

// A case's files; the ple cases' assistants get the centroid head that their GGUF lacks.
inline TestPair golden_pair(const std::string& name) {
  const bool centroids = name.ends_with("ple");
  return {golden_case(name + "/target.gguf"),
          centroids ? assistant_with_centroids(name).write("assistant.gguf")
                    : golden_case(name + "/assistant.gguf")};
}

// The same with every matrix that Q8_0 can hold in that type, every other one of them in Q4_0.
inline std::string quantised(const std::string& path, std::string_view name) {
  EditedModel model(path);
  bool odd = false;
  for (EditedModel::Tensor& tensor : model.tensors()) {
    const bool matrix = tensor.type == TensorType::kF32 && tensor.ne.size() >= 2;
    if (!matrix || tensor.ne[0] % 32 != 0) continue;
    odd = !odd;
    EditedModel::convert(tensor, odd ? TensorType::kQ8_0 : TensorType::kQ4_0);
  }
  return model.write(name);
}

struct TestOptions {
  std::uint32_t threads = 1;
  bool integer_activations = false;
  // Where there are counts, the CPU behaves as a GPU would.
  std::shared_ptr<DeferredCounts> deferred{};
  RuntimeOptions runtime{.context = 512,
                         .sequences = 8,
                         .chunk_rows = 128,
                         .logit_rows = 128,
                         .kv_format = KvFormat::kF32};
};

inline std::unique_ptr<Runtime> load(const TestPair& pair, const TestOptions& options) {
  return checked(Runtime::load(
      pair.target, pair.drafter, options.runtime,
      [cpu = CpuOptions{.threads = options.threads,
                        .integer_activations = options.integer_activations},
       counts = options.deferred](const KvLayout& layout,
                                  const KvLimits& limits) -> Result<std::unique_ptr<Backend>> {
        auto backend = CpuBackend::create(layout, limits, cpu);
        if (!backend) return backend.error();
        if (!counts) return std::unique_ptr<Backend>(std::move(*backend));
        return std::unique_ptr<Backend>(
            std::make_unique<DeferredBackend>(std::move(*backend), counts));
      }));
}

// Outputs of one position.
struct Outputs {
  std::vector<float> logits, hidden;
};

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

class TracedSequence {
 public:
  TracedSequence(Runtime& runtime, std::uint32_t seed)
      : runtime_(runtime), seed_(seed), sequence_(runtime.pool().open()) {}

  std::uint32_t length() const { return sequence_->length(); }
  TokenId token(std::uint32_t pos) const { return TokenId((17 + 41 * pos + 101 * seed_) % 509); }
  const std::map<std::uint32_t, Outputs>& outputs() const { return outputs_; }
  const Judgement& last() const { return *last_; }

  // The next `rows` of the text, logits of all of them; behind the first `right` the text is wrong.
  void add(TargetBatch& batch, std::uint32_t rows, std::uint32_t right) {
    std::vector<TokenId> drafts;
    for (std::uint32_t i = 1; i < rows; ++i) {
      const TokenId next = token(length() + i);
      drafts.push_back(i < right ? next : TokenId((next.value() + 1 + i) % 509));
    }
    const TokenId given = token(length());
    right_ = right;
    pending_.emplace(batch.add(room(rows), std::span(&given, 1), drafts));
  }
  void add(TargetBatch& batch, std::uint32_t rows) { add(batch, rows, rows); }
  // The same as a prompt's last chunk: logits of its last row only.
  void add_prompt(TargetBatch& batch, std::uint32_t rows) {
    right_ = 1;
    const auto given = text(rows);
    pending_.emplace(batch.add(room(rows), given, {}));
  }
  // More prompt follows: no logits.
  void add_chunk(TargetBatch& batch, std::uint32_t rows) {
    const auto given = text(rows);
    chunk_.emplace(batch.add_unfinished(room(rows), given));
  }
  // Rows that bring these embeddings instead of tokens, as a prompt.
  void add_embeddings(TargetBatch& batch, std::span<const RowSource> rows) {
    right_ = 1;
    pending_.emplace(batch.add(room(static_cast<std::uint32_t>(rows.size())), rows, {}));
  }

  // Takes what the launch computed for this sequence, and accepts the rows that were right.
  void finish(const TargetOutput& output) {
    if (chunk_) {
      const std::uint32_t rows = chunk_->rows();
      std::move(*chunk_).commit(rows);
      chunk_.reset();
    }
    if (!pending_) return;
    const std::uint32_t first = pending_->first_logit_row();
    const auto drafts = std::vector(pending_->drafts().begin(), pending_->drafts().end());
    std::vector<TokenId> picks(first, TokenId(0));
    picks.insert(picks.end(), drafts.begin(), drafts.begin() + (right_ - 1));
    picks.resize(first + drafts.size() + 1, TokenId(511));  // not in the text
    last_.emplace(std::move(*pending_).judge(Picks(output.step, std::move(picks))));
    pending_.reset();
    EXPECT_EQ(last_->accepted, right_ - 1);
    for (std::uint32_t i = 0; i < right_; ++i) {
      const auto logits = output.logits[first + i], hidden = output.hidden[first + i];
      outputs_[length() - right_ + i] = {{logits.begin(), logits.end()},
                                         {hidden.begin(), hidden.end()}};
    }
  }

  // A launch of its own.
  void run(std::uint32_t rows) { run(rows, rows); }
  void run(std::uint32_t rows, std::uint32_t right) {
    TargetBatch batch = runtime_.next_batch();
    add(batch, rows, right);
    finish(checked(runtime_.run(batch)));
  }

 private:
  KvAppend room(std::uint32_t rows) { return checked(runtime_.pool().append(*sequence_, rows)); }
  std::vector<TokenId> text(std::uint32_t rows) const {
    std::vector<TokenId> tokens;
    for (std::uint32_t i = 0; i < rows; ++i) tokens.push_back(token(length() + i));
    return tokens;
  }

  Runtime& runtime_;
  std::uint32_t seed_;
  std::unique_ptr<Sequence> sequence_;
  std::uint32_t right_ = 0;
  std::optional<Pending> pending_;
  std::optional<KvAppend> chunk_;
  std::optional<Judgement> last_;
  std::map<std::uint32_t, Outputs> outputs_;
};

// Every position that both know has the same bits, and there is at least one.
inline void expect_same(const TracedSequence& ours, const TracedSequence& alone) {
  std::size_t compared = 0;
  for (const auto& [pos, want] : alone.outputs()) {
    const auto found = ours.outputs().find(pos);
    if (found == ours.outputs().end()) continue;
    ++compared;
    ASSERT_TRUE(same_bits(found->second.logits, want.logits)) << "logits at " << pos;
    ASSERT_TRUE(same_bits(found->second.hidden, want.hidden)) << "hidden row at " << pos;
  }
  EXPECT_GT(compared, 0u);
}

}  // namespace outrider
