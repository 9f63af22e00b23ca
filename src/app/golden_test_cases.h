// Where the small models with reference outputs are, for tests.
#pragma once
#include <string>

namespace outrider {

inline const std::string kCases = OUTRIDER_SOURCE_DIR "/tests/golden/cases/";

}  // namespace outrider
