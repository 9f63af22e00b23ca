// A request of any of the APIs, in one shape.
#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sample/rule.h"
#include "server/api_error.h"
#include "text/chat.h"

namespace outrider {

// Bounds of what one request may ask for.
inline constexpr std::uint32_t kChoicesMax = 16;  // replies to one request, over all its prompts
inline constexpr std::uint32_t kTopLogprobsMax = 20;  // alternatives shown for a token
inline constexpr std::size_t kStopStringsMax = 16;
inline constexpr std::size_t kStopStringBytesMax = 1024;
inline constexpr std::size_t kToolsMax = 256;
// Of metadata, as OpenAI has it.
inline constexpr std::size_t kMetadataPairsMax = 16;
inline constexpr std::size_t kMetadataKeyMax = 64;     // bytes
inline constexpr std::size_t kMetadataValueMax = 512;  // bytes

// Text is tokenised as plain text behind <bos>; tokens are taken as they are.
using ApiPrompt = std::variant<Conversation, std::string, std::vector<TokenId>>;

struct ToolChoice {
  enum class Kind { kAuto, kNone, kRequired, kNamed };
  Kind kind = Kind::kAuto;
  std::string name;      // of kNamed
  bool parallel = true;  // whether a reply may hold several calls
};

// What a request overrides of the server's drafting.
struct SpeculativeChoice {
  std::optional<bool> enabled;
  std::optional<std::uint32_t> n_max;  // drafts per round
  std::optional<float> p_min;          // a less likely draft ends its round
};

struct ThinkingChoice {
  bool enabled = false;
  std::optional<std::uint32_t> budget;  // tokens of thought at most
};

struct ApiRequest {
  ApiKind kind = ApiKind::kChat;
  std::string model;               // as the client calls it; empty where it did not
  std::vector<ApiPrompt> prompts;  // one; several only of completions
  SamplingParams sampling;         // `seed` only where has_seed
  bool has_seed = false;
  std::vector<TokenBias> bias;  // ascending by token
  std::optional<std::uint32_t> tokens_max;
  std::vector<std::string> stop;
  std::uint32_t choices = 1;  // replies per prompt
  bool wants_logprobs = false;
  std::uint32_t top_logprobs = 0;  // alternatives per token
  ToolChoice tool_choice;
  ThinkingChoice thinking;
  SpeculativeChoice speculative;
  bool cache_prompt = true;
  bool ignore_eos = false;
  bool stream = false;
  bool include_usage = false;  // OpenAI: a last chunk with usage
  bool return_tokens = false;  // llama-server: the ids beside the text
  // OpenAI's responses: shown again in the reply.
  std::optional<std::string> instructions;
  boost::json::object metadata;  // of strings
};

// What a request that says nothing gets.
struct ApiDefaults {
  SamplingParams sampling;
  bool thinking = false;
  std::optional<std::uint32_t> thinking_budget{};  // tokens of thought at most
};

inline ApiRequest request_from(ApiKind kind, const ApiDefaults& defaults) {
  ApiRequest request;
  request.kind = kind;
  request.sampling = defaults.sampling;
  request.thinking.enabled = defaults.thinking;
  request.thinking.budget = defaults.thinking_budget;
  return request;
}

// Every parser refuses wrong types and values out of range, and names fields it knows but this
// build does not serve; fields nobody knows are ignored.
ApiResult<ApiRequest> parse_chat(std::string_view body, const ApiDefaults& defaults);
ApiResult<ApiRequest> parse_completion(std::string_view body, const ApiDefaults& defaults);
ApiResult<ApiRequest> parse_response(std::string_view body, const ApiDefaults& defaults);
ApiResult<ApiRequest> parse_message(std::string_view body, const ApiDefaults& defaults);
// The same request without max_tokens, of which only the prompt is wanted.
ApiResult<ApiRequest> parse_count_tokens(std::string_view body, const ApiDefaults& defaults);
ApiResult<ApiRequest> parse_llama_completion(std::string_view body, const ApiDefaults& defaults);
// llama-server's /apply-template: a chat request of which only the prompt is wanted.
ApiResult<ApiRequest> parse_apply_template(std::string_view body, const ApiDefaults& defaults);

struct TokenizeRequest {
  std::string content;
  bool add_special = false;   // begin with <bos>
  bool parse_special = true;  // find control tokens in the text
  bool with_pieces = false;   // show each token's text
};
ApiResult<TokenizeRequest> parse_tokenize(std::string_view body);
ApiResult<std::vector<TokenId>> parse_detokenize(std::string_view body);

}  // namespace outrider
