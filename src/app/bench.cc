// outrider bench: how fast a model is read, decoded, drafted and served here.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>

#include "app/bench_report.h"
#include "app/bench_run.h"
#include "app/commands.h"
#include "app/model_options.h"
#include "platform/bandwidth.h"

namespace outrider {
namespace {

constexpr std::uint32_t kTableDrafts = 4;  // of each sequence, where a draft step is measured

struct BenchOptions {
  ModelOptions model;
  std::vector<std::uint32_t> slots = {1, 2, 4, 8, 16};
  std::vector<std::string> drafts = {"0", "1", "3", "auto"};
  std::vector<double> acceptance = {0.8, 0.65, 0.5};
  std::vector<std::uint32_t> contexts = {128};
  std::uint32_t tokens = 128;
  std::uint32_t repeat = 3;
  bool real_acceptance = false;
  bool processor_time = false;
  bool json = false;
};

void add_bench_options(CLI::App& app, BenchOptions& o) {
  add_model_options(app, o.model);
  app.remove_option(app.get_option("--ctx-size"));  // what the contexts and tokens need
  app.add_option("--slots", o.slots, "Numbers of slots that are busy at once")
      ->delimiter(',')
      ->check(CLI::Range(1u, 256u))
      ->capture_default_str()
      ->group("Bench");
  app.add_option("--draft", o.drafts, "Drafts of each slot in a round: numbers, or auto")
      ->delimiter(',')
      ->capture_default_str()
      ->group("Bench");
  app.add_option("--synthetic-acceptance", o.acceptance,
                 "Drafts stand with these unconditional probabilities, by their place in the round")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group("Bench");
  app.add_flag("--real-acceptance", o.real_acceptance,
               "Drafts stand where the model agrees, on texts that begin with random tokens")
      ->group("Bench");
  app.add_option("--contexts", o.contexts, "Lengths of the prompts")
      ->delimiter(',')
      ->check(CLI::Range(1u, 1u << 20))
      ->capture_default_str()
      ->group("Bench");
  app.add_option("-n,--predict", o.tokens, "Tokens measured for every slot")
      ->check(CLI::Range(1u, 1u << 16))
      ->capture_default_str()
      ->group("Bench");
  app.add_option("--repeat", o.repeat, "Times that everything is measured, in turn; medians count")
      ->check(CLI::Range(1u, 1000u))
      ->capture_default_str()
      ->group("Bench");
  app.add_flag("--processor-time", o.processor_time,
               "Measure this process's processor time: for a machine that others use, with -t 1")
      ->group("Bench");
  app.add_flag("--json", o.json, "Print one JSON object instead of tables")->group("Bench");
}

// One line of the serve, decode or draft table, and what each repeat found for it.
struct Measured {
  std::uint32_t prompt_rows, slots;
  BenchDrafts drafts;
  bool listed;  // in the serve table
  std::vector<ServeSample> samples{};
};

// Everything that is run in each repeat: what was asked for, and what the other tables need.
Result<std::vector<Measured>> settings_of(const BenchOptions& o, bool drafts) {
  std::vector<Measured> settings;
  const auto add = [&](std::uint32_t context, std::uint32_t slots, const BenchDrafts& how,
                       bool listed) {
    for (const Measured& one : settings) {
      if (one.prompt_rows == context && one.slots == slots && one.drafts.name == how.name) return;
    }
    settings.push_back({context, slots, how, listed});
  };
  const BenchDrafts none{"0", {.n_min = 0, .n_max = 0}};
  const BenchDrafts some{fmt::format("{}", kTableDrafts),
                         {.n_min = kTableDrafts, .n_max = kTableDrafts}};
  for (const std::uint32_t context : o.contexts) {
    for (const std::uint32_t slots : o.slots) {
      for (const std::string& name : o.drafts) {
        const auto how = bench_drafts_of(name);
        if (!how) return how.error();
        if (how->limits.n_max == 0 || drafts) add(context, slots, *how, true);
      }
      if (context != o.contexts.front()) continue;
      add(context, slots, none, false);
      if (drafts) add(context, slots, some, false);
    }
    add(context, 1, none, false);
  }
  return settings;
}

const std::vector<ServeSample>& samples_of(const std::vector<Measured>& all, std::uint32_t context,
                                           std::uint32_t slots, const std::string& drafts) {
  static const std::vector<ServeSample> kNone;
  for (const Measured& one : all) {
    if (one.prompt_rows == context && one.slots == slots && one.drafts.name == drafts) {
      return one.samples;
    }
  }
  return kNone;
}

// All of it once, forwards or backwards, so that a machine that becomes slower favours nobody.
Result<void> measure(BenchRunner& runner, std::vector<Measured>& settings, std::uint32_t repeat) {
  for (std::size_t i = 0; i < settings.size(); ++i) {
    Measured& one = settings[repeat % 2 == 0 ? i : settings.size() - 1 - i];
    auto sample = runner.serve(one.slots, one.drafts, one.prompt_rows);
    if (!sample) return sample.error();
    fmt::print(stderr, "repeat {}: context {}, {} slot{}, drafts {}: {:.1f} tokens/s\n", repeat + 1,
               one.prompt_rows, one.slots, one.slots == 1 ? "" : "s", one.drafts.name,
               sample->rate());
    one.samples.push_back(*sample);
  }
  return {};
}

void fill_tables(const BenchOptions& o, const std::vector<Measured>& settings, bool drafts,
                 BenchResults& results) {
  for (const std::uint32_t context : o.contexts) {
    const double rate = summed_up(samples_of(settings, context, 1, "0"), {}).rate;
    results.decode.push_back({context, rate, rate * static_cast<double>(results.token.bytes)});
  }
  for (const std::uint32_t slots : o.slots) {
    if (!drafts) break;
    const std::uint32_t context = o.contexts.front();
    const auto some =
        summed_up(samples_of(settings, context, slots, fmt::format("{}", kTableDrafts)), {});
    const auto none = summed_up(samples_of(settings, context, slots, "0"), {});
    results.draft.push_back(
        {slots, some.draft_ms / kTableDrafts, none.target_ms, kTableDrafts, some.target_ms});
  }
  for (const Measured& one : settings) {
    if (!one.listed) continue;
    ServeResult row = summed_up(one.samples, samples_of(settings, one.prompt_rows, one.slots, "0"));
    row.prompt_rows = one.prompt_rows, row.slots = one.slots, row.drafts = one.drafts.name;
    results.serve.push_back(std::move(row));
  }
}

Result<void> measure_all(const BenchOptions& o, Runtime& runtime, BenchResults& results) {
  auto settings = settings_of(o, runtime.drafts());
  if (!settings) return settings.error();
  const BenchClock clock = o.processor_time ? processor_seconds : wall_seconds;
  BenchRunner runner(runtime, o.real_acceptance ? std::vector<double>() : o.acceptance, o.tokens,
                     clock);
  std::map<std::uint32_t, std::vector<double>> prefill;
  // The first launches of each size fault memory in and teach what they cost.
  BenchRunner warm_up(runtime, o.acceptance, std::max(1u, o.tokens / 4), clock);
  for (const Measured& one : *settings) {
    auto warmed = warm_up.serve(one.slots, one.drafts, one.prompt_rows);
    if (!warmed) return warmed.error();
  }
  runner.learn_from(warm_up);
  for (std::uint32_t repeat = 0; repeat < o.repeat; ++repeat) {
    for (const std::uint32_t context : o.contexts) {
      auto rate = runner.prefill(context);
      if (!rate) return rate.error();
      prefill[context].push_back(*rate);
    }
    if (auto measured = measure(runner, *settings, repeat); !measured) return measured;
  }
  for (const std::uint32_t context : o.contexts) {
    results.prefill.push_back({context, median(prefill[context])});
  }
  fill_tables(o, *settings, runtime.drafts(), results);
  return {};
}

Result<int> run(BenchOptions o) {
  if (o.processor_time && o.model.threads != 1) {
    return Error{ErrorCode::kBadRequest,
                 "processor time says how long one thread takes: it needs -t 1"};
  }
  if (o.slots.empty() || o.contexts.empty() || o.drafts.empty()) {
    return Error{ErrorCode::kBadRequest, "slots, drafts and contexts are to be named"};
  }
  BenchResults results{};
  {
    ThreadPool pool(threads_of(o.model));
    results.bandwidth = read_bandwidth(pool);
  }
  const std::uint32_t longest = *std::max_element(o.contexts.begin(), o.contexts.end());
  o.model.context = BenchRunner::context_for(longest, o.tokens);
  std::uint32_t drafts = DraftLimits{}.n_max;
  for (const std::string& name : o.drafts) {
    const auto how = bench_drafts_of(name);
    if (!how) return how.error();
    drafts = std::max(drafts, how->limits.n_max);
  }
  auto runtime = load_runtime(
      o.model, {.sequences = *std::max_element(o.slots.begin(), o.slots.end()), .drafts = drafts});
  if (!runtime) return runtime.error();
  results.model = (*runtime)->target().config.name;
  results.device = (*runtime)->device();
  const TargetModel& target = (*runtime)->target();
  results.token = work_of_a_row(target, true);
  results.prompt_token = work_of_a_row(target, false);
  fmt::print(stderr, "{}\n", memory_line(**runtime));
  if (auto measured = measure_all(o, **runtime, results); !measured) return measured.error();
  if (o.json) {
    fmt::print("{}\n", boost::json::serialize(bench_json(results)));
  } else {
    print_tables(results);
  }
  return 0;
}

}  // namespace

Command add_bench(CLI::App& app) {
  auto o = std::make_shared<BenchOptions>();
  add_bench_options(app, *o);
  return [o] { return run(*o); };
}

}  // namespace outrider
