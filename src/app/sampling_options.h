// Options of how tokens are picked and drafted, for every command that generates.
#pragma once
#include <string>

#include "core/result.h"
#include "engine/active_request.h"
#include "engine/speculation.h"
#include "sample/rule.h"

namespace CLI {
class App;
}

namespace outrider {

void add_sampling_options(CLI::App& app, SamplingParams& sampling);

struct DraftOptions {
  DraftLimits limits;
  std::string verification = "coupled";
};

void add_draft_options(CLI::App& app, DraftOptions& options);

// kBadRequest for bounds that contradict each other.
Result<void> check_draft_options(const DraftOptions& options);
Verification verification_of(const DraftOptions& options);

}  // namespace outrider
