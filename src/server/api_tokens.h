// Bodies of the endpoints that generate nothing: prompts and tokens turned into each other.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "core/id.h"
#include "server/api_request.h"
#include "text/vocabulary.h"

namespace outrider {

// llama-server's /tokenize: {"tokens": [ids]}, or with pieces [{"id", "piece"}], where a piece is
// text, or its bytes as numbers where it is not UTF-8.
std::string tokenize_body(const Vocabulary& vocabulary, std::span<const TokenId> tokens,
                          bool with_pieces);
// llama-server's /detokenize: {"content"}, with U+FFFD for what is not UTF-8.
std::string detokenize_body(const Vocabulary& vocabulary, std::span<const TokenId> tokens);
// llama-server's /apply-template: {"prompt"}.
std::string apply_template_body(const Conversation& conversation, const ChatOptions& options);
// Anthropic's /v1/messages/count_tokens: {"input_tokens"}.
std::string count_tokens_body(std::size_t prompt_tokens);
// vLLM's /render endpoints: what an engine would be given, {"request_id", "token_ids", "features",
// "sampling_params", "model", "stream"}: one for a chat, an array of one per prompt for
// completions.
std::string render_body(const ApiRequest& request, std::span<const std::vector<TokenId>> prompts,
                        const std::string& id, const std::string& model);

}  // namespace outrider
