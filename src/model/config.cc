#include "model/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/metadata.h"

namespace outrider {
namespace {

// Far above any Gemma 4, low enough that products of two fit 32 bits.
constexpr std::uint32_t kWidthMax = 1u << 16;
constexpr std::uint32_t kLayersMax = 512;
constexpr std::uint32_t kHeadsMax = 1024;
constexpr std::uint32_t kHeadDimMax = 1024;
constexpr std::uint32_t kContextMax = 1u << 24;
constexpr std::uint32_t kVocabMax = 1u << 22;

constexpr std::string_view kDrafterDialects[] = {"gemma4-assistant", "gemma4_assistant",
                                                 "gemma4_mtp"};

std::string_view architecture_of(const GgufFile& file) {
  const GgufValue* value = file.value("general.architecture");
  return value != nullptr && value->string() ? *value->string() : std::string_view("(none)");
}

Result<std::uint32_t> vocab_of(const GgufFile& file) {
  const GgufTensor* table = file.find("token_embd.weight");
  if (table == nullptr) {
    return Error{ErrorCode::kBadModelFile,
                 fmt::format("{}: tensor token_embd.weight is missing", file.path())};
  }
  if (table->dims != 2 || table->ne[1] == 0 || table->ne[1] > kVocabMax) {
    return Error{
        ErrorCode::kBadModelFile,
        fmt::format("{}: tensor token_embd.weight has {} axes and {} rows, expected 2 and 1 to {}",
                    file.path(), table->dims, table->ne[1], kVocabMax)};
  }
  return static_cast<std::uint32_t>(table->ne[1]);
}

// Fields of a decoder read into `config`; the first that is wrong ends it.
class DecoderReader {
 public:
  DecoderReader(const Metadata& metadata, DecoderConfig& config)
      : metadata_(metadata), config_(config) {}

  Result<void> read() {
    const GgufValue* name = metadata_.file().value("general.name");
    config_.name = name != nullptr && name->string() ? std::string(*name->string()) : "unnamed";
    auto vocab = vocab_of(metadata_.file());
    if (!vocab) return vocab.error();
    config_.vocab = *vocab;
    u32("embedding_length", 1, kWidthMax, config_.width);
    u32("context_length", 1, kContextMax, config_.context);
    u32("attention.sliding_window", 1, kContextMax, config_.window);
    f32("attention.layer_norm_rms_epsilon", 1e-6f, config_.rms_eps);
    f32("rope.freq_base", 1e6f, config_.rope_base);
    f32("rope.freq_base_swa", 1e4f, config_.rope_base_sliding);
    layers();
    if (error_) return *error_;
    return {};
  }

 private:
  void u32(std::string_view key, std::uint32_t low, std::uint32_t high, std::uint32_t& into) {
    if (error_) return;
    keep(metadata_.u32(key, low, high), into);
  }
  void f32(std::string_view key, float absent, float& into) {
    if (error_) return;
    keep(metadata_.f32_or(key, absent), into);
    if (!error_ && !(into > 0)) error_ = metadata_.wrong(key, "is not positive");
  }
  template <class T>
  void keep(Result<T> result, T& into) {
    if (result) {
      into = std::move(*result);
    } else {
      error_ = result.error();
    }
  }

  void layers() {
    std::uint32_t count = 0, head_dim = 0, head_dim_sliding = 0;
    u32("block_count", 1, kLayersMax, count);
    u32("attention.key_length", 2, kHeadDimMax, head_dim);
    if (error_) return;
    keep(metadata_.u32_or("attention.key_length_swa", head_dim, 2, kHeadDimMax), head_dim_sliding);
    std::vector<std::uint32_t> heads, kv_heads, ffn;
    std::vector<bool> sliding;
    if (!error_) keep(metadata_.per_layer("attention.head_count", count, 1, kHeadsMax), heads);
    if (!error_)
      keep(metadata_.per_layer("attention.head_count_kv", count, 1, kHeadsMax), kv_heads);
    if (!error_) keep(metadata_.per_layer("feed_forward_length", count, 1, kWidthMax * 4), ffn);
    if (!error_)
      keep(metadata_.sliding_pattern("attention.sliding_window_pattern", count), sliding);
    if (error_) return;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t dim = sliding[i] ? head_dim_sliding : head_dim;
      if (heads[i] % kv_heads[i] != 0 || dim % 8 != 0) {
        error_ = metadata_.wrong(
            "attention.head_count",
            fmt::format("gives layer {} {} query heads for {} KV heads of {} values, expected a "
                        "multiple and a size that 8 divides",
                        i, heads[i], kv_heads[i], dim));
        return;
      }
      config_.layers.push_back({sliding[i], heads[i], kv_heads[i], dim, ffn[i], true, i});
    }
  }

  const Metadata& metadata_;
  DecoderConfig& config_;
  std::optional<Error> error_;
};

// The last `shared` layers read the keys and values of the last layer of their kind that owns some.
Result<void> share_kv(TargetConfig& config, std::uint32_t shared, const Metadata& metadata) {
  const auto count = static_cast<std::uint32_t>(config.layers.size());
  const std::uint32_t owners = count - shared;
  for (std::uint32_t i = owners; i < count; ++i) {
    LayerConfig& layer = config.layers[i];
    std::uint32_t donor = owners;
    while (donor-- > 0 && config.layers[donor].sliding != layer.sliding) {
    }
    if (donor >= owners) {
      return metadata.wrong(
          "attention.shared_kv_layers",
          fmt::format("is {}, which leaves layer {} no earlier layer of its kind", shared, i));
    }
    const LayerConfig& from = config.layers[donor];
    if (from.kv_heads != layer.kv_heads || from.head_dim != layer.head_dim) {
      return metadata.wrong(
          "attention.head_count_kv",
          fmt::format("gives layer {} other KV heads than layer {}, whose KV it shares", i, donor));
    }
    layer.owns_kv = false;
    layer.kv_layer = donor;
  }
  return {};
}

Result<std::optional<MoeConfig>> read_moe(const Metadata& metadata) {
  auto experts = metadata.u32_or("expert_count", 0, 0, 4096);
  if (!experts) return experts.error();
  if (*experts == 0) return std::optional<MoeConfig>();
  auto used = metadata.u32("expert_used_count", 1, std::min(*experts, 64u));
  if (!used) return used.error();
  auto width = metadata.u32("expert_feed_forward_length", 1, kWidthMax);
  if (!width) return width.error();
  return std::optional<MoeConfig>(MoeConfig{*experts, *used, *width});
}

void read_suppressed(const GgufFile& file, TargetConfig& config) {
  const GgufValue* value = file.value("tokenizer.ggml.suppress_tokens");
  const GgufArray* array = value != nullptr ? value->array() : nullptr;
  for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
    const auto token = array->integer(i);
    if (token && *token >= 0 && *token < config.vocab) {
      config.suppressed.push_back(static_cast<std::uint32_t>(*token));
    }
  }
}

}  // namespace

std::uint32_t TargetConfig::kv_layers() const {
  return static_cast<std::uint32_t>(std::count_if(
      layers.begin(), layers.end(), [](const LayerConfig& layer) { return layer.owns_kv; }));
}

std::uint32_t TargetConfig::last_kv_layer() const {
  return kv_layers() - 1;
}

bool is_drafter_architecture(std::string_view architecture) {
  return std::find(std::begin(kDrafterDialects), std::end(kDrafterDialects), architecture) !=
         std::end(kDrafterDialects);
}

Result<TargetConfig> read_target_config(const GgufFile& file) {
  const std::string_view architecture = architecture_of(file);
  if (architecture != "gemma4") {
    const char* hint =
        is_drafter_architecture(architecture) ? " (a drafter: it belongs behind -md)" : "";
    return Error{ErrorCode::kBadModelFile, fmt::format("{}: architecture is {}{}, expected gemma4",
                                                       file.path(), architecture, hint)};
  }
  const Metadata metadata(file, "gemma4.");
  TargetConfig config{};
  if (auto read = DecoderReader(metadata, config).read(); !read) return read.error();
  auto shared = metadata.u32_or("attention.shared_kv_layers", 0, 0,
                                static_cast<std::uint32_t>(config.layers.size()) - 1);
  if (!shared) return shared.error();
  if (auto done = share_kv(config, *shared, metadata); !done) return done.error();
  auto per_layer = metadata.u32_or("embedding_length_per_layer_input", 0, 0, kWidthMax);
  if (!per_layer) return per_layer.error();
  config.per_layer_width = *per_layer;
  config.reach = config.window;
  auto softcap = metadata.f32_or("final_logit_softcapping", 0);
  if (!softcap) return softcap.error();
  config.logit_softcap = *softcap;
  auto moe = read_moe(metadata);
  if (!moe) return moe.error();
  config.moe = *moe;
  read_suppressed(file, config);
  return config;
}

Result<DrafterConfig> read_drafter_config(const GgufFile& file) {
  const std::string_view architecture = architecture_of(file);
  if (!is_drafter_architecture(architecture)) {
    return Error{ErrorCode::kBadModelFile,
                 fmt::format("{}: architecture is {}, expected gemma4-assistant", file.path(),
                             architecture)};
  }
  const Metadata metadata(file, std::string(architecture) + ".");
  DrafterConfig config{};
  if (auto read = DecoderReader(metadata, config).read(); !read) return read.error();
  for (LayerConfig& layer : config.layers) layer.owns_kv = false;
  // The three dialects spell the target's width differently.
  std::string_view key = "embedding_length_out";
  for (const std::string_view spelling : {"n_embd_backbone", "backbone_embedding_length"}) {
    if (metadata.has(spelling)) key = spelling;
  }
  auto width = metadata.u32(key, 1, kWidthMax);
  if (!width) return width.error();
  config.target_width = *width;
  config.reach = config.window + 2;
  auto top = metadata.u32_or("centroid_top_k", 32, 1, kVocabMax);
  if (!top) return top.error();
  config.centroid_top = *top;
  return config;
}

Result<void> match(DrafterConfig& drafter, const TargetConfig& target,
                   const std::string& drafter_path, const std::string& target_path) {
  const auto mismatch = [&](std::string_view what, auto drafted, auto wanted) {
    return Error{ErrorCode::kBadModelFile,
                 fmt::format("{} cannot draft for {}: {} is {}, but the target's is {}",
                             drafter_path, target_path, what, drafted, wanted)};
  };
  if (drafter.target_width != target.width)
    return mismatch("its hidden size", drafter.target_width, target.width);
  if (drafter.vocab != target.vocab) return mismatch("its vocabulary", drafter.vocab, target.vocab);
  if (drafter.window != target.window)
    return mismatch("its sliding window", drafter.window, target.window);
  for (LayerConfig& layer : drafter.layers) {
    std::uint32_t donor = target.kv_layers();
    while (donor-- > 0 && target.layers[donor].sliding != layer.sliding) {
    }
    if (donor >= target.layers.size()) {
      return mismatch("a layer's kind", layer.sliding ? "sliding" : "full",
                      "the other one throughout");
    }
    const LayerConfig& from = target.layers[donor];
    const char* kind = layer.sliding ? "its sliding head size" : "its full head size";
    if (from.head_dim != layer.head_dim) return mismatch(kind, layer.head_dim, from.head_dim);
    kind = layer.sliding ? "its sliding KV head count" : "its full KV head count";
    if (from.kv_heads != layer.kv_heads) return mismatch(kind, layer.kv_heads, from.kv_heads);
    layer.kv_layer = donor;
  }
  return {};
}

}  // namespace outrider
