// JSON as text, with numbers as people write them: Boost.JSON's own would be 9.5E-1.
#pragma once
#include <boost/json/value.hpp>
#include <string>

namespace outrider {

// Doubles in the fewest digits that mean the same double, with a point or an exponent, so that they
// are no integers to a reader; null for what is not finite, as JSON has no such number.
std::string json_text(const boost::json::value& value);

// The double that has a float's shortest decimals: 0.95f is 0.95 and not 0.949999988079071.
double decimal_of(float number);

}  // namespace outrider
