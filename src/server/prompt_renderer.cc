#include "server/prompt_renderer.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "text/call_grammar.h"
#include "text/prompt.h"

namespace outrider {
namespace {

namespace json = boost::json;

// Turn ends at which a prompt is cut to be shared: each is a launch of its own and keeps a window
// of keys and values, so of a long conversation only its beginning and its end are worth it.
constexpr std::size_t kLastTurnEnds = 4;

std::vector<std::uint32_t> checkpoints_of(const ChatPrompt& prompt) {
  const std::vector<std::uint32_t>& ends = prompt.turn_ends;
  if (ends.size() <= kLastTurnEnds + 1) return ends;
  std::vector<std::uint32_t> kept = {ends.front()};
  kept.insert(kept.end(), ends.end() - kLastTurnEnds, ends.end());
  return kept;
}

}  // namespace

ChatOptions PromptRenderer::chat_options(const ApiRequest& request) const {
  ChatOptions options = defaults_.chat;
  options.enable_thinking = request.thinking.enabled;
  return options;
}

ApiResult<RenderedPrompt> PromptRenderer::render(const ApiRequest& request,
                                                 const ApiPrompt& prompt) const {
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&prompt)) {
    return RenderedPrompt{.tokens = *tokens};
  }
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    RenderedPrompt rendered{.tokens = {tokenizer_.bos()}};
    const std::vector<TokenId> plain = tokenizer_.encode(*text);
    rendered.tokens.insert(rendered.tokens.end(), plain.begin(), plain.end());
    return rendered;
  }
  const auto segments = render_chat(std::get<Conversation>(prompt), chat_options(request));
  auto encoded = encode_chat(tokenizer_, segments);
  if (!encoded) return ApiError{.status = 500, .message = encoded.error().message, .field = {}};
  std::vector<std::uint32_t> checkpoints = checkpoints_of(*encoded);
  return RenderedPrompt{.tokens = std::move(encoded->tokens),
                        .checkpoints = std::move(checkpoints),
                        .is_chat = true,
                        .starts_in_thinking = encoded->starts_in_thinking};
}

ApiResult<std::vector<RenderedPrompt>> PromptRenderer::render(const ApiRequest& request) const {
  std::vector<RenderedPrompt> rendered;
  for (const ApiPrompt& prompt : request.prompts) {
    ApiResult<RenderedPrompt> one = render(request, prompt);
    if (!one) return one.error();
    rendered.push_back(*std::move(one));
  }
  return rendered;
}

std::shared_ptr<const TokenBytes> PromptRenderer::token_bytes() const {
  std::call_once(token_bytes_made_, [this] {
    token_bytes_ = std::make_shared<const TokenBytes>(tokenizer_.vocabulary());
  });
  return token_bytes_;
}

// A call up to where its arguments begin, in the tokens that the model was trained on.
std::vector<TokenId> PromptRenderer::call_beginning(std::string_view name,
                                                    bool starts_in_thinking) const {
  const Vocabulary& vocabulary = tokenizer_.vocabulary();
  std::vector<TokenId> beginning;
  if (starts_in_thinking) beginning.push_back(*vocabulary.find("<channel|>"));
  beginning.push_back(*vocabulary.find("<|tool_call>"));
  const std::vector<TokenId> plain =
      tokenizer_.encode(std::string("call:").append(name).append("{"));
  beginning.insert(beginning.end(), plain.begin(), plain.end());
  return beginning;
}

// Calls of the tools that may be called, and nothing else. A model whose vocabulary cannot write
// calls is left to itself.
void PromptRenderer::force_call(const ApiRequest& request, const RenderedPrompt& prompt,
                                ConstraintRules& rules) const {
  std::shared_ptr<const TokenBytes> bytes = token_bytes();
  if (!bytes->complete()) return;
  const ToolChoice& choice = request.tool_choice;
  std::vector<CallableTool> tools;
  for (const json::value& tool : std::get<Conversation>(request.prompts.front()).tools) {
    const json::object& function = tool.at("function").get_object();
    const json::string& text = function.at("name").get_string();
    const std::string_view name(text.data(), text.size());
    if (choice.kind == ToolChoice::Kind::kNamed && name != choice.name) continue;
    tools.push_back({.name = name, .parameters = function.if_contains("parameters")});
    rules.beginnings.push_back(call_beginning(name, prompt.starts_in_thinking));
  }
  rules.syntax =
      TokenSyntax{.syntax = call_grammar(tools, {.closes_thought = prompt.starts_in_thinking,
                                                 .repeats = choice.parallel,
                                                 .ends = !request.ignore_eos}),
                  .tokens = std::move(bytes)};
}

ConstraintRules PromptRenderer::rules(const ApiRequest& request,
                                      const RenderedPrompt& prompt) const {
  using Kind = ToolChoice::Kind;
  const Vocabulary& vocabulary = tokenizer_.vocabulary();
  ConstraintRules rules;
  if (request.ignore_eos) {
    const auto ends = vocabulary.end_of_generation();
    rules.banned.assign(ends.begin(), ends.end());
  }
  if (!prompt.is_chat) return rules;
  const Kind kind = request.tool_choice.kind;
  if (kind == Kind::kNone) {
    if (const auto call = vocabulary.find("<|tool_call>")) rules.banned.push_back(*call);
  } else if (kind != Kind::kAuto) {
    force_call(request, prompt, rules);
  }
  const std::optional<TokenId> open = vocabulary.find("<|channel>");
  const std::optional<TokenId> close = vocabulary.find("<channel|>");
  if (request.thinking.budget && open && close) {
    rules.thinking = ThinkingBudget{.open = *open,
                                    .close = *close,
                                    .tokens = *request.thinking.budget,
                                    .begun = prompt.starts_in_thinking};
  }
  return rules;
}

Request PromptRenderer::engine_request(const ApiRequest& request, const RenderedPrompt& prompt,
                                       std::uint32_t choice) const {
  Request made{.prompt = prompt.tokens,
               .checkpoints = prompt.checkpoints,
               .cache_prompt = request.cache_prompt,
               .sampling = request.sampling,
               .bias = request.bias,
               .tokens_max = request.tokens_max.value_or(0),
               .constraint = rules(request, prompt),
               .drafts = defaults_.drafts};
  made.sampling.seed += choice;
  const auto ends = tokenizer_.vocabulary().end_of_generation();
  if (!request.ignore_eos) made.ends.assign(ends.begin(), ends.end());
  if (request.wants_logprobs) made.logprobs = request.top_logprobs;
  const SpeculativeChoice& speculative = request.speculative;
  if (speculative.n_max) made.drafts.n_max = *speculative.n_max;
  if (speculative.p_min) made.drafts.p_min = *speculative.p_min;
  if (!speculative.enabled.value_or(true)) made.drafts.n_max = 0;
  made.drafts.n_min = std::min(made.drafts.n_min, made.drafts.n_max);
  return made;
}

}  // namespace outrider
