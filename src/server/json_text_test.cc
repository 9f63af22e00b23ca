#include "server/json_text.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace outrider {
namespace {

namespace json = boost::json;

TEST(JsonText, numbers_are_written_as_people_write_them) {
  EXPECT_EQ(json_text(0.95), "0.95");
  EXPECT_EQ(json_text(-0.5), "-0.5");
  EXPECT_EQ(json_text(1.0), "1.0");
  EXPECT_EQ(json_text(100000.0), "100000.0");
  EXPECT_EQ(json_text(-12.25), "-12.25");
  EXPECT_EQ(json_text(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(json_text(7), "7");
  EXPECT_EQ(json_text(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(json_text(std::numeric_limits<double>::infinity()), "null");
}

TEST(JsonText, doubles_come_back_as_they_were) {
  for (double number = 1e-300; number < 1e300; number *= std::sqrt(1e3)) {
    EXPECT_EQ(std::strtod(json_text(number).c_str(), nullptr), number);
    EXPECT_EQ(std::strtod(json_text(-number).c_str(), nullptr), -number);
    // An exponent without a point is a number of JSON's, and a double.
    EXPECT_TRUE(json::parse(json_text(number)).is_double()) << json_text(number);
  }
}

TEST(JsonText, everything_but_doubles_is_as_boost_writes_it) {
  const json::value value = json::parse(
      R"({"a":[1,-2,true,null,[],{}],"q\"\\\n\u0001ü":"\u0007 \"x\" ü","e":{"n":{"m":[[0]]}}})");
  EXPECT_EQ(json_text(value), json::serialize(value));
}

TEST(JsonText, doubles_inside_are_found) {
  EXPECT_EQ(json_text(json::parse(R"({"a":[2.5,{"b":0.1}]})")), R"({"a":[2.5,{"b":0.1}]})");
}

TEST(JsonText, floats_have_their_own_few_digits) {
  for (const float number : {0.95f, 0.1f, 1.0f, -2.3025851f, 3e-8f, 1e10f, 0.0f}) {
    EXPECT_EQ(static_cast<float>(decimal_of(number)), number);
  }
  EXPECT_EQ(decimal_of(0.95f), 0.95);
  EXPECT_EQ(json_text(decimal_of(-2.3025851f)), "-2.3025851");
  EXPECT_TRUE(std::isinf(decimal_of(-std::numeric_limits<float>::infinity())));
}

}  // namespace
}  // namespace outrider
