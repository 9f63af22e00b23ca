// The pair of models that commands take when none is named.
#pragma once
#include <filesystem>
#include <string>

#include "core/result.h"

namespace outrider {

struct ModelPair {
  std::string target, drafter;
};

// Nano, in share/outrider/nano (installed) or models/nano (a source tree) of the folder the program
// lies in or of one above it. kBadRequest if there is none.
Result<ModelPair> default_pair();

// The same for a program that lies at `program`.
Result<ModelPair> default_pair_of(const std::filesystem::path& program);

}  // namespace outrider
