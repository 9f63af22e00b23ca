// llama-server's short options of several letters, which the parser would take for bundles of
// one-letter ones, and other names that it has for options.
#pragma once
#include <string>
#include <vector>

namespace outrider {

// Arguments behind the program's name as the parser wants them: long names, the last first.
std::vector<std::string> parser_words(std::vector<std::string> arguments);

}  // namespace outrider
