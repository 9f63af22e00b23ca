// outrider synth: random weights in the shapes of a description or of a released model.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "app/commands.h"
#include "app/synth_shapes.h"
#include "app/synth_spec.h"
#include "app/synth_tokenizer.h"
#include "platform/mapped_file.h"

namespace outrider {
namespace {

struct SynthOptions {
  std::string spec;
  std::string size;
  std::string output;
  std::string type;
  std::string tokenizer;
  std::uint64_t seed = 1;
  std::uint32_t layers = 0;
  std::uint32_t threads = 0;
  bool centroids = false;
  bool quiet = false;
};

Error bad_request(std::string message) {
  return {ErrorCode::kBadRequest, std::move(message)};
}

Result<Vocabulary> read_tokenizer(const std::string& path) {
  const auto file = MappedFile::open(path);
  if (!file) return file.error();
  const auto bytes = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return vocabulary_from_tokenizer_json(text, {}, path);
}

Result<void> apply_type(const std::string& type, SynthModel& model) {
  if (type.empty()) return {};
  const auto mix = quant_mix_from_name(type);
  if (!mix) return mix.error();
  apply_mix(model, *mix);
  return {};
}

Result<void> write_spec(const SynthOptions& options, SynthOutput output, ThreadPool& pool) {
  auto model = read_synth_spec(options.spec);
  if (!model) return model.error();
  if (const auto applied = apply_type(options.type, *model); !applied) return applied;
  return write_synth(*model, output, pool);
}

Result<void> write_pair(const SynthOptions& options, SynthOutput output, ThreadPool& pool) {
  auto pair = released_shapes(options.size, options.layers);
  if (!pair) return pair.error();
  if (options.centroids) {
    if (!has_centroids(options.size)) {
      return bad_request(
          fmt::format("--centroids: the assistant of {} has no centroid head", options.size));
    }
    pair->assistant.centroids = kReleasedCentroids;
  }
  std::error_code failed;
  std::filesystem::create_directories(options.output, failed);
  if (failed) {
    return bad_request(fmt::format("{} cannot be made: {}", options.output, failed.message()));
  }
  output.chat_template = synth_chat_template(!has_centroids(options.size));
  for (const ModelShape* shape : {&pair->target, &pair->assistant}) {
    SynthModel model = synth_of(*shape, options.seed + (shape->is_drafter ? 1 : 0));
    if (const auto applied = apply_type(options.type, model); !applied) return applied;
    output.path = std::filesystem::path(options.output) /
                  (shape->is_drafter ? "assistant.gguf" : "target.gguf");
    if (const auto written = write_synth(model, output, pool); !written) return written;
  }
  return {};
}

Result<int> run(const SynthOptions& options) {
  if (options.spec.empty() == options.size.empty()) {
    return bad_request("synth needs either --spec or --size");
  }
  ThreadPool pool(options.threads == 0 ? usable_cores() : options.threads);
  SynthOutput output;
  output.path = options.output;
  output.quiet = options.quiet;
  std::optional<Vocabulary> vocabulary;
  if (!options.tokenizer.empty()) {
    auto read = read_tokenizer(options.tokenizer);
    if (!read) return read.error();
    vocabulary = *std::move(read);
  } else if (!options.size.empty()) {
    vocabulary = synth_vocabulary();
  }
  if (!options.size.empty() && vocabulary->size() != 262144) {
    return bad_request(
        fmt::format("{} has {} tokens, expected 262144", options.tokenizer, vocabulary->size()));
  }
  output.vocabulary = vocabulary ? &*vocabulary : nullptr;
  const auto written =
      options.spec.empty() ? write_pair(options, output, pool) : write_spec(options, output, pool);
  if (!written) return written.error();
  return 0;
}

}  // namespace

Command add_synth(CLI::App& app) {
  const auto options = std::make_shared<SynthOptions>();
  app.add_option("--size", options->size,
                 "e2b, e4b, 12b, 26b-a4b or 31b: target.gguf and assistant.gguf in the shapes of "
                 "that release");
  app.add_option("--spec", options->spec, "One file as a JSON description says");
  app.add_option("-o,--output", options->output, "Folder for --size, file for --spec")->required();
  app.add_option("--type", options->type,
                 "Type of the matrices, with quantize's rules for the others; as described unless "
                 "given (--size: F32)");
  app.add_option("--seed", options->seed, "Of the weights of --size")->capture_default_str();
  app.add_option("--layers", options->layers, "Cut the target of --size to its first layers");
  app.add_flag("--centroids", options->centroids,
               "Give the assistant of e2b or e4b its centroid head; llama.cpp refuses such files");
  app.add_option("--tokenizer", options->tokenizer,
                 "A tokenizer.json to put in; --size makes one up unless given");
  app.add_option("-t,--threads", options->threads, "Threads, 0: one per core");
  app.add_flag("--quiet", options->quiet, "Say nothing while working");
  return [options] { return run(*options); };
}

}  // namespace outrider
