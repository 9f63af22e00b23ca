// Bodies of the endpoints that say what is served and how it fares.
#pragma once
#include <cstdint>
#include <string>

#include "server/engine_state.h"
#include "server/prompt_renderer.h"
#include "text/vocabulary.h"

namespace outrider {

// What the server says of itself, beside what it does by default.
struct ServerInfo {
  std::string model{};  // the name that is reported
  std::string model_path{};
  std::string description{};    // general.name of the file
  std::string chat_template{};  // the file's own, as Jinja; may be empty
  std::string build{};          // name and version of the program
  std::uint32_t context = 0;    // positions of one slot
  std::uint32_t context_trained = 0;
  std::uint32_t width = 0;
  std::uint64_t weight_bytes = 0;
  std::uint32_t slots = 0;
  bool drafts = false;       // whether there is an assistant
  std::int64_t created = 0;  // seconds since 1970
};

// GET /v1/models and one of its entries, with the fields of OpenAI's, Anthropic's and
// llama-server's lists side by side.
std::string models_body(const ServerInfo& info, const Vocabulary& vocabulary);
std::string model_body(const ServerInfo& info, const Vocabulary& vocabulary);
// llama-server's /props and /slots.
std::string props_body(const ServerInfo& info, const Vocabulary& vocabulary,
                       const ServingDefaults& defaults);
std::string slots_body(const ServerInfo& info, const EngineState& state);

}  // namespace outrider
