// Where the running program lies, and which build it is.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

namespace outrider {

// The program's own file, with no symbolic link left in it; nothing where the system will not say.
std::optional<std::filesystem::path> executable_path();

// The linker's hash of the program (its GNU build id) in hexadecimal; empty where it left none.
std::string build_id();

}  // namespace outrider
