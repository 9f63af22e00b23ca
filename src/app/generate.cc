// outrider generate: one completion, streamed as it becomes certain.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "app/commands.h"
#include "app/model_options.h"
#include "app/prompt_text.h"
#include "engine/generation.h"
#include "text/detokenizer.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

namespace outrider {
namespace {

struct GenerateOptions {
  ModelOptions model;
  PromptOptions prompt;
  SamplingParams sampling;
  std::uint32_t tokens_max = 0;
  std::uint32_t draft_max = 3;
  float draft_p_min = 0;
  bool ignore_end = false;
  bool special = false;
  bool json = false;
};

void add_generate_options(CLI::App& app, GenerateOptions& o) {
  add_model_options(app, o.model);
  add_prompt_options(app, o.prompt);
  app.add_option("-n,--predict", o.tokens_max,
                 "Tokens to generate at most (default: until the model ends its turn)")
      ->group("Generation");
  app.add_flag("--ignore-eos", o.ignore_end, "Go on past the end of the turn")->group("Generation");
  app.add_flag("--special", o.special, "Show control tokens in the text")->group("Generation");
  app.add_flag("--json", o.json, "Print one JSON object instead of the text")->group("Generation");
  app.add_option("-s,--seed", o.sampling.seed, "Seed: the same one gives the same text")
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--temp", o.sampling.temperature, "Temperature; 0 takes the most likely token")
      ->check(CLI::Range(0.0f, 100.0f))
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--top-k", o.sampling.top_k, "Keep the k most likely tokens; 0: all")
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--top-p", o.sampling.top_p,
                 "Keep the likeliest tokens of this total probability; 1: all")
      ->check(CLI::Range(0.0f, 1.0f))
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--min-p", o.sampling.min_p,
                 "Keep tokens this likely relative to the best; 0: all")
      ->check(CLI::Range(0.0f, 1.0f))
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--spec-draft-n-max,--mtp-draft-n", o.draft_max,
                 "Tokens drafted ahead per round; 0: none")
      ->check(CLI::Range(0u, 15u))
      ->capture_default_str()
      ->group("Drafting");
  app.add_option("--spec-draft-p-min,--draft-p-min", o.draft_p_min,
                 "A draft that the assistant gives less than this probability ends its round")
      ->check(CLI::Range(0.0f, 1.0f))
      ->capture_default_str()
      ->group("Drafting");
}

const char* name_of(FinishReason reason) {
  return reason == FinishReason::kStop ? "stop" : "length";
}

boost::json::object report(const GenerationRequest& request, const GenerationResult& result,
                           const std::string& text) {
  boost::json::array tokens, per_position;
  for (const TokenId token : result.tokens) tokens.push_back(token.value());
  for (const std::uint64_t count : result.speculative.accepted_per_position)
    per_position.push_back(count);
  const auto& t = result.timing;
  const auto& s = result.speculative;
  return {{"text", text},
          {"tokens", std::move(tokens)},
          {"prompt_tokens", request.prompt.size()},
          {"cached_tokens", 0},
          {"finish_reason", name_of(result.finish)},
          {"timing",
           {{"prompt_ms", t.prompt_ms},
            {"generate_ms", t.generate_ms},
            {"draft_ms", t.draft_ms},
            {"verify_ms", t.verify_ms}}},
          {"speculative",
           {{"rounds", s.rounds},
            {"drafted", s.drafted},
            {"accepted", s.accepted},
            {"accepted_per_position", std::move(per_position)}}}};
}

void print_summary(const GenerationRequest& request, const GenerationResult& result) {
  const auto rate = [](std::size_t count, double ms) {
    return ms > 0 ? static_cast<double>(count) * 1000.0 / ms : 0.0;
  };
  const auto& s = result.speculative;
  fmt::print(
      stderr, "\n[{} prompt tokens, {:.1f}/s; {} tokens, {:.1f}/s", request.prompt.size(),
      rate(request.prompt.size(), result.timing.prompt_ms), result.tokens.size(),
      rate(result.tokens.size() - (result.tokens.empty() ? 0 : 1), result.timing.generate_ms));
  if (s.drafted > 0) {
    fmt::print(stderr, "; {} of {} drafts accepted, {:.2f} tokens a step", s.accepted, s.drafted,
               1.0 + static_cast<double>(s.accepted) / static_cast<double>(s.rounds));
  }
  fmt::print(stderr, "; {}]\n", name_of(result.finish));
}

Result<void> check_tokens(std::span<const TokenId> tokens, std::uint32_t vocab) {
  for (const TokenId token : tokens) {
    if (token.value() >= vocab) {
      return Error{
          ErrorCode::kBadRequest,
          fmt::format("token {} is not in the model's vocabulary of {}", token.value(), vocab)};
    }
  }
  return {};
}

Result<int> run(const GenerateOptions& o) {
  auto runtime = load_runtime(o.model, {});
  if (!runtime) return runtime.error();
  const TargetModel& target = (*runtime)->target();
  auto vocabulary = vocabulary_from_gguf(target.file);
  if (!vocabulary) return vocabulary.error();
  const Tokenizer tokenizer(*vocabulary);
  auto prompt = prompt_tokens(o.prompt, tokenizer, target);
  if (!prompt) return prompt.error();
  if (auto checked = check_tokens(*prompt, target.config.vocab); !checked) return checked.error();

  GenerationRequest request{.prompt = std::move(*prompt),
                            .tokens_max = o.tokens_max,
                            .sampling = o.sampling,
                            .stop = {},
                            .draft_max = o.draft_max,
                            .draft_p_min = o.draft_p_min};
  const auto end = vocabulary->end_of_generation();
  if (!o.ignore_end) request.stop.assign(end.begin(), end.end());
  Detokenizer detokenizer(*vocabulary, {.render_special = o.special});
  std::string text;
  const auto show = [&](const std::string& piece) {
    text += piece;
    if (o.json) return;
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  };
  auto result = generate(**runtime, request, [&](TokenId token) { show(detokenizer.push(token)); });
  if (!result) return result.error();
  show(detokenizer.flush());
  if (o.json) {
    fmt::print("{}\n", boost::json::serialize(report(request, *result, text)));
  } else {
    print_summary(request, *result);
  }
  return 0;
}

}  // namespace

Command add_generate(CLI::App& app) {
  auto o = std::make_shared<GenerateOptions>();
  add_generate_options(app, *o);
  return [o] { return run(*o); };
}

}  // namespace outrider
