// How values and tool declarations are spelled inside a Gemma 4 prompt, and the writer they are
// spelled with.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat.h"

namespace outrider {

// Collects pieces, joining plain text to plain text.
class ChatWriter {
 public:
  void control(std::string_view token);
  void media(std::string_view token, std::size_t media_index);
  void plain(std::string_view text);
  void quoted(std::string_view text);  // between two `<|"|>`

  std::vector<ChatSegment> take() && { return std::move(segments_); }

 private:
  std::vector<ChatSegment> segments_;
};

// What Python's str.strip() leaves: whitespace is Unicode's, in UTF-8.
std::string_view trim_unicode(std::string_view text);

// What Python's str() prints for a float: the shortest digits that read back the same, with a point
// or an exponent (1.0, 1.5, 1e-05, 1e+20).
std::string python_float(double value);

// Writes values the way one revision of the template does. Follows Python where the template leaves
// a value to the language: numbers, and null as `None` in May.
class ChatSyntax {
 public:
  ChatSyntax(ChatWriter& out, ChatRevision revision) : out_(out), revision_(revision) {}

  // Keys are bare in arguments and responses, quoted in schemas.
  enum class Keys { kBare, kQuoted };
  void value(const boost::json::value& value, Keys keys);
  // key:value,key:value in the template's order, without braces.
  void fields(const boost::json::object& object, Keys keys);
  // declaration:NAME{…} of one tool.
  void declaration(const boost::json::value& tool);
  // response:NAME{…}: a mapping's fields, or anything else as one field called value.
  void response(std::string_view name, const boost::json::value& result);

 private:
  class Separator;
  std::string_view null_text() const { return revision_ == ChatRevision::kJuly ? "null" : "None"; }
  void scalar(const boost::json::value& value);
  void properties(const boost::json::object& properties, bool skip_schema_words);
  void property(const boost::json::value& schema);
  void items(const boost::json::object& schema);
  void item_field(std::string_view key, const boost::json::value& value);
  void type(const boost::json::value* type);
  void names(const boost::json::array& names);
  void object_fields(const boost::json::object& schema, Separator& next);
  void parameters(const boost::json::object& schema);
  void declared_response(const boost::json::object& schema);

  ChatWriter& out_;
  ChatRevision revision_;
};

}  // namespace outrider
