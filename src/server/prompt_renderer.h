// From what a client asks to what the engine is given.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "server/api_request.h"
#include "text/chat.h"
#include "text/token_bytes.h"
#include "text/tokenizer.h"

namespace outrider {

struct RenderedPrompt {
  std::vector<TokenId> tokens;
  // Lengths up to which other requests may share it, ascending: the ends of the system prompt and
  // of the last turns.
  std::vector<std::uint32_t> checkpoints{};
  bool is_chat = false;
  bool starts_in_thinking = false;
};

// What the server does where a request says nothing.
struct ServingDefaults {
  std::optional<std::uint64_t> seed{};  // absent: one drawn for each request
  ApiDefaults api{};
  ChatOptions chat{};    // of the model
  DraftLimits drafts{};  // of a round
};

class PromptRenderer {
 public:
  // Both outlive it.
  PromptRenderer(const Tokenizer& tokenizer, const ServingDefaults& defaults)
      : tokenizer_(tokenizer), defaults_(defaults) {}

  // How this request's conversation is written.
  ChatOptions chat_options(const ApiRequest& request) const;
  // One per prompt of the request.
  ApiResult<std::vector<RenderedPrompt>> render(const ApiRequest& request) const;
  // The engine's request for one reply to one of them; `choice` counts the replies to one prompt,
  // each of which draws with a seed of its own.
  Request engine_request(const ApiRequest& request, const RenderedPrompt& prompt,
                         std::uint32_t choice) const;

 private:
  ApiResult<RenderedPrompt> render(const ApiRequest& request, const ApiPrompt& prompt) const;
  ConstraintRules rules(const ApiRequest& request, const RenderedPrompt& prompt) const;
  void force_call(const ApiRequest& request, const RenderedPrompt& prompt,
                  ConstraintRules& rules) const;
  std::vector<TokenId> call_beginning(std::string_view name, bool starts_in_thinking) const;
  std::shared_ptr<const TokenBytes> token_bytes() const;

  const Tokenizer& tokenizer_;
  const ServingDefaults& defaults_;
  // Made for the first request that forces a call: of a vocabulary of Gemma 4 they take 6 MB and
  // a tenth of a second.
  mutable std::once_flag token_bytes_made_;
  mutable std::shared_ptr<const TokenBytes> token_bytes_;
};

}  // namespace outrider
