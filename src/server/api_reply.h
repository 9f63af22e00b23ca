// Replies in one shape, and what writes them in the shape of each API.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/id.h"
#include "server/api_request.h"
#include "text/reply_parser.h"

namespace outrider {

// A token with how likely it was, for clients that asked.
struct ReplyToken {
  struct Alternative {
    TokenId id;
    std::string bytes;
    float log_probability;  // natural logarithm, of the unfiltered distribution
  };
  TokenId id;
  std::string bytes;  // need not be UTF-8
  float log_probability = 0;
  std::vector<Alternative> alternatives;  // likeliest first
};

// What is new since the last delta of this choice.
struct ReplyDelta {
  std::vector<ReplyEvent> events;
  std::vector<ReplyToken> tokens;  // only where logprobs or ids were asked for
};

struct SpeculativeUsage {
  std::uint64_t rounds = 0;
  std::uint64_t drafted = 0;
  std::uint64_t accepted = 0;
  std::vector<std::uint64_t> accepted_per_position;
};

struct ReplyUsage {
  std::uint32_t prompt_tokens = 0;
  std::uint32_t cached_tokens = 0;  // of the prompt, not computed again
  std::uint32_t reply_tokens = 0;
  std::uint32_t thinking_tokens = 0;  // of the reply
  SpeculativeUsage speculative;
  double prompt_ms = 0;    // from submission to the first token
  double generate_ms = 0;  // from there to the last
};

enum class StopReason { kEndOfTurn, kStopString, kLength };

struct ReplyEnd {
  StopReason reason = StopReason::kEndOfTurn;
  std::string stop_string;  // of kStopString
  ReplyUsage usage;
};

struct WholeReply {
  std::vector<ReplyEvent> events;  // neighbours of one kind joined
  std::vector<ReplyToken> tokens;
  ReplyEnd end;
};

struct ReplyHead {
  std::string id;            // unique; letters and digits
  std::int64_t created = 0;  // seconds since 1970
  std::string model;         // the name that is reported
  std::uint32_t prompt_tokens = 0;
};

// Writes one response: either body(), or begin(), any number of delta() and one end() for each
// choice, and finish(). All text is what goes over the wire. Choices are numbered over prompts and
// the replies to each.
class ReplyWriter {
 public:
  virtual ~ReplyWriter() = default;
  virtual std::string body(std::span<const WholeReply> choices) = 0;
  virtual std::string begin() = 0;
  virtual std::string delta(std::uint32_t choice, const ReplyDelta& delta) = 0;
  virtual std::string end(std::uint32_t choice, const ReplyEnd& end) = 0;
  virtual std::string finish() = 0;
};

// `request` must outlive the writer.
std::unique_ptr<ReplyWriter> make_writer(const ApiRequest& request, ReplyHead head);

std::unique_ptr<ReplyWriter> make_chat_writer(const ApiRequest& request, ReplyHead head);
std::unique_ptr<ReplyWriter> make_completion_writer(const ApiRequest& request, ReplyHead head);
std::unique_ptr<ReplyWriter> make_response_writer(const ApiRequest& request, ReplyHead head);
std::unique_ptr<ReplyWriter> make_message_writer(const ApiRequest& request, ReplyHead head);
std::unique_ptr<ReplyWriter> make_llama_writer(const ApiRequest& request, ReplyHead head);

}  // namespace outrider
