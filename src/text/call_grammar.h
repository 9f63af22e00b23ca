// The syntax of a reply that is nothing but tool calls, made from what the tools declare.
#pragma once
#include <boost/json/value.hpp>
#include <span>
#include <string_view>

#include "text/syntax.h"

namespace outrider {

struct CallableTool {
  std::string_view name;                           // one that can_be_called()
  const boost::json::value* parameters = nullptr;  // JSON schema; nothing: it takes no arguments
};

struct CallGrammarOptions {
  bool closes_thought = false;  // the prompt ends inside a thought, which has to end first
  bool repeats = false;         // several calls may follow each other
  bool ends = true;             // the reply may end behind a call
};

// Whether a call of that name is read as one: it has no brace, nor white space at its ends.
bool can_be_called(std::string_view name);

// Every text of this syntax is read by parse_call(), and its arguments keep to the schema as far as
// that says: type (one or several), enum, const, nullable, properties, required, items, minItems,
// anyOf, oneOf and allOf where their kinds of value differ, $ref within the schema. What is
// not understood, nested too deeply or too large may be any value; bounds, lengths, patterns and
// formats are not kept. Where properties are declared, there are no others. Of a mapping's
// properties 64 are told apart, those required first: others may be missing or come twice.
Syntax call_grammar(std::span<const CallableTool> tools, const CallGrammarOptions& options);

}  // namespace outrider
