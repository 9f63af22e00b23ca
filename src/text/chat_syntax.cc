#include "text/chat_syntax.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "text/utf8.h"

namespace outrider {
namespace {

namespace json = boost::json;

constexpr std::string_view kQuote = "<|\"|>";

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}
std::string_view view(json::string_view text) {
  return {text.data(), text.size()};
}

char lower_ascii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
char upper_ascii(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

std::string upper(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), upper_ascii);
  return result;
}

// Jinja's truth: what is empty or zero counts as absent.
bool is_truthy(const json::value* value) {
  if (value == nullptr) return false;
  switch (value->kind()) {
    case json::kind::null:
      return false;
    case json::kind::bool_:
      return value->get_bool();
    case json::kind::int64:
      return value->get_int64() != 0;
    case json::kind::uint64:
      return value->get_uint64() != 0;
    case json::kind::double_:
      return value->get_double() != 0;
    case json::kind::string:
      return !value->get_string().empty();
    case json::kind::array:
      return !value->get_array().empty();
    case json::kind::object:
      return !value->get_object().empty();
  }
  return false;
}

const json::array* truthy_array(const json::value* value) {
  return is_truthy(value) ? value->if_array() : nullptr;
}

// dictsort: by key without regard to case, equal keys in their order of appearance. Folding is of
// ASCII only; the names of fields and parameters hardly ever go beyond it. Python orders by code
// point, which in UTF-8 is the order of the bytes.
std::vector<const json::key_value_pair*> sorted(const json::object& object) {
  std::vector<const json::key_value_pair*> pairs;
  pairs.reserve(object.size());
  for (const json::key_value_pair& pair : object) pairs.push_back(&pair);
  const auto less = [](char a, char b) {
    return static_cast<unsigned char>(lower_ascii(a)) < static_cast<unsigned char>(lower_ascii(b));
  };
  std::stable_sort(pairs.begin(), pairs.end(), [&](const auto* a, const auto* b) {
    const std::string_view x = view(a->key());
    const std::string_view y = view(b->key());
    return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end(), less);
  });
  return pairs;
}

// The words of a schema itself, which May's template skips wherever it lists properties, and
// July's only where it lists a schema in place of its missing properties.
bool is_schema_word(std::string_view key) {
  constexpr std::array<std::string_view, 5> kWords = {"description", "type", "properties",
                                                      "required", "nullable"};
  return std::find(kWords.begin(), kWords.end(), key) != kWords.end();
}

// A schema's type. JSON schema also allows a list of types, of which Google's template would print
// Python's list syntax. Decided: "X or null" is X and nullable, the notation Gemma has for it;
// any other list is written as a list of names.
struct SchemaType {
  std::string name;  // upper-case; empty for a list of several
  bool nullable = false;
};

SchemaType schema_type(const json::value* type) {
  SchemaType result;
  if (type == nullptr) return result;
  if (const json::string* text = type->if_string()) {
    result.name = upper(view(*text));
    return result;
  }
  const json::array* list = type->if_array();
  if (list == nullptr) return result;
  std::size_t others = 0;
  for (const json::value& item : *list) {
    if (!item.is_string()) continue;
    if (view(item.get_string()) == "null") {
      result.nullable = true;
    } else if (++others == 1) {
      result.name = upper(view(item.get_string()));
    }
  }
  if (others > 1) return {};
  return result;
}

// What a scalar would be printed as outside quotes.
std::string printed(const json::value& value, std::string_view null_text) {
  switch (value.kind()) {
    case json::kind::null:
      return std::string(null_text);
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::int64:
      return std::to_string(value.get_int64());
    case json::kind::uint64:
      return std::to_string(value.get_uint64());
    case json::kind::double_:
      return python_float(value.get_double());
    default:
      break;
  }
  contract_failed("only scalars are printed");
}

}  // namespace

void ChatWriter::control(std::string_view token) {
  segments_.push_back({std::string(token), true, std::nullopt});
}

void ChatWriter::media(std::string_view token, std::size_t media_index) {
  segments_.push_back({std::string(token), true, media_index});
}

void ChatWriter::plain(std::string_view text) {
  if (text.empty()) return;
  if (segments_.empty() || segments_.back().is_template) segments_.emplace_back();
  segments_.back().text += text;
}

void ChatWriter::quoted(std::string_view text) {
  control(kQuote);
  plain(text);
  control(kQuote);
}

namespace {

// Bytes of the whitespace at the front of `text`, as str.isspace() sees it; 0 if there is none.
std::size_t space_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t bytes = utf8_front(text).bytes;
  if (bytes == 1) {
    const std::uint8_t c = byte(0);
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) ? 1 : 0;
  }
  if (bytes == 2) return byte(0) == 0xC2 && (byte(1) == 0x85 || byte(1) == 0xA0) ? 2 : 0;
  if (bytes != 3) return 0;
  const unsigned code = (byte(0) & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
  const bool is_space = code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
                        code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
  return is_space ? 3 : 0;
}

}  // namespace

std::string_view trim_unicode(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = space_bytes(text);
    if (bytes == 0) break;
    text.remove_prefix(bytes);
  }
  while (!text.empty()) {
    // The last character begins at the last byte that continues no other.
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<std::uint8_t>(text[start]) & 0xC0) == 0x80) --start;
    if (space_bytes(text.substr(start)) != text.size() - start) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer;
  const auto print = [&](std::chars_format format) {
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format);
    require(end.ec == std::errc(), "64 characters hold any double that is asked for");
    return std::string_view(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  };
  const std::string_view scientific = print(std::chars_format::scientific);
  const std::string_view digits = scientific.substr(scientific.find('e') + 1);
  int exponent = 0;
  std::from_chars(digits.data() + 1, digits.data() + digits.size(), exponent);
  if (digits.front() == '-') exponent = -exponent;
  if (exponent < -4 || exponent >= 16) return std::string(scientific);
  std::string fixed(print(std::chars_format::fixed));
  if (fixed.find('.') == std::string::npos) fixed += ".0";
  return fixed;
}

// Writes a comma before everything but the first.
class ChatSyntax::Separator {
 public:
  explicit Separator(ChatWriter& out) : out_(out) {}
  void operator()() {
    if (!is_first_) out_.plain(",");
    is_first_ = false;
  }

 private:
  ChatWriter& out_;
  bool is_first_ = true;
};

void ChatSyntax::scalar(const json::value& value) {
  out_.plain(printed(value, null_text()));
}

void ChatSyntax::value(const json::value& value, Keys keys) {
  if (const json::string* text = value.if_string()) {
    out_.quoted(view(*text));
  } else if (const json::object* object = value.if_object()) {
    out_.plain("{");
    fields(*object, keys);
    out_.plain("}");
  } else if (const json::array* array = value.if_array()) {
    Separator next(out_);
    out_.plain("[");
    for (const json::value& item : *array) {
      next();
      this->value(item, keys);
    }
    out_.plain("]");
  } else {
    scalar(value);
  }
}

void ChatSyntax::fields(const json::object& object, Keys keys) {
  Separator next(out_);
  for (const json::key_value_pair* pair : sorted(object)) {
    next();
    if (keys == Keys::kQuoted) {
      out_.quoted(view(pair->key()));
    } else {
      out_.plain(view(pair->key()));
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

void ChatSyntax::names(const json::array& names) {
  Separator next(out_);
  out_.plain("[");
  for (const json::value& name : names) {
    next();
    // Only strings are sensible here; lists and mappings have no text of their own.
    if (const json::string* text = name.if_string()) {
      out_.quoted(view(*text));
    } else {
      out_.quoted(name.is_structured() ? std::string() : printed(name, null_text()));
    }
  }
  out_.plain("]");
}

void ChatSyntax::type(const json::value* type) {
  const SchemaType known = schema_type(type);
  out_.plain("type:");
  const json::array* list = type == nullptr ? nullptr : type->if_array();
  if (list == nullptr || !known.name.empty()) return out_.quoted(known.name);
  Separator next(out_);
  out_.plain("[");
  for (const json::value& item : *list) {
    next();
    out_.quoted(item.is_string() ? upper(view(item.get_string())) : std::string());
  }
  out_.plain("]");
}

void ChatSyntax::item_field(std::string_view key, const json::value& value) {
  out_.plain(key);
  out_.plain(":");
  if (key == "properties") {
    out_.plain("{");
    if (value.is_object()) properties(value.get_object(), revision_ == ChatRevision::kMay);
    out_.plain("}");
  } else if (key == "required") {
    names(value.is_array() ? value.get_array() : json::array());
  } else {
    this->value(value, Keys::kQuoted);
  }
}

void ChatSyntax::items(const json::object& schema) {
  Separator next(out_);
  out_.plain("items:{");
  for (const json::key_value_pair* pair : sorted(schema)) {
    if (pair->value().is_null()) continue;
    next();
    if (pair->key() != "type") {
      item_field(view(pair->key()), pair->value());
    } else if (const json::array* list = pair->value().if_array()) {
      // Unlike a property's, an item's list of types is written out by the template too.
      json::array uppers;
      for (const json::value& item : *list) {
        uppers.emplace_back(item.is_string() ? upper(view(item.get_string())) : std::string());
      }
      item_field("type", uppers);
    } else {
      type(&pair->value());
    }
  }
  out_.plain("}");
}

void ChatSyntax::object_fields(const json::object& schema, Separator& next) {
  const json::value* own = schema.if_contains("properties");
  next();
  out_.plain("properties:{");
  if (own != nullptr && own->is_object()) {
    properties(own->get_object(), revision_ == ChatRevision::kMay);
  } else {
    properties(schema, true);
  }
  out_.plain("}");
  if (const json::array* required = truthy_array(schema.if_contains("required"))) {
    next();
    out_.plain("required:");
    names(*required);
  }
}

void ChatSyntax::property(const json::value& value) {
  // A schema may be `true` or nonsense; the template sees one without fields.
  const json::object empty;
  const json::object& schema = value.is_object() ? value.get_object() : empty;
  const SchemaType known = schema_type(schema.if_contains("type"));
  Separator next(out_);
  out_.plain("{");
  const json::value* description = schema.if_contains("description");
  if (is_truthy(description) && description->is_string()) {
    next();
    out_.plain("description:");
    out_.quoted(view(description->get_string()));
  }
  if (known.name == "STRING" && is_truthy(schema.if_contains("enum"))) {
    next();
    out_.plain("enum:");
    this->value(schema.at("enum"), Keys::kQuoted);
  } else if (known.name == "ARRAY") {
    const json::value* item_schema = schema.if_contains("items");
    if (is_truthy(item_schema) && item_schema->is_object()) {
      next();
      items(item_schema->get_object());
    }
  }
  if (known.nullable || is_truthy(schema.if_contains("nullable"))) {
    next();
    out_.plain("nullable:true");
  }
  if (known.name == "OBJECT") object_fields(schema, next);
  next();
  type(schema.if_contains("type"));
  out_.plain("}");
}

void ChatSyntax::properties(const json::object& properties, bool skip_schema_words) {
  Separator next(out_);
  for (const json::key_value_pair* pair : sorted(properties)) {
    if (skip_schema_words && is_schema_word(view(pair->key()))) continue;
    next();
    out_.plain(view(pair->key()));
    out_.plain(":");
    property(pair->value());
  }
}

void ChatSyntax::parameters(const json::object& schema) {
  out_.plain(",parameters:{");
  const json::value* own = schema.if_contains("properties");
  if (is_truthy(own) && own->is_object()) {
    out_.plain("properties:{");
    properties(own->get_object(), revision_ == ChatRevision::kMay);
    out_.plain("},");
  }
  if (const json::array* required = truthy_array(schema.if_contains("required"))) {
    out_.plain("required:");
    names(*required);
    out_.plain(",");
  }
  // Without a type the template forgets the closing brace. Parameters are always an object, so
  // that is what a schema without a type says.
  const json::value object_type("object");
  const json::value* given = schema.if_contains("type");
  type(is_truthy(given) ? given : &object_type);
  out_.plain("}");
}

void ChatSyntax::declared_response(const json::object& schema) {
  out_.plain(",response:{");
  const json::value* description = schema.if_contains("description");
  if (is_truthy(description) && description->is_string()) {
    out_.plain("description:");
    out_.quoted(view(description->get_string()));
    out_.plain(",");
  }
  // The template closes the brace for objects only; any other type is written like one.
  const json::value object_type("object");
  const json::value* given = schema.if_contains("type");
  type(is_truthy(given) ? given : &object_type);
  out_.plain("}");
}

void ChatSyntax::declaration(const json::value& tool) {
  const json::object empty;
  const json::object* outer = tool.if_object();
  const json::value* inner = outer == nullptr ? nullptr : outer->if_contains("function");
  const json::object& function =
      inner != nullptr && inner->is_object() ? inner->get_object() : empty;
  const auto text = [&](std::string_view key) {
    const json::value* found = function.if_contains({key.data(), key.size()});
    return found != nullptr && found->is_string() ? view(found->get_string()) : std::string_view();
  };
  out_.plain("declaration:");
  out_.plain(text("name"));
  out_.plain("{description:");
  out_.quoted(text("description"));
  const json::value* schema = function.if_contains("parameters");
  if (is_truthy(schema) && schema->is_object()) parameters(schema->get_object());
  const json::value* declared = function.if_contains("response");
  if (declared != nullptr && declared->is_object()) declared_response(declared->get_object());
  out_.plain("}");
}

}  // namespace outrider
