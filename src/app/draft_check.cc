#include "app/draft_check.h"

#include <fmt/format.h>

#include <iterator>

#include "engine/generation.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

namespace outrider {
namespace {

constexpr const char* kPrompts[] = {
    "Hello! Who are you?",
    "What is 47 + 58?",
    "Count from 1 to 20.",
    "Tell me a story about a fox.",
    "Write a function that reverses a list.",
};
constexpr std::uint32_t kTokens = 128;

Result<Request> request_for(const char* text, const Tokenizer& tokenizer,
                            const DraftCheckOptions& options) {
  Conversation conversation;
  conversation.messages.emplace_back().content = std::string(text);
  auto prompt = encode_chat(tokenizer, render_chat(conversation, options.chat));
  if (!prompt) return prompt.error();
  Request request{.prompt = std::move(prompt->tokens),
                  .tokens_max = kTokens,
                  .drafts = {.n_min = options.drafts, .n_max = options.drafts}};
  request.sampling.temperature = 0;
  const auto ends = tokenizer.vocabulary().end_of_generation();
  request.ends.assign(ends.begin(), ends.end());
  return request;
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

}  // namespace

Result<std::string> check_drafts(Runtime& runtime, const Vocabulary& vocabulary,
                                 const DraftCheckOptions& options) {
  if (!runtime.drafts() || options.drafts == 0) {
    return Error{ErrorCode::kBadRequest,
                 "--self-test measures drafts, but there is no assistant to draft"};
  }
  const Tokenizer tokenizer(vocabulary);
  Engine engine(runtime, &vocabulary,
                {.verification = options.verification, .cache_prefixes = false});
  std::string text = fmt::format("{:<42}{:>8}{:>20}{:>16}\n", "prompt", "tokens",
                                 "drafts that stood", "tokens a round");
  for (const char* prompt : kPrompts) {
    auto request = request_for(prompt, tokenizer, options);
    if (!request) return request.error();
    auto result = generate(engine, std::move(*request), [](TokenId) {});
    if (!result) return result.error();
    const SpeculationCounts& counts = result->finish.speculative;
    fmt::format_to(std::back_inserter(text), "{:<42}{:>8}{:>11} of {:<6}{:>16.2f}\n", prompt,
                   result->finish.tokens, counts.accepted, counts.drafted,
                   1 + share(counts.accepted, counts.rounds));
  }
  const SpeculationCounts& all = engine.counters().speculative;
  fmt::format_to(std::back_inserter(text), "by position:");
  for (std::uint32_t i = 0; i < options.drafts && all.drafted_per_position[i] > 0; ++i) {
    fmt::format_to(std::back_inserter(text), " {:.1f} %",
                   100 * share(all.accepted_per_position[i], all.drafted_per_position[i]));
  }
  fmt::format_to(std::back_inserter(text), "\nin all: {} of {} drafts stood, {:.1f} %\n",
                 all.accepted, all.drafted, 100 * share(all.accepted, all.drafted));
  return text;
}

}  // namespace outrider
