// outrider inspect: reads a file as the server would, without running it.
#include "app/inspect.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>

#include "app/commands.h"
#include "app/default_pair.h"
#include "model/model.h"

namespace outrider {
namespace {

namespace fs = std::filesystem;

std::string text_of(const GgufFile& file, std::string_view key) {
  const GgufValue* value = file.value(key);
  return value == nullptr ? std::string() : std::string(value->string().value_or(""));
}

void count_tensors(const GgufFile& file, FileReport& report) {
  for (const GgufTensor& tensor : file.tensors()) {
    TypeCount& count = report.types[std::string(info(tensor.type).name)];
    ++count.tensors;
    count.bytes += tensor.bytes.size();
    report.weight_bytes += tensor.bytes.size();
    report.parameters += tensor.ne[0] * tensor.ne[1] * tensor.ne[2] * tensor.ne[3];
  }
}

void describe_shape(const DecoderConfig& config, FileReport& report) {
  report.layers = static_cast<std::uint32_t>(config.layers.size());
  for (const LayerConfig& layer : config.layers) report.full_layers += layer.sliding ? 0 : 1;
  report.context = config.context;
  report.window = config.window;
  report.vocab = config.vocab;
}

// Pages are whole, and a sliding layer keeps its window's.
KvMemory kv_memory(const TargetConfig& config, const InspectOptions& options) {
  std::vector<KvLayerShape> shapes;
  for (const LayerConfig& layer : config.layers) {
    if (!layer.owns_kv) continue;
    shapes.push_back(
        {layer.sliding ? KvGroup::kSliding : KvGroup::kGlobal, layer.kv_heads, layer.head_dim});
  }
  const KvLayout layout(shapes, options.kv_format);
  const std::uint64_t pages = divide_up<std::uint64_t>(options.context, kPageRows);
  const std::uint64_t window_pages = divide_up<std::uint64_t>(config.window, kPageRows) + 1;
  return {options.context, pages * layout.page_bytes(KvGroup::kGlobal),
          std::min(pages, window_pages) * layout.page_bytes(KvGroup::kSliding)};
}

bool looks_like_drafter(const std::string& name) {
  return name.ends_with(".gguf") &&
         (name.starts_with("mtp-") || name.find("assistant") != std::string::npos);
}

// Why the drafter at `path` cannot serve the target; empty if it can.
std::string obstacle_of_drafter(const std::string& path, const TargetConfig& target,
                                const std::string& target_path) {
  const auto file = GgufFile::open(path);
  if (!file) return file.error().message;
  auto config = read_drafter_config(*file);
  if (!config) return config.error().message;
  if (const auto fits = match(*config, target, path, target_path); !fits) {
    return fits.error().message;
  }
  const auto weights = read_drafter_weights(*file, *config);
  return weights ? std::string() : weights.error().message;
}

std::vector<DrafterNearby> drafters_beside(const std::string& path, const TargetConfig& target) {
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) folder = ".";
  std::vector<DrafterNearby> found;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (!looks_like_drafter(entry.path().filename())) continue;
    found.push_back({entry.path(), obstacle_of_drafter(entry.path(), target, path)});
  }
  std::sort(found.begin(), found.end(),
            [](const DrafterNearby& a, const DrafterNearby& b) { return a.path < b.path; });
  return found;
}

void inspect_target(const GgufFile& file, const InspectOptions& options, FileReport& report) {
  const auto config = read_target_config(file);
  if (!config) {
    report.obstacle = config.error().message;
    return;
  }
  describe_shape(*config, report);
  report.kv = kv_memory(*config, options);
  report.drafters = drafters_beside(options.path, *config);
  const auto weights = read_target_weights(file, *config);
  if (!weights) report.obstacle = weights.error().message;
}

void inspect_drafter(const GgufFile& file, FileReport& report) {
  const auto config = read_drafter_config(file);
  if (!config) {
    report.obstacle = config.error().message;
    return;
  }
  describe_shape(*config, report);
  const auto weights = read_drafter_weights(file, *config);
  if (!weights) report.obstacle = weights.error().message;
}

}  // namespace

Result<FileReport> inspect_file(const InspectOptions& options) {
  const auto file = GgufFile::open(options.path);
  if (!file) return file.error();
  FileReport report;
  report.path = options.path;
  report.architecture = text_of(*file, "general.architecture");
  report.name = text_of(*file, "general.name");
  report.file_bytes = file->file_bytes();
  count_tensors(*file, report);
  report.is_drafter = is_drafter_architecture(report.architecture);
  if (report.is_drafter) {
    inspect_drafter(*file, report);
  } else {
    inspect_target(*file, options, report);
  }
  return report;
}

Command add_inspect(CLI::App& app) {
  struct Options : InspectOptions {
    std::string kv_type = "f16";
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  app.add_option("file", options->path,
                 "GGUF file, any part of a split one (default: Outrider's sample model)");
  app.add_option("-c,--ctx-size", options->context, "Positions to compute memory for")
      ->check(CLI::Range(1u, 1u << 20))
      ->capture_default_str();
  app.add_option("--cache-type-k", options->kv_type, "Type of stored keys and values (also -ctk)")
      ->check(CLI::IsMember({"f16", "f32"}))
      ->capture_default_str();
  app.add_flag("--json", options->json, "Print one JSON object");
  return [options]() -> Result<int> {
    if (options->path.empty()) {
      const auto pair = default_pair();
      if (!pair) return pair.error();
      options->path = pair->target;
    }
    options->kv_format = options->kv_type == "f32" ? KvFormat::kF32 : KvFormat::kF16;
    const auto report = inspect_file(*options);
    if (!report) return report.error();
    fmt::print("{}", options->json ? to_json(*report) : describe(*report));
    return 0;
  };
}

}  // namespace outrider
