// How many files, sockets among them, this process may have open.
#pragma once
#include <cstddef>

namespace outrider {

// Raises the limit as far as the system lets this process, and says what it is then. Systems begin
// processes with a low one for the sake of programs that keep sets of files in fixed arrays.
std::size_t raise_open_files();

}  // namespace outrider
