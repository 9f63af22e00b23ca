// The command line: the only place that reads argv.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/option_aliases.h"

namespace outrider {
namespace {

using AddCommand = Command (*)(CLI::App&);
struct Entry {
  const char* name;
  const char* summary;
  AddCommand add;
};

constexpr Entry kCommands[] = {
    {"serve", "Serve a model over HTTP: the APIs of OpenAI, Anthropic and llama-server", add_serve},
    {"chat", "Talk with a model in the terminal", add_chat},
    {"generate", "Complete one prompt, or answer one message", add_generate},
    {"inspect", "Say what a GGUF file holds and whether it can be served", add_inspect},
    {"bench", "Measure how fast a model is read, decoded, drafted and served here", add_bench},
    {"convert", "Make a GGUF file from a Hugging Face folder", add_convert},
    {"quantize", "Make a smaller GGUF file from a larger one", add_quantize},
    {"synth", "Write random weights in a model's real shapes, for speed work", add_synth},
    {"tokenize", "Turn text on standard input into token ids, or back", add_tokenize},
    {"verify", "Compare a model with the outputs of the official implementation", add_verify},
};

int run(int argc, char** argv) {
  CLI::App app("Outrider serves Gemma 4, with its drafter riding ahead, from GGUF files.",
               "outrider");
  app.require_subcommand(1);
  app.set_version_flag("--version", OUTRIDER_VERSION);
  app.get_formatter()->column_width(36);
  std::vector<std::pair<CLI::App*, Command>> commands;
  for (const Entry& entry : kCommands) {
    CLI::App* sub = app.add_subcommand(entry.name, entry.summary);
    commands.emplace_back(sub, entry.add(*sub));
  }
  try {
    app.parse(parser_words({argv + 1, argv + argc}));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  for (const auto& [sub, command] : commands) {
    if (!sub->parsed()) continue;
    const Result<int> status = command();
    if (status) return *status;
    fmt::print(stderr, "outrider: {}\n", status.error().message);
    return 1;
  }
  return 2;
}

}  // namespace
}  // namespace outrider

int main(int argc, char** argv) {
  try {
    return outrider::run(argc, argv);
  } catch (const std::exception& error) {  // a library's exception nobody expected
    fmt::print(stderr, "outrider: {}\n", error.what());
    return 1;
  }
}
