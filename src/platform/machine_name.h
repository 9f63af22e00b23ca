// What the processor calls itself.
#pragma once
#include <string>

namespace outrider {

// "AMD EPYC 7B13", or "CPU" where the system will not say.
std::string cpu_name();

}  // namespace outrider
