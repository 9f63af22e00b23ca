// Options of `outrider serve`, with the names that llama-server gives them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/llama_flags.h"
#include "app/model_options.h"
#include "app/sampling_options.h"
#include "server/http_options.h"

namespace CLI {
class App;
}

namespace outrider {

inline constexpr std::uint16_t kFirstPort = 8080;

struct ServeOptions {
  ModelOptions model;
  SamplingParams sampling;  // of requests that say nothing
  bool has_seed = false;    // else each of them draws one
  bool thinking = false;    // likewise
  DraftOptions drafts;
  HttpOptions http;
  bool has_port = false;  // else the first free one from 8080 on
  std::uint32_t slots = 4;
  std::uint32_t queue = 256;
  std::string alias;
  std::string api_key_file;
  std::optional<std::uint32_t> timeout_s;
  bool log_json = false;
  bool log_disable = false;
  bool no_cache_prompt = false;
  std::string template_arguments;  // JSON
  std::string reasoning;
  std::optional<std::int32_t> reasoning_budget;
  std::string draft_type;
  std::vector<double> synthetic_acceptance;
  bool self_test = false;
  LlamaFlags llama;
};

// `options` lives as long as the command line is read.
void add_serve_options(CLI::App& app, ServeOptions& options);

// Reads the files that options name, and settles what several options say together. kBadRequest
// names the option at fault.
Result<void> settle_serve_options(ServeOptions& options);

}  // namespace outrider
