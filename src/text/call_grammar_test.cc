#include "text/call_grammar.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>

namespace outrider {
namespace {

namespace json = boost::json;

// Quotes are written ' here.
Symbol symbol_of(char c) {
  return c == '\'' ? kQuoteSymbol : static_cast<std::uint8_t>(c);
}

// Whether a reply may be calls with these texts between <|tool_call> and <tool_call|>, and no more.
bool accepts(const Syntax& syntax, std::initializer_list<std::string_view> calls,
             bool ends_thought = false) {
  SyntaxPlace place(syntax);
  if (ends_thought && !place.advance(syntax, kThoughtEndSymbol)) return false;
  for (const std::string_view call : calls) {
    if (!place.advance(syntax, kCallSymbol)) return false;
    for (const char c : call) {
      if (!place.advance(syntax, symbol_of(c))) return false;
    }
    if (!place.advance(syntax, kCallEndSymbol)) return false;
  }
  return place.advance(syntax, kTurnEndSymbol) && place.nowhere();
}

// Whether a tool f with this schema may be called with these arguments.
bool takes(std::string_view schema, std::string_view arguments) {
  const json::value parameters = json::parse({schema.data(), schema.size()});
  const CallableTool tool{.name = "f", .parameters = &parameters};
  return accepts(call_grammar({&tool, 1}, {}), {fmt::format("call:f{}", arguments)});
}

// Whether the property x with this schema may have this value.
bool may_be(std::string_view schema, std::string_view value) {
  return takes(
      fmt::format(R"({{"type":"object","properties":{{"x":{}}},"required":["x"]}})", schema),
      fmt::format("{{x:{}}}", value));
}

TEST(CallGrammar, a_reply_is_calls_of_the_tools) {
  const CallableTool tools[] = {{.name = "go"}, {.name = "go_on"}};
  const Syntax several = call_grammar(tools, {.repeats = true});
  EXPECT_TRUE(accepts(several, {"call:go{}"}));
  EXPECT_TRUE(accepts(several, {"call:go_on{}", "call:go{}", "call:go_on{}"}));
  EXPECT_FALSE(accepts(several, {}));
  for (const char* call : {"call:g{}", "call:goo{}", "go{}", "call:go{", "call:go{}}", "call:go {}",
                           " call:go{}", "call:go{} ", "call:go{a:1}"}) {
    EXPECT_FALSE(accepts(several, {call})) << call;
  }
  const Syntax one = call_grammar(tools, {});
  EXPECT_TRUE(accepts(one, {"call:go_on{}"}));
  EXPECT_FALSE(accepts(one, {"call:go{}", "call:go{}"}));
  const Syntax behind_a_thought = call_grammar(tools, {.closes_thought = true});
  EXPECT_TRUE(accepts(behind_a_thought, {"call:go{}"}, true));
  EXPECT_FALSE(accepts(behind_a_thought, {"call:go{}"}));
}

TEST(CallGrammar, without_an_end_calls_go_on) {
  const CallableTool tool{.name = "f"};
  const Syntax endless = call_grammar({&tool, 1}, {.repeats = false, .ends = false});
  EXPECT_FALSE(accepts(endless, {"call:f{}"}));
  SyntaxPlace place(endless);
  for (int i = 0; i < 3; ++i) {
    for (const char16_t symbol : kCallSymbol + std::u16string(u"call:f{}") + kCallEndSymbol) {
      ASSERT_TRUE(place.advance(endless, symbol));
    }
  }
}

TEST(CallGrammar, a_schema_that_says_nothing_takes_anything_readable) {
  for (const char* arguments :
       {"{}", "{a:1}", "{a:'b',c:[1,-2.5e3,'x',[],{}],d:{e:{f:null}},g:true,h:false}", "{'a b':1}",
        "{a:'',\xC3\xA9:'\xF0\x9F\x98\x80'}", "{a.b-c/1:0}"}) {
    EXPECT_TRUE(takes("{}", arguments)) << arguments;
  }
  for (const char* arguments :
       {"",         "{",         "{a}",        "{a:}",       "{:1}",
        "{a:1,}",   "{,}",       "{a:1 }",     "{ a:1}",     "{a: 1}",
        "{a:b}",    "{a:'b}",    "{a:b'}",     "{a:01}",     "{a:1.}",
        "{a:.5}",   "{a:-}",     "{a:1e}",     "{a:+1}",     "{a:nul}",
        "{a:[1,]}", "{a:[1}",    "{a:'\x80'}", "{a:'\xC3'}", "{a:'\xED\xA0\x80'}",
        "{a:None}", "{a:1e400}", "{a:\"b\"}"}) {
    EXPECT_FALSE(takes("{}", arguments)) << arguments;
  }
}

TEST(CallGrammar, values_have_their_types) {
  const auto only = [](const char* schema, std::initializer_list<const char*> good) {
    for (const char* value : {"'x'", "1", "-0.5", "true", "null", "[1]", "['x']", "{a:1}", "{}"}) {
      const bool is_good = std::find_if(good.begin(), good.end(), [&](const char* each) {
                             return std::string_view(each) == value;
                           }) != good.end();
      EXPECT_EQ(may_be(schema, value), is_good) << schema << " " << value;
    }
  };
  only(R"({"type":"string"})", {"'x'"});
  only(R"({"type":"STRING"})", {"'x'"});
  only(R"({"type":"number"})", {"1", "-0.5"});
  only(R"({"type":"integer"})", {"1"});
  only(R"({"type":"boolean"})", {"true"});
  only(R"({"type":"null"})", {"null"});
  only(R"({"type":"array"})", {"[1]", "['x']"});
  only(R"({"type":"array","items":{"type":"string"}})", {"['x']"});
  only(R"({"type":"object"})", {"{a:1}", "{}"});
  only(R"({"properties":{"a":{"type":"integer"}}})", {"{a:1}", "{}"});
  only(R"({"type":["string","null"]})", {"'x'", "null"});
  only(R"({"type":"string","nullable":true})", {"'x'", "null"});
  only(R"({"anyOf":[{"type":"integer"},{"type":"null"}]})", {"1", "null"});
  only(R"({"allOf":[{"type":"boolean"}]})", {"true"});
  only(R"({"oneOf":[{"type":"array","items":{"type":"integer"}},{"type":"string"}]})",
       {"'x'", "[1]"});
  // Which of two mappings is meant shows too late.
  only(R"({"anyOf":[{"type":"integer"},{"type":"number"}]})",
       {"'x'", "1", "-0.5", "true", "null", "[1]", "['x']", "{a:1}", "{}"});
}

TEST(CallGrammar, listed_values_are_the_only_ones) {
  const char* mixed = R"({"enum":["a","ab","",1,10,1.5,-2e-7,true,null]})";
  for (const char* value : {"'a'", "'ab'", "''", "1", "10", "1.5", "-2e-07", "true", "null"}) {
    EXPECT_TRUE(may_be(mixed, value)) << value;
  }
  for (const char* value : {"'abc'", "'b'", "a", "100", "0", "1.55", "false", "nul", "[]"}) {
    EXPECT_FALSE(may_be(mixed, value)) << value;
  }
  EXPECT_TRUE(may_be(R"({"const":"on"})", "'on'"));
  EXPECT_FALSE(may_be(R"({"const":"on"})", "'off'"));
  EXPECT_TRUE(may_be(R"({"enum":[[1],2]})", "'anything'"));
}

TEST(CallGrammar, mappings_have_what_is_required_once_and_nothing_undeclared) {
  const char* schema = R"({"type":"object","properties":{"a":{"type":"integer"},
      "ab":{"type":"integer"},"b":{"type":"integer"}},"required":["b","a"]})";
  for (const char* arguments :
       {"{a:1,b:2}", "{b:1,a:2}", "{ab:3,b:1,a:2}", "{a:1,ab:3,b:2}", "{b:1,a:2,ab:0}"}) {
    EXPECT_TRUE(takes(schema, arguments)) << arguments;
  }
  for (const char* arguments : {"{}", "{a:1}", "{ab:1}", "{a:1,a:2,b:3}", "{a:1,b:2,c:3}",
                                "{a:1,b:2,}", "{a:1,b:2,ab:3,"}) {
    EXPECT_FALSE(takes(schema, arguments)) << arguments;
  }
  EXPECT_FALSE(takes(R"({"type":"object","properties":{}})", "{a:1}"));
  EXPECT_FALSE(takes(R"({"type":"object","additionalProperties":false})", "{a:1}"));
  EXPECT_TRUE(takes(R"({"type":"object","required":["x"]})", "{x:[1]}"));
  const char* numbers = R"({"type":"object","additionalProperties":{"type":"integer"}})";
  EXPECT_TRUE(takes(numbers, "{any:1,name:2}"));
  EXPECT_FALSE(takes(numbers, "{any:'x'}"));
}

TEST(CallGrammar, names_that_cannot_stand_bare_are_quoted) {
  const char* schema =
      R"({"type":"object","properties":{"a:b":{}," c":{},"d e":{},"":{},"f}":{}}})";
  for (const char* arguments : {"{'a:b':1}", "{' c':1}", "{d e:1}", "{'':1}", "{'f}':1}"}) {
    EXPECT_TRUE(takes(schema, arguments)) << arguments;
  }
  for (const char* arguments : {"{a:b:1}", "{ c:1}", "{'d e':1}", "{:1}", "{f}:1}"}) {
    EXPECT_FALSE(takes(schema, arguments)) << arguments;
  }
}

TEST(CallGrammar, lists_have_their_least_number_of_items) {
  const char* schema = R"({"type":"array","items":{"type":"integer"},"minItems":2})";
  for (const char* value : {"[1,2]", "[1,2,3]"}) EXPECT_TRUE(may_be(schema, value)) << value;
  for (const char* value : {"[]", "[1]", "[1,]"}) EXPECT_FALSE(may_be(schema, value)) << value;
}

TEST(CallGrammar, references_within_the_schema_are_followed) {
  const char* schema = R"({"type":"object","properties":{"at":{"$ref":"#/$defs/point"}},
      "required":["at"],"$defs":{"point":{"type":"object","properties":{"x":{"type":"integer"},
      "next":{"$ref":"#/$defs/point"}},"required":["x"]}}})";
  EXPECT_TRUE(takes(schema, "{at:{x:1}}"));
  EXPECT_TRUE(takes(schema, "{at:{x:1,next:{next:{x:3},x:2}}}"));
  EXPECT_FALSE(takes(schema, "{at:{x:1,next:{y:2}}}"));
  EXPECT_TRUE(may_be(R"({"$ref":"#/nowhere"})", "'anything'"));
  EXPECT_TRUE(may_be(R"({"$ref":"#/properties/x"})", "'itself'"));
}

TEST(CallGrammar, what_is_required_of_itself_ends_at_the_depth_there_is_room_for) {
  const json::value schema =
      json::parse(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})");
  const CallableTool tool{.name = "f", .parameters = &schema};
  const Syntax syntax = call_grammar({&tool, 1}, {});
  SyntaxPlace place(syntax);
  for (const char16_t symbol : kCallSymbol + std::u16string(u"call:f")) {
    ASSERT_TRUE(place.advance(syntax, symbol));
  }
  std::size_t depth = 0;
  for (; depth < 100 && place.advance(syntax, '{'); ++depth) {
    for (const char c : std::string_view("a:")) ASSERT_TRUE(place.advance(syntax, symbol_of(c)));
  }
  EXPECT_GT(depth, kSyntaxDepthMax);
  EXPECT_LT(depth, kSyntaxFramesMax);
}

TEST(CallGrammar, a_schema_of_references_to_references_stays_small) {
  json::object definitions;
  for (int i = 0; i < 30; ++i) {
    const std::string next = fmt::format("#/$defs/d{}", i + 1);
    definitions[fmt::format("d{}", i)] = {
        {"type", "object"}, {"properties", {{"a", {{"$ref", next}}}, {"b", {{"$ref", next}}}}}};
  }
  const json::value schema = {{"$ref", "#/$defs/d0"}, {"$defs", std::move(definitions)}};
  const CallableTool tool{.name = "f", .parameters = &schema};
  const Syntax syntax = call_grammar({&tool, 1}, {});
  EXPECT_LT(syntax.rules.size(), 0x8000u);
  EXPECT_TRUE(accepts(syntax, {"call:f{a:{b:{}}}"}));
}

TEST(CallGrammar, names_of_which_no_call_could_be_read_are_known) {
  for (const char* name : {"f", "get_weather", "a b", "a:b", "\xC3\xA9", "a}"}) {
    EXPECT_TRUE(can_be_called(name)) << name;
  }
  for (const char* name : {"", " f", "f\n", "a{b"}) EXPECT_FALSE(can_be_called(name)) << name;
}

}  // namespace
}  // namespace outrider
