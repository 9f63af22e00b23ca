#include "platform/executable.h"

#include <system_error>

namespace outrider {

std::optional<std::filesystem::path> executable_path() {
  std::error_code failed;
  auto path = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed) return std::nullopt;
  return path;
}

}  // namespace outrider
