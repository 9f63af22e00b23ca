#include "text/chat_declaration.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <string>

namespace outrider {
namespace {

namespace json = boost::json;

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
    result.name = upper(text_view(*text));
    return result;
  }
  const json::array* list = type->if_array();
  if (list == nullptr) return result;
  std::size_t others = 0;
  for (const json::value& item : *list) {
    if (!item.is_string()) continue;
    if (text_view(item.get_string()) == "null") {
      result.nullable = true;
    } else if (++others == 1) {
      result.name = upper(text_view(item.get_string()));
    }
  }
  if (others > 1) return {};
  return result;
}

json::array upper_names(const json::array& names) {
  json::array result;
  for (const json::value& name : names) {
    const json::string* text = name.if_string();
    result.emplace_back(text == nullptr ? name : json::value(upper(text_view(*text))));
  }
  return result;
}

}  // namespace

void ChatDeclaration::names(const json::array& names) {
  ChatSeparator next(out_);
  out_.plain("[");
  for (const json::value& name : names) {
    next();
    // Only strings are sensible here; lists and mappings have no text of their own.
    if (const json::string* text = name.if_string()) {
      out_.quoted(text_view(*text));
    } else {
      out_.quoted(name.is_structured() ? std::string() : syntax_.printed(name));
    }
  }
  out_.plain("]");
}

void ChatDeclaration::type(const json::value* type) {
  const SchemaType known = schema_type(type);
  out_.plain("type:");
  const json::array* list = type == nullptr ? nullptr : type->if_array();
  if (list == nullptr || !known.name.empty()) return out_.quoted(known.name);
  names(upper_names(*list));
}

// Parameters and results are objects, so that is what a schema without a type says.
void ChatDeclaration::outer_type(const json::object& schema) {
  const json::value object_type("object");
  const json::value* given = schema.if_contains("type");
  type(is_truthy(given) ? given : &object_type);
}

void ChatDeclaration::description(const json::object& schema, ChatSeparator& next) {
  const json::value* found = schema.if_contains("description");
  if (!is_truthy(found) || !found->is_string()) return;
  next();
  out_.plain("description:");
  out_.quoted(text_view(found->get_string()));
}

void ChatDeclaration::item_field(std::string_view key, const json::value& value) {
  out_.plain(key);
  out_.plain(":");
  if (key == "properties") {
    out_.plain("{");
    if (value.is_object()) properties(value.get_object(), revision_ == ChatRevision::kMay);
    out_.plain("}");
  } else if (key == "required") {
    names(value.is_array() ? value.get_array() : json::array());
  } else {
    syntax_.value(value, ChatSyntax::Keys::kQuoted);
  }
}

void ChatDeclaration::items(const json::object& schema) {
  ChatSeparator next(out_);
  out_.plain("items:{");
  for (const json::key_value_pair* pair : dictsort(schema)) {
    if (pair->value().is_null()) continue;
    next();
    if (pair->key() != "type") {
      item_field(text_view(pair->key()), pair->value());
    } else if (const json::array* list = pair->value().if_array()) {
      // Unlike a property's, an item's list of types is written out by the template too.
      out_.plain("type:");
      names(upper_names(*list));
    } else {
      type(&pair->value());
    }
  }
  out_.plain("}");
}

void ChatDeclaration::object_fields(const json::object& schema, ChatSeparator& next) {
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

void ChatDeclaration::property(const json::value& value) {
  // A schema may be `true` or nonsense; the template sees one without fields.
  const json::object empty;
  const json::object& schema = value.is_object() ? value.get_object() : empty;
  const SchemaType known = schema_type(schema.if_contains("type"));
  ChatSeparator next(out_);
  out_.plain("{");
  description(schema, next);
  if (known.name == "STRING" && is_truthy(schema.if_contains("enum"))) {
    next();
    out_.plain("enum:");
    syntax_.value(schema.at("enum"), ChatSyntax::Keys::kQuoted);
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

void ChatDeclaration::properties(const json::object& properties, bool skip_schema_words) {
  ChatSeparator next(out_);
  for (const json::key_value_pair* pair : dictsort(properties)) {
    if (skip_schema_words && is_schema_word(text_view(pair->key()))) continue;
    next();
    out_.plain(text_view(pair->key()));
    out_.plain(":");
    property(pair->value());
  }
}

void ChatDeclaration::parameters(const json::object& schema) {
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
  // Without a type the template would forget the closing brace.
  outer_type(schema);
  out_.plain("}");
}

void ChatDeclaration::declared_response(const json::object& schema) {
  out_.plain(",response:{");
  ChatSeparator next(out_);
  description(schema, next);
  next();
  // The template closes the brace for objects only; any other type is written like one.
  outer_type(schema);
  out_.plain("}");
}

void ChatDeclaration::write(const json::value& tool) {
  const json::object empty;
  const json::object* outer = tool.if_object();
  const json::value* inner = outer == nullptr ? nullptr : outer->if_contains("function");
  const json::object& function =
      inner != nullptr && inner->is_object() ? inner->get_object() : empty;
  const auto text = [&](std::string_view key) {
    const json::value* found = function.if_contains({key.data(), key.size()});
    return found != nullptr && found->is_string() ? text_view(found->get_string())
                                                  : std::string_view();
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
