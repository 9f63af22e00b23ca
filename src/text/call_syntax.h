// Reads a tool call as Gemma 4 writes it: call:NAME{key:value,…}, strings between quote tokens.
#pragma once
#include <boost/json/object.hpp>
#include <span>
#include <string>

#include "core/result.h"

namespace outrider {

struct ParsedCall {
  std::string name;
  boost::json::object arguments;
};

// `pieces` is the text between <|tool_call> and <tool_call|> cut at its quote tokens, in UTF-8:
// pieces 1, 3, 5 … are strings, which may spell anything. Values are strings, numbers as JSON has
// them, true, false, null (or None, as Google's older template prints it), [lists] and {mappings}.
// White space between them is allowed. Of equal keys the last counts. The error (kBadRequest) says
// what is wrong, as in "has no value for the argument city".
Result<ParsedCall> parse_call(std::span<const std::string> pieces);

}  // namespace outrider
