// Where the running program lies.
#pragma once
#include <filesystem>
#include <optional>

namespace outrider {

// The program's own file, with no symbolic link left in it; nothing where the system will not say.
std::optional<std::filesystem::path> executable_path();

}  // namespace outrider
