#include "app/model_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "app/default_pair.h"
#include "cpu/backend.h"
#include "platform/memory.h"
#include "platform/thread_pool.h"

namespace outrider {
namespace {

Result<KvFormat> kv_format_of(const std::string& name) {
  if (name == "f16") return KvFormat::kF16;
  if (name == "f32") return KvFormat::kF32;
  return Error{ErrorCode::kBadRequest,
               fmt::format("KV type {} is not known, expected f16 or f32", name)};
}

Result<KvFormat> kv_format_of(const ModelOptions& options) {
  const std::string& values = options.value_type.empty() ? options.key_type : options.value_type;
  if (values != options.key_type) {
    return Error{ErrorCode::kBadRequest,
                 fmt::format("keys are {} and values {}, but both must be of one type",
                             options.key_type, values)};
  }
  return kv_format_of(options.key_type);
}

bool wants_gpu(const std::string& layers) {
  return layers != "auto" && layers != "-1" && layers.find_first_not_of('0') != std::string::npos;
}

bool names_a_drafter(const std::string& name) {
  return name.ends_with(".gguf") &&
         (name.starts_with("mtp-") || name.find("assistant") != std::string::npos);
}

// What the options name or leave to be found; without a drafter if there is none.
Result<ModelPair> named_pair(const ModelOptions& options) {
  ModelPair pair{options.target, options.drafter};
  if (pair.target.empty()) {
    auto sample = default_pair();
    if (!sample) return sample;
    pair.target = sample->target;
    if (pair.drafter.empty()) pair.drafter = sample->drafter;
  } else if (pair.drafter.empty()) {
    pair.drafter = find_drafter_beside(pair.target);
  }
  if (options.no_drafter) pair.drafter.clear();
  return pair;
}

}  // namespace

void add_model_options(CLI::App& app, ModelOptions& o) {
  app.add_option("-m,--model", o.target, "GGUF file of the model (default: Outrider's sample pair)")
      ->group("Model");
  app.add_option(
         "-d,--model-draft,--mtp-head", o.drafter,
         "GGUF file of its MTP assistant (also -md; default: one beside the model that fits)")
      ->group("Model");
  app.add_flag("--no-draft", o.no_drafter, "Use no assistant, even if one lies beside the model")
      ->group("Model");
  app.add_option("-c,--ctx-size", o.context,
                 "Positions of one request's context; 0: all that the model was trained for, or as "
                 "many as memory has room for")
      ->check(CLI::Range(0u, kContextMax))
      ->capture_default_str()
      ->group("Model");
  app.add_option("--kv-memory", o.kv_memory,
                 "Memory for keys and values of all requests, such as 2G or 512M (default: full "
                 "contexts, within half of the free memory)")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 50))
      ->group("Model");
  app.add_option("-t,--threads", o.threads, "CPU threads (default: all cores)")
      ->check(CLI::Range(1u, 1024u))
      ->group("Model");
  app.add_option("--cache-type-k", o.key_type, "Type of stored keys: f16 or f32 (also -ctk)")
      ->capture_default_str()
      ->group("Model");
  app.add_option("--cache-type-v", o.value_type, "Type of stored values, the keys' (also -ctv)")
      ->group("Model");
  add_gpu_option(app, o.gpu_layers);
  app.add_flag("--float-activations", o.float_activations,
               "Multiply quantised weights with float activations, not eight-bit ones")
      ->group("Model");
  app.add_flag("--no-cost-cache", o.no_cost_cache,
               "Keep nothing in the cache folder about how long launches take here")
      ->group("Model");
}

void add_gpu_option(CLI::App& app, std::string& layers) {
  const auto is_known = [](const std::string& text) {
    const bool is_number = !text.empty() && text.size() < 10 &&
                           text.find_first_not_of("0123456789") == std::string::npos;
    if (is_number || text == "auto" || text == "all" || text == "-1") return std::string();
    return fmt::format("{} is not a number of layers, auto or all", text);
  };
  app.add_option("--gpu-layers", layers,
                 "Layers on a GPU: a number, auto or all; this build has none (also -ngl)")
      ->check(is_known)
      ->group("Model");
}

std::uint32_t threads_of(const ModelOptions& options) {
  return options.threads > 0 ? options.threads : usable_cores();
}

Result<std::unique_ptr<Runtime>> load_runtime(const ModelOptions& options, RuntimeOptions runtime) {
  if (wants_gpu(options.gpu_layers)) {
    fmt::print(stderr,
               "outrider: --gpu-layers {} is passed over, as this build computes on the CPU only\n",
               options.gpu_layers);
  }
  auto format = kv_format_of(options);
  if (!format) return format.error();
  runtime.kv_format = *format;
  runtime.context = options.context;
  if (options.kv_memory > 0) runtime.kv_bytes = options.kv_memory;
  runtime.memory_bytes = available_memory();
  const CpuOptions cpu{.threads = threads_of(options),
                       .integer_activations = !options.float_activations};
  const auto pair = named_pair(options);
  if (!pair) return pair.error();
  return Runtime::load(
      pair->target, pair->drafter, runtime,
      [cpu](const KvLayout& layout, const KvLimits& limits) -> Result<std::unique_ptr<Backend>> {
        auto backend = CpuBackend::create(layout, limits, cpu);
        if (!backend) return backend.error();
        return std::unique_ptr<Backend>(std::move(*backend));
      });
}

CostFile cost_file(const ModelOptions& options, const Runtime& runtime) {
  return CostFile(options.no_cost_cache ? std::nullopt : cache_folder(), runtime,
                  fmt::format("keys and values {}, {} activations", options.key_type,
                              options.float_activations ? "float" : "eight-bit"));
}

std::string memory_line(const Runtime& runtime) {
  const RuntimeMemory memory = runtime.memory();
  return fmt::format("weights: {}; {}; workspace: {}", in_words(memory.weights_bytes), memory.kv,
                     in_words(memory.workspace_bytes));
}

std::string find_drafter_beside(const std::string& target) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  fs::path folder = fs::path(target).parent_path();
  if (folder.empty()) folder = ".";
  std::vector<std::string> candidates;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (names_a_drafter(entry.path().filename().string()))
      candidates.push_back(entry.path().string());
  }
  std::sort(candidates.begin(), candidates.end());
  auto file = GgufFile::open(target);
  if (!file) return {};
  const auto config = read_target_config(*file);
  if (!config) return {};
  for (const std::string& candidate : candidates) {
    auto opened = GgufFile::open(candidate);
    if (!opened) continue;
    auto drafter = read_drafter_config(*opened);
    if (drafter && match(*drafter, *config, candidate, target)) return candidate;
  }
  return {};
}

}  // namespace outrider
