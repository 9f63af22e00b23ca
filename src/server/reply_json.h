// JSON that several APIs' replies share.
#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_reply.h"
#include "server/json_text.h"

namespace outrider {

// "data: JSON\n\n", with "event: NAME\n" before it where there is a name.
std::string sse(const boost::json::value& data, std::string_view event = {});

// Usage over all choices: a prompt counts once for all its replies.
ReplyUsage total_usage(const ApiRequest& request, std::span<const ReplyEnd> ends);
boost::json::object openai_usage(const ReplyUsage& usage);
boost::json::object speculative_json(const SpeculativeUsage& usage);

// Bytes as text: U+FFFD for what is not UTF-8.
std::string as_text(std::string_view bytes);
// Finite, as JSON has no infinity.
double log_probability_json(float log_probability);
// {"token", "logprob", "bytes", "top_logprobs"} of each token.
boost::json::array openai_logprobs(std::span<const ReplyToken> tokens);

// The id of a call within a reply, unique over replies.
std::string call_id(const ReplyHead& head, std::uint32_t choice, std::size_t call);

// What a reply's events come to.
struct ReplyContents {
  std::string thinking;
  std::string content;
  std::vector<const ReplyEvent*> calls;
  boost::json::array warnings;
};
ReplyContents contents_of(std::span<const ReplyEvent> events);

}  // namespace outrider
