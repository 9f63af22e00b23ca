// Options that every command with a model takes: files, context, KV format, threads.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "core/result.h"
#include "engine/runtime.h"

namespace CLI {
class App;
}

namespace outrider {

struct ModelOptions {
  std::string target;   // empty: the pair that comes with Outrider
  std::string drafter;  // empty: one beside the target is used if it fits
  std::uint32_t context = 4096;
  std::uint32_t threads = 0;  // 0: all usable cores
  std::string key_type = "f16";
  std::string value_type;  // empty: as the keys
  std::uint32_t gpu_layers = 0;
  bool no_drafter = false;
  bool float_activations = false;
};

// Adds -m, -md, -c, -t, -ctk, -ctv, -ngl and their long names to a command.
void add_model_options(CLI::App& app, ModelOptions& options);

// Loads what the options name, on the backend they choose.
Result<std::unique_ptr<Runtime>> load_runtime(const ModelOptions& options, RuntimeOptions runtime);

// The assistant beside a target that fits it, by the names such files have; empty if there is none.
std::string find_drafter_beside(const std::string& target);

}  // namespace outrider
