// How a tool is declared to the model: its JSON schema in the template's own notation.
#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "text/chat_syntax.h"

namespace outrider {

class ChatDeclaration {
 public:
  ChatDeclaration(ChatWriter& out, ChatRevision revision)
      : out_(out), syntax_(out, revision), revision_(revision) {}

  // declaration:NAME{…} of {"function": {"name", "description", "parameters", "response"}}.
  void write(const boost::json::value& tool);

 private:
  void parameters(const boost::json::object& schema);
  void declared_response(const boost::json::object& schema);
  void properties(const boost::json::object& properties, bool skip_schema_words);
  void property(const boost::json::value& value);
  void object_fields(const boost::json::object& schema, ChatSeparator& next);
  void items(const boost::json::object& schema);
  void item_field(std::string_view key, const boost::json::value& value);
  void description(const boost::json::object& schema, ChatSeparator& next);
  void type(const boost::json::value* type);
  void outer_type(const boost::json::object& schema);
  void names(const boost::json::array& names);

  ChatWriter& out_;
  ChatSyntax syntax_;
  ChatRevision revision_;
};

}  // namespace outrider
