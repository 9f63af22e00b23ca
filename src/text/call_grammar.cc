#include "text/call_grammar.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "text/chat_syntax.h"
#include "text/chat_text.h"

namespace outrider {
namespace {

namespace json = boost::json;
using Kind = SyntaxRule::Kind;

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::size_t kRulesMax = 20000;    // of one grammar; ids have 16 bits
constexpr std::size_t kWorkMax = 1000000;   // symbols and schemas, copies by $ref included
constexpr std::size_t kReferenceMax = 256;  // bytes of a $ref
constexpr std::uint16_t kItemsMinMax = 64;  // a list of more items may have fewer

// Kinds of JSON value, of which alternatives that begin differently are made.
enum Kinds : unsigned {
  kStrings = 1,
  kNumbers = 2,
  kBooleans = 4,
  kNulls = 8,
  kLists = 16,
  kMappings = 32,
  kAnything = 63
};

struct ValueRule {
  std::uint16_t rule;
  unsigned kinds;
};

std::u16string symbols_of(std::string_view text) {
  std::u16string symbols;
  for (const char c : text) symbols.push_back(static_cast<std::uint8_t>(c));
  return symbols;
}

std::u16string quoted(std::string_view text) {
  return kQuoteSymbol + symbols_of(text) + kQuoteSymbol;
}

bool has_space_at_end(std::string_view text) {
  return kSpaces.find(text.front()) != std::string_view::npos ||
         kSpaces.find(text.back()) != std::string_view::npos;
}

// A name is bare wherever that is read back as the same name.
std::u16string name_word(std::string_view name) {
  const bool is_bare = !name.empty() && !has_space_at_end(name) &&
                       name.find_first_of(":}") == std::string_view::npos;
  return (is_bare ? symbols_of(name) : quoted(name)) + u':';
}

class Builder {
 public:
  Syntax build(std::span<const CallableTool> tools, const CallGrammarOptions& options) {
    any_ = make_any();
    std::vector<SyntaxWord> heads;
    for (const CallableTool& tool : tools) {
      heads.push_back({.symbols = symbols_of("call:") + symbols_of(tool.name),
                       .next = arguments(tool.parameters)});
    }
    const std::uint16_t head = add({.kind = Kind::kWord}, std::move(heads));
    syntax_.root = add({.kind = Kind::kCalls,
                        .item = head,
                        .closes_thought = options.closes_thought,
                        .repeats = options.repeats || !options.ends,
                        .ends = options.ends});
    return std::move(syntax_);
  }

 private:
  std::uint16_t add(const SyntaxRule& rule) {
    syntax_.rules.push_back(rule);
    return static_cast<std::uint16_t>(syntax_.rules.size() - 1);
  }
  // With words, which are sorted; of equal ones the first counts.
  std::uint16_t add(SyntaxRule rule, std::vector<SyntaxWord> words) {
    const auto by_symbols = [](const SyntaxWord& a, const SyntaxWord& b) {
      return a.symbols < b.symbols;
    };
    const auto equal = [](const SyntaxWord& a, const SyntaxWord& b) {
      return a.symbols == b.symbols;
    };
    std::stable_sort(words.begin(), words.end(), by_symbols);
    words.erase(std::unique(words.begin(), words.end(), equal), words.end());
    rule.first = static_cast<std::uint32_t>(syntax_.words.size());
    rule.count = static_cast<std::uint32_t>(words.size());
    std::move(words.begin(), words.end(), std::back_inserter(syntax_.words));
    return add(rule);
  }
  std::uint16_t add_one_of(std::span<const std::uint16_t> rules) {
    const auto first = static_cast<std::uint32_t>(syntax_.alternatives.size());
    syntax_.alternatives.insert(syntax_.alternatives.end(), rules.begin(), rules.end());
    return add(
        {.kind = Kind::kOneOf, .first = first, .count = static_cast<std::uint32_t>(rules.size())});
  }
  std::uint16_t add_words(std::initializer_list<std::string_view> texts) {
    std::vector<SyntaxWord> words;
    for (const std::string_view text : texts) words.push_back({.symbols = symbols_of(text)});
    return add({.kind = Kind::kWord}, std::move(words));
  }
  // A schema can refer to one part of it many times over, so its own size bounds nothing.
  bool is_full() const { return syntax_.rules.size() >= kRulesMax || work_ >= kWorkMax; }

  ValueRule make_any() {
    string_ = add({.kind = Kind::kString});
    number_ = add({.kind = Kind::kNumber});
    integer_ = add({.kind = Kind::kNumber, .is_integer = true});
    boolean_ = add_words({"true", "false"});
    null_ = add_words({"null"});
    list_ = add({.kind = Kind::kList});
    mapping_ = add({.kind = Kind::kMapping});
    const std::uint16_t any =
        add_one_of(std::array{string_, number_, boolean_, null_, list_, mapping_});
    syntax_.rules[list_].item = any;
    syntax_.rules[mapping_].item = any;
    return {any, kAnything};
  }

  std::uint16_t arguments(const json::value* schema) {
    root_ = schema;
    if (schema == nullptr || schema->is_null()) return add({.kind = Kind::kMapping});
    const json::object* object = resolved(schema)->if_object();
    return object == nullptr ? mapping_ : mapping(*object, 1);
  }

  // What a schema's references lead to; itself where one leads nowhere.
  const json::value* resolved(const json::value* schema) const {
    for (int hops = 0; hops < 8; ++hops) {
      const json::object* object = schema->if_object();
      const json::value* ref = object == nullptr ? nullptr : object->if_contains("$ref");
      if (ref == nullptr || !ref->is_string() || !ref->get_string().starts_with("#") ||
          ref->get_string().size() > kReferenceMax) {
        break;
      }
      json::error_code failure;
      const json::value* found = root_->find_pointer(ref->get_string().subview(1), failure);
      if (found == nullptr) break;
      schema = found;
    }
    return schema;
  }

  ValueRule value(const json::value& schema, std::size_t depth) {
    ++work_;
    const json::object* object = resolved(&schema)->if_object();
    if (object == nullptr || depth > kSyntaxDepthMax || is_full()) return any_;
    if (const json::value* only = object->if_contains("const")) {
      return words_of(json::array{*only}).value_or(any_);
    }
    const json::value* listed = object->if_contains("enum");
    if (listed != nullptr && listed->is_array()) {
      return words_of(listed->get_array()).value_or(any_);
    }
    for (const char* key : {"anyOf", "oneOf", "allOf"}) {
      const json::value* found = object->if_contains(key);
      const json::array* schemas = found == nullptr ? nullptr : found->if_array();
      if (schemas == nullptr || schemas->empty()) continue;
      if (std::string_view(key) == "allOf" && schemas->size() > 1) return any_;
      Alternatives parts;
      for (const json::value& part : *schemas) {
        if (!parts.add(value(part, depth + 1))) return any_;
      }
      return one_of(parts);
    }
    return typed(*object, depth);
  }

  // They are told apart by how they begin.
  struct Alternatives {
    std::vector<std::uint16_t> rules;
    unsigned kinds = 0;
    // False where another begins alike: which one is meant is not known in time.
    bool add(ValueRule part) {
      if ((kinds & part.kinds) != 0) return false;
      kinds |= part.kinds;
      rules.push_back(part.rule);
      return true;
    }
  };
  ValueRule one_of(const Alternatives& parts) {
    if (parts.rules.empty()) return any_;
    if (parts.rules.size() == 1) return {parts.rules.front(), parts.kinds};
    return {add_one_of(parts.rules), parts.kinds};
  }

  ValueRule typed(const json::object& schema, std::size_t depth) {
    const json::value* type = schema.if_contains("type");
    if (type == nullptr) {
      if (schema.contains("properties")) return {mapping(schema, depth), kMappings};
      if (schema.contains("items")) return {list(schema, depth), kLists};
      return any_;
    }
    const json::array names =
        type->is_array() ? type->get_array() : json::array(std::size_t{1}, *type);
    Alternatives parts;
    for (const json::value& name : names) {
      if (!parts.add(of_type(name, schema, depth))) return any_;
    }
    const json::value* nullable = schema.if_contains("nullable");
    if (nullable != nullptr && *nullable == true) static_cast<void>(parts.add({null_, kNulls}));
    return one_of(parts);
  }

  ValueRule of_type(const json::value& type, const json::object& schema, std::size_t depth) {
    const json::string* text = type.if_string();
    std::string name(text == nullptr ? std::string_view() : text_view(*text));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (name == "string") return {string_, kStrings};
    if (name == "number") return {number_, kNumbers};
    if (name == "integer") return {integer_, kNumbers};
    if (name == "boolean") return {boolean_, kBooleans};
    if (name == "null") return {null_, kNulls};
    if (name == "array") return {list(schema, depth), kLists};
    if (name == "object") return {mapping(schema, depth), kMappings};
    return any_;
  }

  // The values themselves; nothing if there are none, or one that is no scalar.
  std::optional<ValueRule> words_of(const json::array& values) {
    unsigned kinds = 0;
    std::vector<SyntaxWord> words;
    for (const json::value& value : values) {
      if (value.is_structured() || is_full()) return std::nullopt;
      kinds |= value.is_string() ? kStrings
               : value.is_bool() ? kBooleans
               : value.is_null() ? kNulls
                                 : kNumbers;
      SyntaxWord& word = words.emplace_back();
      if (const json::string* text = value.if_string()) {
        word.symbols = quoted(text_view(*text));
      } else if (const double* number = value.if_double()) {
        word.symbols = symbols_of(python_float(*number));
      } else {
        word.symbols = symbols_of(json::serialize(value));
      }
      work_ += word.symbols.size();
      if (word.symbols.size() > kWordSymbolsMax) return std::nullopt;
    }
    if (words.empty()) return std::nullopt;
    return ValueRule{add({.kind = Kind::kWord}, std::move(words)), kinds};
  }

  std::uint16_t list(const json::object& schema, std::size_t depth) {
    const json::value* items = schema.if_contains("items");
    const json::value* least = schema.if_contains("minItems");
    json::error_code failure;
    const auto count =
        least == nullptr || !least->is_number() ? 0 : least->to_number<std::int64_t>(failure);
    SyntaxRule rule{.kind = Kind::kList};
    rule.item = items == nullptr ? any_.rule : value(*items, depth + 1).rule;
    if (!failure && count > 0) {
      rule.items_min = static_cast<std::uint16_t>(std::min<std::int64_t>(count, kItemsMinMax));
    }
    return add(rule);
  }

  std::uint16_t mapping(const json::object& schema, std::size_t depth) {
    const json::value* found = schema.if_contains("properties");
    const json::object* properties = found == nullptr ? nullptr : found->if_object();
    const json::value* others = schema.if_contains("additionalProperties");
    const bool has_others = others != nullptr && (others->is_object() || *others == true);
    const bool is_closed = others != nullptr && *others == false;
    const json::object none;
    const bool is_open =
        (properties == nullptr || (properties->empty() && has_others)) && !is_closed;
    std::vector<std::string> names;
    const std::size_t required = required_names(schema, names);
    if (is_open && required == 0) {
      if (!has_others || !others->is_object()) return mapping_;
      return add({.kind = Kind::kMapping, .item = value(*others, depth + 1).rule});
    }
    return fields(properties == nullptr ? none : *properties, std::move(names), depth);
  }

  // Adds the names that must be there, each once.
  std::size_t required_names(const json::object& schema, std::vector<std::string>& names) {
    const json::value* found = schema.if_contains("required");
    if (found == nullptr || !found->is_array()) return 0;
    for (const json::value& name : found->get_array()) {
      ++work_;
      if (!name.is_string()) continue;
      std::string text(text_view(name.get_string()));
      if (std::find(names.begin(), names.end(), text) == names.end()) {
        names.push_back(std::move(text));
      }
      if (names.size() == kSeenFields) break;
    }
    return names.size();
  }

  // `names` are those required.
  std::uint16_t fields(const json::object& properties, std::vector<std::string> names,
                       std::size_t depth) {
    if (is_full()) return mapping_;
    SyntaxRule rule{.kind = Kind::kMapping};
    rule.required =
        names.size() == kSeenFields ? ~std::uint64_t{0} : (std::uint64_t{1} << names.size()) - 1;
    for (const json::key_value_pair& pair : properties) {
      std::string name(text_view(pair.key()));
      const auto end = names.begin() + static_cast<std::ptrdiff_t>(
                                           std::min<std::size_t>(names.size(), kSeenFields));
      if (std::find(names.begin(), end, name) == end) names.push_back(std::move(name));
    }
    std::vector<SyntaxWord> words;
    for (std::size_t i = 0; i < names.size(); ++i) {
      SyntaxWord word{.symbols = name_word(names[i]),
                      .field = static_cast<std::uint32_t>(std::min<std::size_t>(i, kSeenFields))};
      work_ += word.symbols.size();
      if (word.symbols.size() > kWordSymbolsMax || is_full()) return mapping_;
      const json::value* schema = properties.if_contains(names[i]);
      word.next = schema == nullptr ? any_.rule : value(*schema, depth + 1).rule;
      words.push_back(std::move(word));
    }
    return add(rule, std::move(words));
  }

  Syntax syntax_;
  std::size_t work_ = 0;
  const json::value* root_ = nullptr;  // of the schema at hand
  ValueRule any_{};
  std::uint16_t string_ = 0, number_ = 0, integer_ = 0, boolean_ = 0, null_ = 0;
  std::uint16_t list_ = 0, mapping_ = 0;  // of anything
};

}  // namespace

bool can_be_called(std::string_view name) {
  return !name.empty() && !has_space_at_end(name) && name.find('{') == std::string_view::npos &&
         name.size() <= kWordSymbolsMax - 5;
}

Syntax call_grammar(std::span<const CallableTool> tools, const CallGrammarOptions& options) {
  return Builder().build(tools, options);
}

}  // namespace outrider
