#include "app/llama_flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string_view>

namespace outrider {
namespace {

enum class Values { kNone, kOne, kPerhapsOne };

struct Ignored {
  const char* names;
  Values values;
};

// Memory, devices, batching, threads, logs and pages in a browser: nothing of it is in the text.
constexpr Ignored kIgnored[] = {
    {"--webui,--no-webui,--ui,--no-ui", Values::kNone},
    {"--webui-config,--webui-config-file,--ui-config,--ui-config-file", Values::kOne},
    {"--no-webui-mcp-proxy,--no-ui-mcp-proxy,--no-agent", Values::kNone},
    {"--metrics", Values::kNone},
    {"--slots,--no-slots", Values::kNone},
    {"--props", Values::kNone},
    {"--cont-batching,--no-cont-batching", Values::kNone},
    {"--mlock", Values::kNone},
    {"--mmap,--no-mmap", Values::kNone},
    {"--direct-io,--no-direct-io", Values::kNone},
    {"--load-mode,--lazy-mode", Values::kOne},
    {"--fit", Values::kPerhapsOne},
    {"--fit-target,--fit-ctx", Values::kOne},
    {"--jinja,--no-jinja", Values::kNone},
    {"--warmup,--no-warmup", Values::kNone},
    {"--offline", Values::kNone},
    {"--perf,--no-perf", Values::kNone},
    {"--swa-full", Values::kNone},
    {"--kv-unified,--no-kv-unified", Values::kNone},
    {"--kv-offload,--no-kv-offload", Values::kNone},
    {"--op-offload,--no-op-offload", Values::kNone},
    {"--repack,--no-repack", Values::kNone},
    {"--no-host", Values::kNone},
    {"--check-tensors", Values::kNone},
    {"--no-context-shift", Values::kNone},
    {"-e,--escape,--no-escape", Values::kNone},
    {"--cpu-moe,--cpu-moe-draft,--spec-draft-cpu-moe", Values::kNone},
    {"--n-cpu-moe,--n-cpu-moe-draft,--spec-draft-n-cpu-moe,--spec-draft-ncmoe", Values::kOne},
    {"--n-cpu-ffn,--moe-cache-mib", Values::kOne},
    {"-b,--batch-size", Values::kOne},
    {"--ubatch-size", Values::kOne},
    {"--flash-attn", Values::kPerhapsOne},
    {"--threads-batch", Values::kOne},
    {"--threads-draft,--threads-batch-draft", Values::kOne},
    {"--spec-draft-threads,--spec-draft-threads-batch", Values::kOne},
    {"--spec-draft-cpu-mask,--spec-draft-cpu-mask-batch,--cpu-mask-batch-draft", Values::kOne},
    {"--spec-draft-cpu-range,--spec-draft-cpu-strict,--spec-draft-cpu-strict-batch", Values::kOne},
    {"--spec-draft-prio,--spec-draft-prio-batch,--prio-batch-draft", Values::kOne},
    {"--spec-draft-poll,--spec-draft-poll-batch,--poll-batch-draft", Values::kOne},
    {"--cpu-range-batch-draft,--cpu-strict-batch-draft", Values::kOne},
    {"-C,--cpu-mask,--cpu-mask-batch,--cpu-mask-draft", Values::kOne},
    {"--cpu-range,--cpu-range-batch,--cpu-range-draft", Values::kOne},
    {"--cpu-strict,--cpu-strict-batch,--cpu-strict-draft", Values::kOne},
    {"--poll,--poll-batch,--poll-draft", Values::kOne},
    {"--prio,--prio-batch,--prio-draft", Values::kOne},
    {"--numa", Values::kOne},
    {"--device,--device-draft,--spec-draft-device", Values::kOne},
    {"--split-mode", Values::kOne},
    {"--tensor-split", Values::kOne},
    {"--main-gpu", Values::kOne},
    {"--override-tensor,--override-tensor-draft,--spec-draft-override-tensor", Values::kOne},
    {"--gpu-layers-draft,--n-gpu-layers-draft,--spec-draft-ngl", Values::kOne},
    {"--ctx-size-draft,--spec-draft-ctx-size", Values::kOne},
    {"--cache-type-k-draft,--spec-draft-type-k", Values::kOne},
    {"--cache-type-v-draft,--spec-draft-type-v", Values::kOne},
    {"--defrag-thold", Values::kOne},
    {"--cache-reuse", Values::kOne},
    {"--cache-ram", Values::kOne},
    {"--cache-idle-slots,--no-cache-idle-slots", Values::kNone},
    {"--ctx-checkpoints,--swa-checkpoints,--checkpoint-min-step", Values::kOne},
    {"--slot-prompt-similarity", Values::kOne},
    {"--draft-p-split,--spec-draft-p-split", Values::kOne},
    {"--spec-draft-backend-sampling,--no-spec-draft-backend-sampling", Values::kNone},
    {"--spec-default", Values::kNone},
    // Of images and sound, which no request may bring.
    {"--mmproj-auto,--no-mmproj,--no-mmproj-auto,--mmproj-offload,--no-mmproj-offload",
     Values::kNone},
    {"--mmproj-device,--image-min-tokens,--image-max-tokens,--mtmd-batch-max-tokens", Values::kOne},
    {"--video-fps,--video-timestamp-interval,--video-ffmpeg-dir", Values::kOne},
    {"--tags,--embd-normalize,--sse-ping-interval,--sleep-idle-seconds", Values::kOne},
    {"--reuse-port,--models-autoload,--no-models-autoload,--no-skip-chat-parsing", Values::kNone},
    {"--cors-methods,--cors-headers", Values::kOne},
    {"--cors-credentials,--no-cors-credentials", Values::kNone},
    {"--log-verbosity", Values::kOne},
    {"-v,--verbose,--log-verbose", Values::kNone},
    {"--log-colors", Values::kPerhapsOne},
    {"--log-prefix,--no-log-prefix", Values::kNone},
    {"--log-timestamps,--no-log-timestamps", Values::kNone},
};

struct Refused {
  const char* names;
  Values values;
  const char* because;  // behind the option's name
};

constexpr const char* kNoConstraint =
    "is not built: replies follow the model, and tools are the only constraint there is";
constexpr const char* kFormat = "cannot be changed: the chat format is Gemma 4's own";
constexpr const char* kPosition =
    "cannot be changed: positions are rotated as the model's file says";
constexpr const char* kOneModel = "is not built: this server runs a Gemma 4 as its file has it";
constexpr const char* kSampler =
    "is not built: the samplers are penalties, top-k, typical, top-p, min-p and temperature, in "
    "that order";
constexpr const char* kFetch = "is not built: models are files, named with -m";
constexpr const char* kDrafts = "is not built: drafts come from the model's MTP assistant";
constexpr const char* kTools = "is not built: tools are run by the client that brings them";
constexpr const char* kPerRequest = "is not an option of this server: a request says it";

constexpr Refused kRefused[] = {
    {"--grammar,--grammar-file", Values::kOne, kNoConstraint},
    {"-j,--json-schema,--json-schema-file", Values::kOne, kNoConstraint},
    {"--backend-sampling", Values::kNone, kSampler},
    {"--samplers,--sampler-seq,--sampling-seq", Values::kOne, kSampler},
    {"--mirostat,--mirostat-lr,--mirostat-ent", Values::kOne, kSampler},
    {"--xtc-probability,--xtc-threshold", Values::kOne, kSampler},
    {"--dry-multiplier,--dry-base,--dry-allowed-length,--dry-penalty-last-n,"
     "--dry-sequence-breaker",
     Values::kOne, kSampler},
    {"--dynatemp-range,--dynatemp-exp", Values::kOne, kSampler},
    {"--top-nsigma,--top-n-sigma,--adaptive-target,--adaptive-decay", Values::kOne, kSampler},
    {"--chat-template,--chat-template-file", Values::kOne, kFormat},
    {"--skip-chat-parsing,--prefill-assistant,--no-prefill-assistant", Values::kNone, kFormat},
    {"--reasoning-preserve,--no-reasoning-preserve", Values::kNone, kFormat},
    {"--reasoning-budget-message", Values::kOne, kFormat},
    {"--reasoning-effort", Values::kOne, kPerRequest},
    {"--special,--spm-infill", Values::kNone, kFormat},
    {"--rope-scaling,--rope-scale,--rope-freq-base,--rope-freq-scale", Values::kOne, kPosition},
    {"--yarn-orig-ctx,--yarn-ext-factor,--yarn-attn-factor,--yarn-beta-slow,--yarn-beta-fast",
     Values::kOne, kPosition},
    {"--grp-attn-n,--grp-attn-w", Values::kOne, kPosition},
    {"--context-shift", Values::kNone,
     "is not built: a conversation that has filled its context is over"},
    {"--keep", Values::kOne, "is not built: a conversation that has filled its context is over"},
    {"--lora,--lora-scaled,--control-vector,--control-vector-scaled", Values::kOne, kOneModel},
    {"--lora-init-without-apply", Values::kNone, kOneModel},
    {"--control-vector-layer-range", Values::kOne, kOneModel},
    {"--override-kv", Values::kOne, kOneModel},
    {"--mmproj,--mmproj-url", Values::kOne, "is not built: images and sound are not read"},
    {"--embedding,--embeddings,--rerank,--reranking", Values::kNone,
     "is not built: this server writes replies"},
    {"--pooling", Values::kOne, "is not built: this server writes replies"},
    {"--hf-repo,--hf-file,--hf-repo-draft,--hf-repo-v,--hf-file-v,--model-url,--docker-repo,"
     "--hf-token,--spec-draft-hf",
     Values::kOne, kFetch},
    {"--cache-list", Values::kNone, kFetch},
    {"--models-dir,--models-preset,--models-max", Values::kOne, kFetch},
    {"--model-vocoder,--lookup-cache-static,--lookup-cache-dynamic,--spec-replace", Values::kOne,
     kDrafts},
    {"--spec-ngram-mod-n-min,--spec-ngram-mod-n-max,--spec-ngram-mod-n-match,"
     "--spec-ngram-simple-size-n,--spec-ngram-simple-size-m,--spec-ngram-simple-min-hits,"
     "--spec-ngram-map-k-size-n,--spec-ngram-map-k-size-m,--spec-ngram-map-k-min-hits,"
     "--spec-ngram-map-k4v-size-n,--spec-ngram-map-k4v-size-m,--spec-ngram-map-k4v-min-hits",
     Values::kOne, kDrafts},
    {"--spec-draft-sampling", Values::kOne,
     "is not an option of this server: --spec-verify says how drafts are judged"},
    {"--spec-synth-len", Values::kOne,
     "is not an option of this server: --synthetic-acceptance takes the probabilities"},
    {"--tools,--tools-runtime,--mcp-servers-config,--mcp-servers-json", Values::kOne, kTools},
    {"--agent,--ui-mcp-proxy,--webui-mcp-proxy", Values::kNone, kTools},
    {"--rpc", Values::kOne, "is not built: the model runs on this machine alone"},
    {"--list-devices", Values::kNone, "is not an option of this server: it serves"},
    {"--log-prompts-dir", Values::kOne, "is not built: what is said is not logged"},
    {"--kv-unified-per-slot", Values::kOne,
     "is not an option of this server: -c is the limit of each slot"},
    {"-n,--predict,--n-predict", Values::kOne, kPerRequest},
    {"-l,--logit-bias,-r,--reverse-prompt", Values::kOne, kPerRequest},
    {"--ignore-eos", Values::kNone, kPerRequest},
    {"--path,--api-prefix,--media-path", Values::kOne,
     "is not built: the server's paths are those of the APIs and nothing else"},
    {"--slot-save-path", Values::kOne,
     "is not built: what conversations share is kept in memory by itself"},
    {"--reasoning-format", Values::kOne,
     "cannot be changed: thoughts come apart from the reply in the way of each API"},
};

// The long names of "-a,--b,--c", each an option of its own.
template <class Add>
void for_each_name(std::string_view names, const Add& add) {
  std::string letters;  // the one-letter names go with the long one behind them
  while (!names.empty()) {
    const std::size_t comma = names.find(',');
    const std::string_view name = names.substr(0, comma);
    names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
    if (!name.starts_with("--")) {
      letters.append(name).append(",");
      continue;
    }
    add(letters + std::string(name), std::string(name));
    letters.clear();
  }
}

void add_one(CLI::App& app, const std::string& names, Values values,
             const std::function<void()>& given) {
  if (values == Values::kNone) {
    app.add_flag_callback(names, given)->group("");
    return;
  }
  app.add_option_function<std::vector<std::string>>(
         names, [given](const std::vector<std::string>&) { given(); })
      ->expected(values == Values::kOne ? 1 : 0, 1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->group("");
}

}  // namespace

void add_llama_flags(CLI::App& app, LlamaFlags& flags) {
  for (const Ignored& each : kIgnored) {
    for_each_name(each.names, [&](const std::string& names, const std::string& name) {
      add_one(app, names, each.values, [&flags, name] { flags.ignored.push_back(name); });
    });
  }
  for (const Refused& each : kRefused) {
    for_each_name(each.names, [&](const std::string& names, const std::string& name) {
      add_one(app, names, each.values, [&flags, name, because = each.because] {
        flags.refused.push_back(fmt::format("{} {}", name, because));
      });
    });
  }
}

Result<void> check_llama_flags(const LlamaFlags& flags) {
  if (flags.refused.empty()) return {};
  return Error{ErrorCode::kBadRequest, flags.refused.front()};
}

}  // namespace outrider
