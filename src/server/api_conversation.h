// Builds a conversation from the items of APIs that spell one differently than OpenAI's chat.
#pragma once
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "server/api_fields.h"
#include "text/chat.h"

namespace outrider {

// A tool as the chat format wants it. `schema` may be null: a tool without parameters.
boost::json::value function_tool(std::string name, std::string description,
                                 const boost::json::value* schema);

// The assistant's message that is under way: the last one, or a new one. A message whose calls
// were answered, or that has calls where text follows, is not.
ChatMessage& open_assistant(Conversation& conversation);

// Whether a call with that id stands in the assistant's message that the next result answers.
bool is_open_call(const Conversation& conversation, std::string_view id);

// Adds to the message's text; parts are separated by a line break.
void append_text(ChatMessage& message, std::string_view text);

// Every text of an array of {"type": one of `types`, "text": …}; other types are an error, and so
// is anything but an array: strings are for the caller.
std::string joined_texts(const ApiFields& fields, std::string_view key,
                         std::initializer_list<std::string_view> types);

}  // namespace outrider
