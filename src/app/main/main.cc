// The command line: the only place that reads argv.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/commands.h"

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

// llama-server's two-letter options, which the parser would take for bundles of one-letter ones.
struct Alias {
  std::string_view short_name;
  const char* long_name;
};
constexpr Alias kAliases[] = {
    {"-md", "--model-draft"},
    {"-ctk", "--cache-type-k"},
    {"-ctv", "--cache-type-v"},
    {"-ngl", "--gpu-layers"},
    {"-np", "--parallel"},
    {"-cb", "--cont-batching"},
    {"-nocb", "--no-cont-batching"},
    {"-fa", "--flash-attn"},
    {"-ub", "--ubatch-size"},
    {"-tb", "--threads-batch"},
    {"-td", "--threads-draft"},
    {"-tbd", "--threads-batch-draft"},
    {"-cd", "--ctx-size-draft"},
    {"-ngld", "--gpu-layers-draft"},
    {"-ctkd", "--cache-type-k-draft"},
    {"-ctvd", "--cache-type-v-draft"},
    {"-to", "--timeout"},
    {"-lv", "--log-verbosity"},
    {"-kvu", "--kv-unified"},
    {"-no-kvu", "--no-kv-unified"},
    {"-kvo", "--kv-offload"},
    {"-nkvo", "--no-kv-offload"},
    {"-nr", "--no-repack"},
    {"-dio", "--direct-io"},
    {"-ndio", "--no-direct-io"},
    {"-dt", "--defrag-thold"},
    {"-sps", "--slot-prompt-similarity"},
    {"-cram", "--cache-ram"},
    {"-ctxcp", "--ctx-checkpoints"},
    {"-cmoe", "--cpu-moe"},
    {"-cmoed", "--cpu-moe-draft"},
    {"-ncmoe", "--n-cpu-moe"},
    {"-ncmoed", "--n-cpu-moe-draft"},
    {"-dev", "--device"},
    {"-devd", "--device-draft"},
    {"-sm", "--split-mode"},
    {"-ts", "--tensor-split"},
    {"-mg", "--main-gpu"},
    {"-ot", "--override-tensor"},
    {"-otd", "--override-tensor-draft"},
    {"-Cr", "--cpu-range"},
    {"-mm", "--mmproj"},
    {"-mmu", "--mmproj-url"},
    {"-mu", "--model-url"},
    {"-hf", "--hf-repo"},
    {"-hfr", "--hf-repo"},
    {"-hff", "--hf-file"},
    {"-hfd", "--hf-repo-draft"},
    {"-dr", "--docker-repo"},
    {"-jf", "--json-schema-file"},
    {"-sp", "--special"},
    {"-gan", "--grp-attn-n"},
    {"-gaw", "--grp-attn-w"},
    {"-mv", "--model-vocoder"},
    {"-lcs", "--lookup-cache-static"},
    {"-lcd", "--lookup-cache-dynamic"},
    {"-bs", "--backend-sampling"},
};

// Arguments behind the program's name, last first as the parser wants them.
std::vector<std::string> arguments(int argc, char** argv) {
  std::vector<std::string> words;
  for (int i = argc; i-- > 1;) {
    std::string word = argv[i];
    for (const Alias& alias : kAliases) {
      if (word == alias.short_name) word = alias.long_name;
    }
    words.push_back(std::move(word));
  }
  return words;
}

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
    app.parse(arguments(argc, argv));
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
