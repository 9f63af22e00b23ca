// Calls written token by token, each drawn from those that the mask allows, over the vocabulary of
// the sample pair: whatever is drawn, the reply is read as calls that keep to their schemas.
#include "text/syntax_masks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <random>
#include <string>

#include "format/gguf.h"
#include "text/call_grammar.h"
#include "text/detokenizer.h"
#include "text/reply_parser.h"
#include "text/reply_test_vocabulary.h"

namespace outrider {
namespace {

namespace json = boost::json;

const Vocabulary& nano_vocabulary() {
  static const GgufFile file =
      GgufFile::open(OUTRIDER_SOURCE_DIR "/models/nano/target.gguf").value();
  static const Vocabulary vocabulary = vocabulary_from_gguf(file).value();
  return vocabulary;
}

std::shared_ptr<const TokenBytes> nano_bytes() {
  static const auto bytes = std::make_shared<const TokenBytes>(nano_vocabulary());
  return bytes;
}

struct Random {
  explicit Random(std::uint32_t seed) : bits(seed) {}
  std::uint32_t below(std::size_t limit) {
    return static_cast<std::uint32_t>(bits() % static_cast<std::uint32_t>(limit));
  }
  std::mt19937 bits;
};

json::value drawn_enum(Random& random) {
  const json::array all = {"red", "redder", "<turn|>", "\xC3\xA9\xF0\x9F\x98\x80", "", 1, 10, 1.5,
                           -7,    true,     nullptr};
  json::array some;
  for (const json::value& value : all) {
    if (random.below(3) == 0) some.push_back(value);
  }
  if (some.empty()) some.emplace_back("only");
  return {{"enum", some}};
}

json::value drawn_schema(Random& random, int depth);

json::object drawn_mapping(Random& random, int depth) {
  constexpr std::array kNames = {"city", "city_name", "days", "a b", "x:y", " z", "\xC3\xB6", "n"};
  json::object properties;
  json::array required;
  for (const char* name : kNames) {
    if (random.below(3) != 0) continue;
    properties[name] = drawn_schema(random, depth + 1);
    if (random.below(2) == 0) required.emplace_back(name);
  }
  json::object schema{{"type", "object"}};
  if (random.below(5) > 0) schema["properties"] = properties;
  if (schema.contains("properties")) schema["required"] = required;
  return schema;
}

json::value drawn_schema(Random& random, int depth) {
  switch (random.below(depth < 3 ? 11 : 7)) {
    case 0:
      return {{"type", "string"}};
    case 1:
      return {{"type", "number"}};
    case 2:
      return {{"type", "integer"}};
    case 3:
      return {{"type", "boolean"}};
    case 4:
      return {{"type", json::array{"null", "string"}}};
    case 5:
      return drawn_enum(random);
    case 6:
      return json::object();
    case 7:
      return {{"type", "array"},
              {"minItems", random.below(3)},
              {"items", drawn_schema(random, depth + 1)}};
    case 8:
      return {{"anyOf", json::array{drawn_schema(random, depth + 1), {{"type", "null"}}}}};
    default:
      return drawn_mapping(random, depth);
  }
}

bool is_of_type(const json::value& value, std::string_view type) {
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  if (type == "integer" && value.is_double()) return std::abs(value.get_double()) >= 9e18;
  if (type == "integer") return value.is_int64() || value.is_uint64();
  if (type == "boolean") return value.is_bool();
  if (type == "null") return value.is_null();
  if (type == "array") return value.is_array();
  return value.is_object();
}

// Whether drawn_schema() could say null itself, so that "or null" says nothing new.
bool may_be_null(const json::object& schema) {
  if (schema.empty() || schema.contains("anyOf")) return true;
  if (schema.contains("enum")) {
    const json::array& values = schema.at("enum").get_array();
    return std::find(values.begin(), values.end(), json::value()) != values.end();
  }
  return schema.at("type").is_array();
}

bool conforms(const json::value& value, const json::object& schema) {
  if (const json::value* listed = schema.if_contains("enum")) {
    const json::array& values = listed->get_array();
    return std::find(values.begin(), values.end(), value) != values.end();
  }
  if (const json::value* any = schema.if_contains("anyOf")) {
    const json::object& first = any->get_array()[0].get_object();
    return value.is_null() || may_be_null(first) || conforms(value, first);
  }
  const json::value* type = schema.if_contains("type");
  if (type == nullptr) return true;
  if (const json::array* types = type->if_array()) {
    return std::any_of(types->begin(), types->end(), [&](const json::value& each) {
      return is_of_type(value, std::string_view(each.get_string()));
    });
  }
  if (!is_of_type(value, std::string_view(type->get_string()))) return false;
  if (const json::array* items = value.if_array()) {
    const json::object& item = schema.at("items").get_object();
    return items->size() >= schema.at("minItems").to_number<std::size_t>() &&
           std::all_of(items->begin(), items->end(),
                       [&](const json::value& each) { return conforms(each, item); });
  }
  if (!value.is_object() || !schema.contains("properties")) return true;
  const json::object& properties = schema.at("properties").get_object();
  for (const json::value& name : schema.at("required").get_array()) {
    if (!value.get_object().contains(name.get_string())) return false;
  }
  return std::all_of(value.get_object().begin(), value.get_object().end(), [&](const auto& pair) {
    const json::value* property = properties.if_contains(pair.key());
    return property != nullptr && conforms(pair.value(), property->get_object());
  });
}

bool has(std::span<const std::uint64_t> mask, TokenId token) {
  return (mask[token.value() / 64] >> (token.value() % 64) & 1) != 0;
}

// Any of the tokens allowed; often, and behind 300 always, one that ends something if there is one.
TokenId draw(std::span<const std::uint64_t> mask, std::size_t written, Random& random) {
  const Vocabulary& vocabulary = nano_vocabulary();
  if (written > 300 || random.below(4) == 0) {
    for (const char* text : {"<turn|>", "<tool_call|>", "<|\"|>", "}", "]"}) {
      const auto token = vocabulary.find(text);
      if (token && has(mask, *token)) return *token;
    }
  }
  std::vector<TokenId> allowed;
  for (std::uint32_t id = 0; id < vocabulary.size(); ++id) {
    if (has(mask, TokenId(id))) allowed.push_back(TokenId(id));
  }
  require(!allowed.empty(), "some token is always allowed");
  return allowed[random.below(allowed.size())];
}

// What each token would do if it came, looked up one by one.
void expect_exact(const SyntaxMasks& masks, const Syntax& syntax, const SyntaxPlace& place,
                  std::span<const std::uint64_t> mask) {
  const TokenBytes& bytes = *nano_bytes();
  for (std::uint32_t id = 0; id < bytes.size(); ++id) {
    SyntaxPlace behind = place;
    masks.advance(behind, TokenId(id));
    const bool may = !behind.nowhere();
    if (bytes.symbol(TokenId(id)) == kTurnEndSymbol) continue;  // is nowhere in either case
    // Inside a name that nobody declared, a token either goes on with it or begins behind it.
    const bool begins_in_name =
        place.in_free_name(syntax) && !bytes.bytes(TokenId(id)).empty() &&
        is_name_byte(static_cast<std::uint8_t>(bytes.bytes(TokenId(id))[0]));
    if (begins_in_name && !has(bytes.in_name(), TokenId(id))) continue;
    ASSERT_EQ(has(mask, TokenId(id)), may) << nano_vocabulary().text(TokenId(id));
  }
}

struct Written {
  std::string text;
  std::vector<ReplyEvent> events;
};

Written write(const Syntax& syntax, bool starts_in_thinking, Random& random) {
  SyntaxMasks masks({syntax, nano_bytes()}, 4);
  ReplyParser parser(nano_vocabulary(), {.starts_in_thinking = starts_in_thinking});
  Written reply;
  SyntaxPlace place = masks.start();
  for (std::size_t written = 0; !place.nowhere() && written < 5000; ++written) {
    const auto mask = masks.allowed(place);
    if (random.below(100) == 0) expect_exact(masks, syntax, place, mask);
    const TokenId token = draw(mask, written, random);
    parser.push(token, reply.events);
    reply.text += decode_bytes(nano_vocabulary(), {&token, 1}, {.render_special = true});
    masks.advance(place, token);
  }
  EXPECT_TRUE(place.nowhere()) << "a reply ends: " << reply.text;
  parser.finish(reply.events);
  return reply;
}

TEST(SyntaxMasks, whatever_is_drawn_is_read_as_calls_that_keep_to_their_schemas) {
  std::size_t calls = 0, strings = 0;
  for (std::uint32_t seed = 0; seed < 150; ++seed) {
    Random random(seed);
    const json::object first = drawn_mapping(random, 0), second = drawn_mapping(random, 0);
    const json::value schemas[] = {first, second};
    const CallableTool tools[] = {{"play", &schemas[0]}, {"play_music", &schemas[1]}};
    const bool thinks = random.below(4) == 0;
    const Written reply =
        write(call_grammar(tools, {.closes_thought = thinks, .repeats = true}), thinks, random);
    ASSERT_FALSE(reply.events.empty()) << reply.text;
    for (const ReplyEvent& event : reply.events) {
      ASSERT_EQ(event.kind, ReplyEvent::Kind::kToolCall)
          << "seed " << seed << ": " << event.text << "\n"
          << reply.text;
      const bool is_first = event.text == "play";
      ASSERT_TRUE(is_first || event.text == "play_music") << event.text;
      ASSERT_TRUE(conforms(event.arguments, is_first ? first : second))
          << "seed " << seed << ": " << reply.text << "\n"
          << json::serialize(is_first ? first : second);
      ++calls;
      strings += reply.text.find("<|\"|>") != std::string::npos ? 1 : 0;
    }
  }
  EXPECT_GT(calls, 150u) << "some replies hold several";
  EXPECT_GT(strings, 50u);
}

TEST(SyntaxMasks, a_token_that_may_not_come_leads_nowhere_and_there_anything_may) {
  const CallableTool tool{.name = "f"};
  SyntaxMasks masks({call_grammar({&tool, 1}, {}), nano_bytes()}, 4);
  SyntaxPlace place = masks.start();
  EXPECT_TRUE(has(masks.allowed(place), *nano_vocabulary().find("<|tool_call>")));
  EXPECT_FALSE(has(masks.allowed(place), *nano_vocabulary().find("<turn|>")));
  masks.advance(place, *nano_vocabulary().find("<turn|>"));
  EXPECT_TRUE(place.nowhere());
  EXPECT_TRUE(masks.allowed(place).empty());
}

TEST(SyntaxMasks, masks_are_lent_until_so_many_others_were_asked_for) {
  const json::value schema = json::object();
  const CallableTool tool{.name = "f", .parameters = &schema};
  const Syntax syntax = call_grammar({&tool, 1}, {});
  SyntaxMasks masks({syntax, nano_bytes()}, 3);
  std::vector<SyntaxPlace> places = {masks.start()};
  for (const char16_t symbol : kCallSymbol + std::u16string(u"call:")) {
    places.push_back(places.back());
    ASSERT_TRUE(places.back().advance(syntax, symbol));
  }
  const auto lent = masks.allowed(places[0]);
  const std::vector<std::uint64_t> before(lent.begin(), lent.end());
  for (const std::size_t other : {1u, 2u, 1u, 2u}) static_cast<void>(masks.allowed(places[other]));
  EXPECT_TRUE(std::equal(lent.begin(), lent.end(), before.begin()));
  static_cast<void>(masks.allowed(places[3]));
  EXPECT_FALSE(std::equal(lent.begin(), lent.end(), before.begin())) << "its place was given away";
}

TEST(TokenBytes, a_vocabulary_without_the_tokens_of_calls_is_not_complete) {
  EXPECT_TRUE(nano_bytes()->complete());
  EXPECT_FALSE(TokenBytes(Vocabulary::make(small_parts(), "small").value()).complete());
}

TEST(TokenBytes, long_tokens_are_told_apart_behind_what_they_have_in_common) {
  VocabularyParts parts = small_parts();
  for (const char* text : {"<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>"}) {
    add_token(parts, text, TokenType::kControl);
  }
  const std::string stem(200, 'a');
  std::vector<TokenId> added;
  for (const char* end : {"", "x", "y", "yz", "z"}) {
    added.push_back(TokenId(static_cast<std::uint32_t>(parts.texts.size())));
    add_token(parts, parts.storage.keep(stem, end));
  }
  const Vocabulary vocabulary = Vocabulary::make(std::move(parts), "long").value();
  const json::value schema = {{"enum", json::array{stem + "yzz", stem + "zz"}}};
  const json::value parameters = {{"properties", {{"x", schema}}}};
  const CallableTool called{.name = "f", .parameters = &parameters};
  const Syntax syntax = call_grammar({&called, 1}, {});
  SyntaxMasks masks({syntax, std::make_shared<const TokenBytes>(vocabulary)}, 2);
  SyntaxPlace place = masks.start();
  for (const char16_t symbol : kCallSymbol + std::u16string(u"call:f{x:") + kQuoteSymbol) {
    ASSERT_TRUE(place.advance(syntax, symbol));
  }
  const auto mask = masks.allowed(place);
  const bool expected[] = {true, false, true, true, true};
  for (std::size_t i = 0; i < added.size(); ++i) EXPECT_EQ(has(mask, added[i]), expected[i]) << i;
}

}  // namespace
}  // namespace outrider
