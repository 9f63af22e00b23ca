#include "text/chat_syntax.h"

#include <algorithm>
#include <boost/json.hpp>

namespace outrider {

namespace json = boost::json;

namespace {

char lower_ascii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::vector<const json::key_value_pair*> dictsort(const json::object& object) {
  std::vector<const json::key_value_pair*> pairs;
  pairs.reserve(object.size());
  for (const json::key_value_pair& pair : object) pairs.push_back(&pair);
  // Python orders by code point, which in UTF-8 is the order of the bytes.
  const auto less = [](char a, char b) {
    return static_cast<unsigned char>(lower_ascii(a)) < static_cast<unsigned char>(lower_ascii(b));
  };
  std::stable_sort(pairs.begin(), pairs.end(), [&](const auto* a, const auto* b) {
    const std::string_view x = text_view(a->key());
    const std::string_view y = text_view(b->key());
    return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end(), less);
  });
  return pairs;
}

std::string ChatSyntax::printed(const json::value& scalar) const {
  switch (scalar.kind()) {
    case json::kind::null:
      return revision_ == ChatRevision::kJuly ? "null" : "None";
    case json::kind::bool_:
      return scalar.get_bool() ? "true" : "false";
    case json::kind::int64:
      return std::to_string(scalar.get_int64());
    case json::kind::uint64:
      return std::to_string(scalar.get_uint64());
    case json::kind::double_:
      return python_float(scalar.get_double());
    default:
      break;
  }
  contract_failed("only scalars are printed");
}

void ChatSyntax::value(const json::value& value, Keys keys) {
  if (const json::string* text = value.if_string()) {
    out_.quoted(text_view(*text));
  } else if (const json::object* object = value.if_object()) {
    out_.plain("{");
    fields(*object, keys);
    out_.plain("}");
  } else if (const json::array* array = value.if_array()) {
    ChatSeparator next(out_);
    out_.plain("[");
    for (const json::value& item : *array) {
      next();
      this->value(item, keys);
    }
    out_.plain("]");
  } else {
    out_.plain(printed(value));
  }
}

void ChatSyntax::fields(const json::object& object, Keys keys) {
  ChatSeparator next(out_);
  for (const json::key_value_pair* pair : dictsort(object)) {
    next();
    if (keys == Keys::kQuoted) {
      out_.quoted(text_view(pair->key()));
    } else {
      out_.plain(text_view(pair->key()));
    }
    out_.plain(":");
    value(pair->value(), keys);
  }
}

void ChatSyntax::response(std::string_view name, const json::value& result) {
  out_.control("<|tool_response>");
  out_.plain("response:");
  out_.plain(name);
  out_.plain("{");
  if (const json::object* object = result.if_object()) {
    fields(*object, Keys::kBare);
  } else {
    out_.plain("value:");
    value(result, Keys::kBare);
  }
  out_.plain("}");
  out_.control("<tool_response|>");
}

}  // namespace outrider
