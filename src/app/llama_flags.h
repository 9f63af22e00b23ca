// llama-server's options that this server has none of: taken and passed over where they cannot
// change what is said, refused by name where they would.
#pragma once
#include <string>
#include <vector>

#include "core/result.h"

namespace CLI {
class App;
}

namespace outrider {

struct LlamaFlags {
  std::vector<std::string> ignored;  // that were given, by their long names
  std::vector<std::string> refused;  // sentences
};

// Adds them to a command, hidden from its help. `flags` is filled while the line is read.
void add_llama_flags(CLI::App& app, LlamaFlags& flags);

// kBadRequest with the first refusal.
Result<void> check_llama_flags(const LlamaFlags& flags);

}  // namespace outrider
