// What a Gemma 4 file says about its shape, read once and checked: target (architecture gemma4) and
// drafter (gemma4-assistant and its older dialects).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "format/gguf.h"

namespace outrider {

// One decoder layer, of the target or of the drafter.
struct LayerConfig {
  bool sliding;         // sees `window` positions; otherwise all
  std::uint32_t heads;  // query heads
  std::uint32_t kv_heads;
  std::uint32_t head_dim;
  std::uint32_t ffn_width;
  bool owns_kv;  // the drafter's layers and the target's last shared ones do not
  std::uint32_t
      kv_layer;  // index of the target layer whose keys and values it reads; itself if it owns them

  std::uint32_t q_width() const { return heads * head_dim; }
  std::uint32_t kv_width() const { return kv_heads * head_dim; }
};

struct MoeConfig {
  std::uint32_t experts;
  std::uint32_t used;       // experts a row goes through
  std::uint32_t ffn_width;  // of one expert
};

// What target and drafter have in common.
struct DecoderConfig {
  std::string name;     // general.name, for people
  std::uint32_t width;  // hidden size
  std::uint32_t vocab;
  std::uint32_t context;  // positions the model was trained for
  std::uint32_t window;   // positions a sliding layer sees, the row's own included
  float rms_eps;
  float rope_base;  // of full layers
  float rope_base_sliding;
  std::vector<LayerConfig> layers;

  // Positions a sliding layer looks back over, the row's own included. The drafter stands at
  // position n with keys up to n - 1, and the reference lets it see window + 1 of them.
  std::uint32_t reach;
};

struct TargetConfig : DecoderConfig {
  std::uint32_t per_layer_width;  // width of per-layer inputs; 0: none
  float logit_softcap;            // 0: none
  std::optional<MoeConfig> moe;
  std::vector<std::uint32_t> suppressed;  // tokens never to be picked
  std::uint32_t last_kv_layer() const;    // index of the last layer that owns KV
  std::uint32_t kv_layers() const;        // how many own KV; they come first
};

struct DrafterConfig : DecoderConfig {
  std::uint32_t target_width;  // the target's hidden size
  std::uint32_t centroid_top;  // clusters whose tokens are scored, if the file has a centroid head
};

// Errors name the file, the key, what was found and what was expected.
Result<TargetConfig> read_target_config(const GgufFile& file);
Result<DrafterConfig> read_drafter_config(const GgufFile& file);

// True for every spelling of the drafter's architecture, loadable or not.
bool is_drafter_architecture(std::string_view architecture);

// One sentence per thing that keeps a drafter from riding ahead of a target; KV layers are matched
// on success.
Result<void> match(DrafterConfig& drafter, const TargetConfig& target,
                   const std::string& drafter_path, const std::string& target_path);

}  // namespace outrider
