// Text from files made safe to show: names in a hostile file may hold anything.
#pragma once
#include <string>
#include <string_view>

namespace outrider {

// Control characters and bytes above 0x7e become \xNN, and what is beyond 80 bytes "...".
std::string printable(std::string_view text);
// The same between single quotes.
std::string in_quotes(std::string_view text);

}  // namespace outrider
