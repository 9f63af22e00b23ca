// Reads a description of a model: the JSON files of tests/golden/slices, whose format is told in
// tools/golden/README.md.
#pragma once
#include <string>

#include "app/synth_model.h"
#include "core/result.h"

namespace outrider {

// Errors name the file, the member, what was found and what was expected.
Result<SynthModel> read_synth_spec(const std::string& path);
// The same for a text in memory; `name` stands for the path.
Result<SynthModel> parse_synth_spec(std::string_view text, const std::string& name);

}  // namespace outrider
