// Draft lengths in an engine whose time is a script: what the automatic choice gains or loses is
// arithmetic there, not a stopwatch.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <utility>

#include "core/random.h"
#include "engine/engine.h"
#include "engine/scripted_test_backend.h"

namespace outrider {
namespace {

struct Silent final : Listener {
  bool on_tokens(std::span<const GeneratedToken>) override { return true; }
  void on_finish(const Finish&) override {}
};

struct Costs {
  const char* name;
  double row, draft;        // of a target launch of one row: what another row and a draft step cost
  double draft_row = 0.05;  // of a draft step of one sequence: what another one costs
  bool steep = false;       // launches of more than 4 rows cost half as much again
  double swing = 0;         // the machine is so much slower or faster, for some hundred launches
  double noise = 0;         // standard deviation of a launch, and one in fifty takes three times
  double attention = 0;     // what a row takes more behind 256 tokens, where texts begin anew
  std::uint32_t longest = 8;  // fixed length that may be the best
};

// What a machine takes for its launches, what others do to it drawn by their number.
class Machine {
 public:
  // `tokens` says how many each slot has had.
  Machine(const Costs& costs, std::uint64_t others, std::function<double()> tokens)
      : costs_(costs), others_(others), tokens_(std::move(tokens)) {}

  double target(std::uint32_t rows) {
    return slowed((1 + costs_.row * (rows - 1.0)) * (costs_.steep && rows > 4 ? 1.5 : 1.0) +
                  costs_.attention * rows * std::fmod(tokens_(), 256) / 256);
  }
  double draft(std::uint32_t sequences) {
    return slowed(costs_.draft * (1 + costs_.draft_row * (sequences - 1.0)));
  }
  // What all of them would have taken on a machine that nobody else uses.
  double undisturbed() const { return undisturbed_; }

 private:
  double slowed(double seconds) {
    undisturbed_ += seconds;
    const PhiloxBlock draw = philox_at(others_, launches_++);
    const auto part = [&](std::size_t i) { return draw[i] * 0x1p-32; };
    if (part(0) < 1.0 / 300) speed_ = 1 + costs_.swing * (2 * part(1) - 1);
    const double spread = std::sqrt(3.0) * costs_.noise * (2 * part(2) - 1);
    return seconds * speed_ * (1 + spread) * (costs_.noise > 0 && part(3) < 0.02 ? 3 : 1);
  }

  const Costs costs_;
  const std::uint64_t others_;
  const std::function<double()> tokens_;
  std::uint64_t launches_ = 0;
  double speed_ = 1, undisturbed_ = 0;
};

// Tokens a second of an undisturbed machine's time while so many slots are busy, all drafting
// alike, behind the first few hundred, which teach what launches cost. `others` is what others do
// to the machine.
double tokens_per_second(const Costs& costs, const std::vector<double>& acceptance,
                         std::uint32_t slots, DraftLimits limits, std::uint64_t others) {
  Script script{.vocab = 16};
  const Engine* running = nullptr;
  Machine machine(costs, others,
                  [&] { return static_cast<double>(running->counters().tokens) / slots; });
  script.target_seconds = [&](std::uint32_t rows) { return machine.target(rows); };
  script.draft_seconds = [&](std::uint32_t sequences) { return machine.draft(sequences); };
  const ScriptedRuntime over = scripted(
      script, {.context = 4096, .sequences = slots, .drafts = kDraftsMax, .chunk_rows = 256});
  Engine engine(*over.runtime, nullptr,
                {.slots = slots, .synthetic_acceptance = acceptance, .clock = [&] {
                   return over.backend->seconds;
                 }});
  running = &engine;
  Silent silent;
  for (std::uint32_t i = 0; i < slots; ++i) {
    Request r{.prompt = {TokenId(i), TokenId(5)}, .tokens_max = 1200};
    r.sampling.seed = i;
    r.drafts = limits;
    require(engine.submit(std::move(r), silent).has_value(), "the engine takes it");
  }
  std::uint64_t learnt_tokens = 0;
  double learnt_seconds = 0;
  while (engine.counters().finished == 0) {
    require(engine.step().has_value(), "a scripted step cannot fail");
    if (learnt_tokens == 0 && engine.counters().tokens >= std::uint64_t{slots} * 256) {
      learnt_tokens = engine.counters().tokens, learnt_seconds = machine.undisturbed();
    }
  }
  return static_cast<double>(engine.counters().tokens - learnt_tokens) /
         (machine.undisturbed() - learnt_seconds);
}

// The automatic length's rate beside that of no drafts and of the best fixed length.
struct Ratios {
  double plain, best;
};

Ratios compare(const Costs& machine, const std::vector<double>& acceptance, std::uint32_t slots,
               std::uint64_t others) {
  const auto rate = [&](DraftLimits limits) {
    return tokens_per_second(machine, acceptance, slots, limits, others);
  };
  const double plain = rate({.n_min = 0, .n_max = 0});
  double best = plain;
  for (std::uint32_t n = 1; n <= machine.longest; ++n) {
    best = std::max(best, rate({.n_min = n, .n_max = n}));
  }
  const double ours = rate({});
  return {ours / plain, ours / best};
}

double median_of_three(double a, double b, double c) {
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

// With time as a script: never 1 % behind no drafts, and never 3 % behind the best fixed length. On
// machines that others use, in the median of three draws of what those do.
TEST(DraftLengths, automatic_lengths_keep_up_with_the_best_fixed_one) {
  const std::vector<double> acceptances[] = {{0.8, 0.65, 0.5}, {0.1, 0.02, 0.0}};
  const auto small = [](const char* name) {
    return Costs{.name = name, .row = 0.42, .draft = 0.3, .draft_row = 0.4, .longest = 3};
  };
  Costs swinging = small("small, swinging"), noisy = small("small, noisy");
  Costs attentive = small("small, attention"), everything = small("small, all of that");
  swinging.swing = everything.swing = 0.3;
  noisy.noise = 0.1, everything.noise = 0.1;
  attentive.attention = everything.attention = 0.15;
  const Costs machines[] = {
      {.name = "bandwidth", .row = 0.01, .draft = 0.05},
      {.name = "cores", .row = 0.25, .draft = 0.10},
      {.name = "a step in the middle", .row = 0.03, .draft = 0.08, .steep = true},
      small("small"),
      swinging,
      noisy,
      attentive,
      everything};
  for (const Costs& machine : machines) {
    for (const auto& acceptance : acceptances) {
      for (const std::uint32_t slots : {1u, 2u, 4u, 8u, 16u}) {
        SCOPED_TRACE(testing::Message() << machine.name << ", " << acceptance[0] << ", " << slots);
        Ratios ours = compare(machine, acceptance, slots, 7);
        if (machine.noise > 0 || machine.swing > 0) {
          const Ratios b = compare(machine, acceptance, slots, 8);
          const Ratios c = compare(machine, acceptance, slots, 9);
          ours = {median_of_three(ours.plain, b.plain, c.plain),
                  median_of_three(ours.best, b.best, c.best)};
        }
        EXPECT_GE(ours.plain, 0.99);
        EXPECT_GE(ours.best, 0.97);
      }
    }
  }
}

}  // namespace
}  // namespace outrider
