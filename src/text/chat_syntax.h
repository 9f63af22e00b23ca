// How JSON values are spelled inside a Gemma 4 prompt: in a call's arguments, a tool's results and
// the enums of a schema.
#pragma once
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat_text.h"

namespace outrider {

// Writes values the way one revision of the template does. Follows Python where the template leaves
// a value to the language: floats as 1.0 and 1e-05, null as `None` in May. An integer past 64 bits
// reaches us as a float, and is printed as one.
class ChatSyntax {
 public:
  ChatSyntax(ChatWriter& out, ChatRevision revision) : out_(out), revision_(revision) {}

  // Keys are bare in arguments and responses, quoted in schemas.
  enum class Keys { kBare, kQuoted };
  void value(const boost::json::value& value, Keys keys);
  // key:value,key:value in the template's order, without braces.
  void fields(const boost::json::object& object, Keys keys);
  // response:NAME{…}: a mapping's fields, or anything else as one field called value.
  void response(std::string_view name, const boost::json::value& result);

  // What a value that is neither text, list nor mapping is printed as.
  std::string printed(const boost::json::value& scalar) const;

 private:
  ChatWriter& out_;
  ChatRevision revision_;
};

// Jinja's dictsort: by key without regard to case, equal keys in their order of appearance. Case is
// that of ASCII letters only; the names of fields and parameters hardly ever go beyond them.
std::vector<const boost::json::key_value_pair*> dictsort(const boost::json::object& object);

inline std::string_view text_view(boost::json::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace outrider
