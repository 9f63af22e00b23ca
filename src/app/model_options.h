// Options that every command with a model takes: files, context, KV format, threads.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "app/cost_file.h"
#include "core/result.h"
#include "engine/runtime.h"

namespace CLI {
class App;
}

namespace outrider {

struct ModelOptions {
  std::string target;            // empty: the pair that comes with Outrider
  std::string drafter;           // empty: one beside the target is used if it fits
  std::uint32_t context = 4096;  // 0: as RuntimeOptions has it
  std::uint64_t kv_memory = 0;   // bytes; 0: decided by context, slots and free memory
  std::uint32_t threads = 0;     // 0: all usable cores
  std::string key_type = "f16";
  std::string value_type;           // empty: as the keys
  std::string gpu_layers = "auto";  // a number, auto or all
  bool no_drafter = false;
  bool float_activations = false;
  bool no_cost_cache = false;
};

// Adds -m, -md, -c, --kv-memory, -t, -ctk, -ctv, -ngl and their long names to a command.
void add_model_options(CLI::App& app, ModelOptions& options);

// -ngl alone: llama.cpp's option, which cannot change results. load_runtime() says that it is
// passed over where layers were asked onto a GPU.
void add_gpu_option(CLI::App& app, std::string& layers);

// CPU threads that the options ask for.
std::uint32_t threads_of(const ModelOptions& options);

// Loads what the options name, on the backend they choose. `runtime` says what options don't:
// sequences, drafts, rows of a launch.
Result<std::unique_ptr<Runtime>> load_runtime(const ModelOptions& options, RuntimeOptions runtime);

// Where what launches cost with these options is kept between runs.
CostFile cost_file(const ModelOptions& options, const Runtime& runtime);

// One line for the start: what weights, keys and values, and workspace take.
std::string memory_line(const Runtime& runtime);

// The assistant beside a target that fits it, by the names such files have; empty if there is none.
std::string find_drafter_beside(const std::string& target);

}  // namespace outrider
