// Outputs of the official implementation, and how far a runtime is from them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "engine/runtime.h"
#include "format/safetensors.h"

namespace outrider {

// [rows, width], or [heads, rows, width] for keys and values.
struct GoldenTensor {
  std::vector<std::uint32_t> extent;
  std::vector<float> values;
};

struct Golden {
  std::vector<std::uint32_t> input_ids;
  std::vector<std::uint32_t> row_index;  // prompt positions that the tensors below cover
  GoldenTensor logits, hidden;
  GoldenTensor keys[kKvGroups],
      values[kKvGroups];  // of the last layer of each group; empty: not compared
  std::vector<std::uint32_t> greedy_ids;
  // The drafter's steps from the prompt's last hidden row; none if the file has none.
  std::uint32_t first_token = 0;
  std::vector<std::uint32_t> draft_tokens;
  GoldenTensor draft_logits, draft_hidden;

  static Result<Golden> read(const std::string& path);
};

// Relative errors are |ours - reference| / |reference| in the Euclidean norm over a whole tensor.
struct GoldenReport {
  double logits = 0, hidden = 0;
  double keys[kKvGroups] = {0, 0}, values[kKvGroups] = {0, 0};
  // Each draft step from the reference's own inputs: its hidden row, its token, its keys and
  // values. What a drafter with sharp attention makes of another run's rounding is in the chained
  // figures, which start from our target and feed each step our own last output; without the
  // reference's keys for every position, these are the same.
  double draft_logits = 0, draft_hidden = 0;
  double chained_logits = 0, chained_hidden = 0;
  std::uint32_t greedy_matches = 0, greedy_expected = 0;
  std::uint32_t draft_matches = 0, draft_expected = 0;  // of the chained steps

  double largest() const;  // of all but the chained ones
  bool tokens_match() const {
    return greedy_matches == greedy_expected && draft_matches == draft_expected;
  }
};

// Runs the golden prompt in chunks of at most `chunk_rows`, then the drafter, then greedy decoding.
// The runtime has room for two sequences.
Result<GoldenReport> compare(Runtime& runtime, const Golden& golden, std::uint32_t chunk_rows);

}  // namespace outrider
