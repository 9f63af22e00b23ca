// outrider generate: one completion, streamed as it becomes certain.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>

#include "app/commands.h"
#include "app/model_options.h"
#include "app/prompt_text.h"
#include "app/sampling_options.h"
#include "engine/generation.h"
#include "text/detokenizer.h"
#include "text/prompt.h"
#include "text/stop_matcher.h"
#include "text/tokenizer.h"

namespace outrider {
namespace {

struct GenerateOptions {
  ModelOptions model;
  PromptOptions prompt;
  SamplingParams sampling;
  DraftOptions drafts;
  std::uint32_t tokens_max = 0;
  std::vector<std::string> stop;
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
  app.add_option("--stop", o.stop, "A text that ends the reply before it; may be given often")
      ->group("Generation");
  app.add_flag("--ignore-eos", o.ignore_end, "Go on past the end of the turn")->group("Generation");
  app.add_flag("--special", o.special, "Show control tokens in the text")->group("Generation");
  app.add_flag("--json", o.json, "Print one JSON object instead of the text")->group("Generation");
  add_sampling_options(app, o.sampling);
  add_draft_options(app, o.drafts);
}

const char* name_of(FinishReason reason) {
  return reason == FinishReason::kStop ? "stop" : "length";
}

double mean_length(const SpeculationCounts& s) {
  return 1.0 + static_cast<double>(s.accepted) / static_cast<double>(s.rounds);
}

// Counts per draft position, up to the last position that was drafted.
boost::json::array per_position(const std::vector<std::uint64_t>& counts,
                                const SpeculationCounts& s) {
  boost::json::array result;
  for (std::size_t i = 0; i < counts.size() && s.drafted_per_position[i] > 0; ++i) {
    result.push_back(counts[i]);
  }
  return result;
}

// Rows of a target launch that decided something: the last token and its drafts.
double rows_per_step(const EngineCounters& counters) {
  return static_cast<double>(counters.logit_rows) /
         static_cast<double>(std::max<std::uint64_t>(1, counters.steps));
}

boost::json::object report(const Generation& result, const EngineCounters& counters,
                           const std::string& text) {
  boost::json::array tokens;
  for (const TokenId token : result.tokens) tokens.push_back(token.value());
  const Finish& finish = result.finish;
  const SpeculationCounts& s = finish.speculative;
  return {{"text", text},
          {"tokens", std::move(tokens)},
          {"prompt_tokens", finish.prompt_tokens},
          {"cached_tokens", finish.cached_tokens},
          {"finish_reason", name_of(finish.reason)},
          {"timing",
           {{"prompt_ms", finish.timing.prompt_ms},
            {"generate_ms", finish.timing.generate_ms},
            {"draft_ms", finish.timing.draft_ms},
            {"verify_ms", finish.timing.verify_ms}}},
          {"speculative",
           {{"rounds", s.rounds},
            {"drafted", s.drafted},
            {"accepted", s.accepted},
            {"mean_length", s.rounds > 0 ? mean_length(s) : 1.0},
            {"rows_per_step", rows_per_step(counters)},
            {"drafted_per_position", per_position(s.drafted_per_position, s)},
            {"accepted_per_position", per_position(s.accepted_per_position, s)}}}};
}

void print_summary(const Generation& result) {
  const auto rate = [](std::size_t count, double ms) {
    return ms > 0 ? static_cast<double>(count) * 1000.0 / ms : 0.0;
  };
  const Finish& finish = result.finish;
  const SpeculationCounts& s = finish.speculative;
  fmt::print(stderr, "\n[{} prompt tokens, {:.1f}/s; {} tokens, {:.1f}/s", finish.prompt_tokens,
             rate(finish.prompt_tokens, finish.timing.prompt_ms), finish.tokens,
             rate(finish.tokens - (finish.tokens == 0 ? 0 : 1), finish.timing.generate_ms));
  if (s.drafted > 0) {
    fmt::print(stderr, "; {} of {} drafts accepted, {:.2f} tokens a round", s.accepted, s.drafted,
               mean_length(s));
  }
  fmt::print(stderr, "; {}]\n", name_of(finish.reason));
}

Result<Request> request_of(const GenerateOptions& o, const TargetModel& target,
                           const Vocabulary& vocabulary) {
  const Tokenizer tokenizer(vocabulary);
  auto prompt = prompt_tokens(o.prompt, tokenizer, target);
  if (!prompt) return prompt.error();
  Request request{.prompt = std::move(*prompt),
                  .sampling = o.sampling,
                  .tokens_max = o.tokens_max,
                  .stop = o.stop,
                  .drafts = o.drafts.limits};
  const auto end = vocabulary.end_of_generation();
  if (!o.ignore_end) request.ends.assign(end.begin(), end.end());
  return request;
}

Result<int> run(const GenerateOptions& o) {
  if (auto checked = check_draft_options(o.drafts); !checked) return checked.error();
  auto runtime = load_runtime(o.model, {.drafts = o.drafts.limits.n_max});
  if (!runtime) return runtime.error();
  auto vocabulary = vocabulary_from_gguf((*runtime)->target().file);
  if (!vocabulary) return vocabulary.error();
  auto request = request_of(o, (*runtime)->target(), *vocabulary);
  if (!request) return request.error();

  Engine engine(**runtime, &*vocabulary,
                {.verification = verification_of(o.drafts), .cache_prefixes = false});
  const CostFile costs = cost_file(o.model, **runtime);
  costs.restore(engine.speculation());
  Detokenizer detokenizer(*vocabulary, {.render_special = o.special});
  StopMatcher stop(o.stop);
  std::string text;
  const auto show = [&](const std::string& piece) {
    text += piece;
    if (o.json) return;
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  };
  auto result = generate(engine, std::move(*request),
                         [&](TokenId token) { show(stop.push(detokenizer.push(token))); });
  if (!result) return result.error();
  show(stop.push(detokenizer.flush()) + stop.flush());
  costs.keep(engine.speculation());
  if (o.json) {
    fmt::print("{}\n", boost::json::serialize(report(*result, engine.counters(), text)));
  } else {
    print_summary(*result);
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
