// Whether somebody is looking.
#pragma once
#include <cstdio>

namespace outrider {

bool is_terminal(std::FILE* stream);

}  // namespace outrider
