#include "app/default_pair.h"

#include <fmt/format.h>

#include <system_error>

#include "platform/executable.h"

namespace outrider {

namespace fs = std::filesystem;

Result<ModelPair> default_pair_of(const fs::path& program) {
  for (fs::path folder = program.parent_path();; folder = folder.parent_path()) {
    for (const char* place : {"share/outrider/nano", "models/nano"}) {
      const ModelPair pair{folder / place / "target.gguf", folder / place / "assistant.gguf"};
      std::error_code ignored;
      if (fs::exists(pair.target, ignored) && fs::exists(pair.drafter, ignored)) return pair;
    }
    if (!folder.has_relative_path()) break;
  }
  return Error{ErrorCode::kBadRequest,
               fmt::format("no model was named (-m), and Outrider's own sample pair is neither in "
                           "share/outrider/nano nor in models/nano of any folder above {}",
                           program.string())};
}

Result<ModelPair> default_pair() {
  const auto program = executable_path();
  if (!program) {
    return Error{ErrorCode::kBadRequest,
                 "no model was named (-m), and where this program lies is not known"};
  }
  return default_pair_of(*program);
}

}  // namespace outrider
