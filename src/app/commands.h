// The subcommands. Each file adds one to the command line and returns what runs it.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "core/result.h"

namespace CLI {
class App;
}

namespace outrider {

// Runs a subcommand after its options were read. An Error is printed as one line and ends the
// process with status 1; the number is the exit status otherwise.
using Command = std::function<Result<int>()>;

Command add_bench(CLI::App& app);
Command add_chat(CLI::App& app);
Command add_convert(CLI::App& app);
Command add_generate(CLI::App& app);
Command add_inspect(CLI::App& app);
Command add_quantize(CLI::App& app);
Command add_serve(CLI::App& app);
Command add_synth(CLI::App& app);
Command add_tokenize(CLI::App& app);
Command add_verify(CLI::App& app);

}  // namespace outrider
