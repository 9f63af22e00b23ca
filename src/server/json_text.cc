#include "server/json_text.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <iterator>

#include "core/contract.h"

namespace outrider {
namespace {

namespace json = boost::json;

void append(std::string& text, const json::value& value);

void append_number(std::string& text, double number) {
  if (!std::isfinite(number)) {
    text += "null";
    return;
  }
  const std::size_t begin = text.size();
  fmt::format_to(std::back_inserter(text), "{}", number);
  if (text.find_first_of(".e", begin) == std::string::npos) text += ".0";
}

void append_object(std::string& text, const json::object& object) {
  char before = '{';
  for (const json::key_value_pair& pair : object) {
    text += before;
    text += json::serialize(pair.key());
    text += ':';
    append(text, pair.value());
    before = ',';
  }
  text += object.empty() ? "{}" : "}";
}

void append_array(std::string& text, const json::array& array) {
  char before = '[';
  for (const json::value& item : array) {
    text += before;
    append(text, item);
    before = ',';
  }
  text += array.empty() ? "[]" : "]";
}

// As deep as `value` is: what is parsed has a limit, and replies are built flat.
void append(std::string& text, const json::value& value) {
  if (const double* number = value.if_double()) {
    append_number(text, *number);
  } else if (const json::object* object = value.if_object()) {
    append_object(text, *object);
  } else if (const json::array* array = value.if_array()) {
    append_array(text, *array);
  } else {
    text += json::serialize(value);
  }
}

}  // namespace

std::string json_text(const json::value& value) {
  std::string text;
  append(text, value);
  return text;
}

double decimal_of(float number) {
  if (!std::isfinite(number)) return number;
  std::array<char, 32> digits{};
  char* const last = digits.data() + digits.size();
  const auto [end, failure] = std::to_chars(digits.data(), last, number);
  require(failure == std::errc(), "a float's shortest decimals fit");
  double decimal = 0;
  std::from_chars(digits.data(), end, decimal);
  return decimal;
}

}  // namespace outrider
