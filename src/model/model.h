// A loaded target or drafter: configuration, borrowed weights, and what follows from them.
#pragma once
#include <string>
#include <vector>

#include "core/result.h"
#include "format/gguf.h"
#include "kv/layout.h"
#include "model/config.h"
#include "model/weights.h"
#include "step/recorder.h"

namespace outrider {

// Rotation frequencies of the two kinds of layers, radians per position, [head_dim / 2] each.
struct RopeTables {
  std::vector<float> full;
  std::vector<float> sliding;
};

struct TargetModel {
  GgufFile file;
  TargetConfig config;
  TargetWeights weights;
  RopeTables rope;

  // The KV-owning layers in model order: what a KvLayout is made from.
  std::vector<KvLayerShape> kv_shapes() const;
};

struct DrafterModel {
  GgufFile file;
  DrafterConfig config;
  DrafterWeights weights;
  RopeTables rope;
};

// What a launch of one row reads of the weights, and its products of a weight and an activation: of
// a mixture the experts that a row goes through, of tables that are gathered nothing. Rows whose
// logits nobody wants, all of a prompt but the last, stop at the last keys and values.
struct RowWork {
  std::uint64_t bytes = 0, products = 0;
};
RowWork work_of_a_row(const TargetModel& model, bool logits);

Result<TargetModel> load_target(const std::string& path);
// Also checks that the drafter fits `target`.
Result<DrafterModel> load_drafter(const std::string& path, const TargetModel& target);

// The KV that `layer`, of a target or of a drafter matched to it, attends to.
KvTarget kv_target(const DecoderConfig& config, const LayerConfig& layer);

}  // namespace outrider
