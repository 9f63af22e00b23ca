// Fields that several APIs share: how tokens are picked, when a reply stops, how drafts ride ahead.
#pragma once
#include <string_view>

#include "server/api_fields.h"
#include "server/api_request.h"

namespace outrider {

// temperature, top_k, top_p, min_p, typical_p, penalties, seed, logit_bias, and the fields of
// llama-server and Outrider beside OpenAI's: speculative, cache_prompt, ignore_eos. Refuses the
// samplers and grammars of other servers by name.
void read_sampling(const ApiFields& fields, ApiRequest& request);
// A string or an array of strings.
void read_stop(const ApiFields& fields, std::string_view key, ApiRequest& request);
// stream and stream_options.
void read_stream(const ApiFields& fields, ApiRequest& request);
// A word for how much to think; here it turns thinking on or off.
void read_effort(const ApiFields& fields, std::string_view key, ThinkingChoice& thinking);
// chat_template_kwargs, reasoning_effort and thinking_budget of OpenAI's dialect.
void read_thinking(const ApiFields& fields, ApiRequest& request);
// A tool choice that names a tool which is not among the request's, or needs one where there is
// none, is an error; so are more than kToolsMax tools. Media parts are refused.
void check_conversation(const ApiFields& fields, const Conversation& conversation,
                        const ToolChoice& choice);
// "prompt" of completions: text, tokens, or an array of either.
void read_prompts(const ApiFields& fields, ApiRequest& request);
// More replies than kChoicesMax are an error.
void check_choices(const ApiFields& fields, const ApiRequest& request);

// A token id from JSON; nothing unless it is an integer that can be one.
std::optional<TokenId> token_from(const boost::json::value& value);

}  // namespace outrider
