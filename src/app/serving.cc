#include "app/serving.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>

#include "app/prompt_text.h"

namespace outrider {
namespace {

std::string reported_name(const ServeOptions& options, const std::string& path) {
  if (!options.alias.empty()) return options.alias;
  if (options.model.target.empty()) return "nano";
  return std::filesystem::path(path).stem().string();
}

ServerInfo info_of(const ServeOptions& options, const Runtime& runtime) {
  const TargetModel& target = runtime.target();
  const GgufValue* stored = target.file.value("tokenizer.chat_template");
  ServerInfo info{
      .model = reported_name(options, target.file.path()),
      .model_path = target.file.path(),
      .description = target.config.name,
      .build = "outrider " OUTRIDER_VERSION,
      .context = runtime.options().context,
      .context_trained = target.config.context,
      .width = target.config.width,
      .weight_bytes = runtime.memory().weights_bytes,
      .slots = options.slots,
      .drafts = runtime.drafts(),
      .created = std::chrono::duration_cast<std::chrono::seconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count(),
  };
  if (stored != nullptr && stored->string()) info.chat_template = *stored->string();
  return info;
}

ServingDefaults defaults_of(const ServeOptions& options, const Runtime& runtime) {
  ServingDefaults defaults{.api = {.sampling = options.sampling, .thinking = options.thinking},
                           .chat = chat_options_for(runtime.target()),
                           .drafts = options.drafts.limits};
  if (options.reasoning_budget.value_or(0) > 0) {
    defaults.api.thinking_budget = static_cast<std::uint32_t>(*options.reasoning_budget);
  }
  if (options.has_seed) defaults.seed = options.sampling.seed;
  return defaults;
}

std::shared_ptr<EngineThread> start_engine(const ServeOptions& options, Runtime& runtime,
                                           const Vocabulary& vocabulary) {
  const CostFile costs = cost_file(options.model, runtime);
  return std::make_shared<EngineThread>(
      runtime, &vocabulary,
      EngineOptions{.slots = options.slots,
                    .queue = options.queue,
                    .verification = verification_of(options.drafts),
                    .cache_prefixes = !options.no_cache_prompt,
                    .synthetic_acceptance = options.synthetic_acceptance},
      [&costs](Engine& engine) { costs.restore(engine.speculation()); },
      EngineThreadHooks{
          .failed = [](const Error& error) { spdlog::error("a step failed: {}", error.message); },
          .ended = [costs](Engine& engine) { costs.keep(engine.speculation()); }});
}

bool is_qat(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text.find("qat") != std::string::npos;
}

}  // namespace

Serving::Serving(const ServeOptions& options, std::unique_ptr<Runtime> runtime,
                 Vocabulary vocabulary)
    : runtime_(std::move(runtime)),
      vocabulary_(std::move(vocabulary)),
      tokenizer_(vocabulary_),
      info_(info_of(options, *runtime_)),
      engine_(start_engine(options, *runtime_, vocabulary_)),
      service_(engine_, tokenizer_,
               {.info = info_, .defaults = defaults_of(options, *runtime_), .limits = {}}) {}

Result<std::unique_ptr<Serving>> Serving::load(const ServeOptions& options) {
  auto runtime = load_runtime(options.model,
                              {.sequences = options.slots, .drafts = options.drafts.limits.n_max});
  if (!runtime) return runtime.error();
  auto vocabulary = vocabulary_from_gguf((*runtime)->target().file);
  if (!vocabulary) return vocabulary.error();
  return std::unique_ptr<Serving>(
      new Serving(options, std::move(*runtime), std::move(*vocabulary)));
}

std::string pair_warning(const std::string& target_name, const std::string& target_path,
                         const std::string& drafter_name, const std::string& drafter_path) {
  const auto file_name = [](const std::string& path) {
    return std::filesystem::path(path).filename().string();
  };
  const bool target_is = is_qat(target_name) || is_qat(file_name(target_path));
  const bool drafter_is = is_qat(drafter_name) || is_qat(file_name(drafter_path));
  if (target_is == drafter_is) return {};
  const auto kind = [](bool qat) { return qat ? "a QAT model" : "no QAT model"; };
  return fmt::format(
      "{} is {} and its assistant {} is {}: drafts will stand less often than with an assistant "
      "of its own kind",
      target_path, kind(target_is), drafter_path, kind(drafter_is));
}

}  // namespace outrider
