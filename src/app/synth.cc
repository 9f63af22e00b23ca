// outrider synth: random weights in the shapes of a description or of a released model.
#include <CLI/CLI.hpp>
#include <memory>

#include "app/commands.h"
#include "app/synth_spec.h"

namespace outrider {
namespace {

struct SynthOptions {
  std::string spec;
  std::string output;
  std::string type;
  std::uint32_t threads = 0;
  bool quiet = false;
};

Result<int> run_spec(const SynthOptions& options) {
  auto model = read_synth_spec(options.spec);
  if (!model) return model.error();
  if (!options.type.empty()) {
    const auto mix = quant_mix_from_name(options.type);
    if (!mix) return mix.error();
    apply_mix(*model, *mix);
  }
  ThreadPool pool(options.threads == 0 ? usable_cores() : options.threads);
  SynthOutput output;
  output.path = options.output;
  output.quiet = options.quiet;
  if (const auto written = write_synth(*model, output, pool); !written) return written.error();
  return 0;
}

}  // namespace

Command add_synth(CLI::App& app) {
  const auto options = std::make_shared<SynthOptions>();
  app.add_option("--spec", options->spec, "A JSON description of one model")->required();
  app.add_option("-o,--output", options->output, "The GGUF file to write")->required();
  app.add_option("--type", options->type, "Type of the matrices");
  app.add_option("-t,--threads", options->threads, "Threads; 0: one per core");
  app.add_flag("--quiet", options->quiet, "Say nothing while working");
  return [options] { return run_spec(*options); };
}

}  // namespace outrider
