#include "app/bench_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>

#include "core/random.h"

namespace outrider {
namespace {

// Counts what it hears.
class Counting final : public Listener {
 public:
  bool on_tokens(std::span<const GeneratedToken> news) override {
    tokens += news.size();
    return true;
  }
  void on_finish(const Finish& finish) override {
    over = true;
    error = finish.error;
  }
  std::uint64_t tokens = 0;
  bool over = false;
  std::optional<Error> error;
};

void subtract(SpeculationCounts& from, const SpeculationCounts& what) {
  from.rounds -= what.rounds;
  from.drafted -= what.drafted;
  from.accepted -= what.accepted;
  for (std::size_t i = 0; i < kDraftsMax; ++i) {
    from.accepted_per_position[i] -= what.accepted_per_position[i];
    from.drafted_per_position[i] -= what.drafted_per_position[i];
  }
}

ServeSample between(const EngineCounters& before, const EngineCounters& after, double seconds) {
  ServeSample sample{
      .seconds = seconds,
      .tokens = after.tokens - before.tokens,
      .steps = after.steps - before.steps,
      .rows = after.logit_rows + after.prompt_rows - before.logit_rows - before.prompt_rows,
      .draft_seconds = after.draft_seconds - before.draft_seconds,
      .target_seconds = after.target_seconds - before.target_seconds,
      .speculative = after.speculative};
  subtract(sample.speculative, before.speculative);
  return sample;
}

Error ended_early(const std::vector<Counting>& heard) {
  for (const Counting& one : heard) {
    if (one.error) return *one.error;
  }
  return {ErrorCode::kBadRequest, "the context was full before enough tokens were measured"};
}

}  // namespace

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

Result<BenchDrafts> bench_drafts_of(const std::string& name) {
  if (name == "auto") return BenchDrafts{name, {}};
  std::uint32_t drafts = 0;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), drafts);
  if (failed != std::errc() || end != name.data() + name.size() || drafts > kDraftsMax) {
    return Error{ErrorCode::kBadRequest, fmt::format("{} drafts were asked for, expected auto or a "
                                                     "number from 0 to {}",
                                                     name, kDraftsMax)};
  }
  return BenchDrafts{name, {.n_min = drafts, .n_max = drafts}};
}

double ServeSample::mean_length() const {
  if (speculative.rounds == 0) return 1;
  return 1 + static_cast<double>(speculative.accepted) / static_cast<double>(speculative.rounds);
}

std::vector<double> ServeSample::acceptance() const {
  std::vector<double> result;
  for (std::size_t i = 0; i < kDraftsMax && speculative.drafted_per_position[i] > 0; ++i) {
    result.push_back(static_cast<double>(speculative.accepted_per_position[i]) /
                     static_cast<double>(speculative.drafted_per_position[i]));
  }
  return result;
}

Request BenchRunner::request(std::uint32_t slot, std::uint32_t prompt_rows) const {
  Request request{.prompt = {}, .cache_prompt = false};
  request.prompt.reserve(prompt_rows);
  for (std::uint32_t i = 0; i < prompt_rows; ++i) {
    request.prompt.push_back(TokenId(philox_at(slot, i)[0] % runtime_.vocab()));
  }
  request.sampling.seed = slot;
  return request;
}

Result<double> BenchRunner::prefill(std::uint32_t prompt_rows) {
  Engine engine(runtime_, nullptr, {.slots = 1, .cache_prefixes = false, .clock = clock_});
  Request asked = request(0, prompt_rows);
  asked.tokens_max = 1;
  Counting heard;
  auto submitted = engine.submit(std::move(asked), heard);
  if (!submitted) return submitted.error();
  const double start = clock_();
  while (!heard.over) {
    if (auto stepped = engine.step(); !stepped) return stepped.error();
  }
  return prompt_rows / (clock_() - start);
}

Result<ServeSample> BenchRunner::serve(std::uint32_t slots, const BenchDrafts& drafts,
                                       std::uint32_t prompt_rows) {
  Engine engine(runtime_, nullptr,
                {.slots = slots,
                 .cache_prefixes = false,
                 .synthetic_acceptance = acceptance_,
                 .clock = clock_});
  engine.speculation().start_from(target_cost_, drafter_cost_);
  engine.speculation().start_from(everyone_);
  std::vector<Counting> heard(slots);
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    Request asked = request(slot, prompt_rows);
    asked.drafts = drafts.limits;
    auto submitted = engine.submit(std::move(asked), heard[slot]);
    if (!submitted) return submitted.error();
  }
  const auto step_until = [&](auto done) -> Result<void> {
    while (!done()) {
      if (auto stepped = engine.step(); !stepped) return stepped.error();
      if (engine.running() < slots) return ended_early(heard);
    }
    return {};
  };
  const auto reads_no_prompt = [](const Counting& one) { return one.tokens > 0; };
  auto begun = step_until([&] { return std::all_of(heard.begin(), heard.end(), reads_no_prompt); });
  if (!begun) return begun.error();

  const EngineCounters before = engine.counters();
  const std::uint64_t wanted = before.tokens + std::uint64_t{tokens_} * slots;
  const double start = clock_();
  auto measured = step_until([&] { return engine.counters().tokens >= wanted; });
  if (!measured) return measured.error();
  const double seconds = clock_() - start;
  target_cost_ = engine.speculation().target_cost();
  drafter_cost_ = engine.speculation().drafter_cost();
  everyone_ = engine.speculation().everyone();
  return between(before, engine.counters(), seconds);
}

double median(std::vector<double> values) {
  require(!values.empty(), "a median is of something");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace outrider
