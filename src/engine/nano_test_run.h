// Prompts to the shipped pair under drawn settings: how far the drafter rides ahead, how many slots
// there are, who else is there, what is cached, how prompts are cut and how drafts are verified.
// The same prompt and seed have the same tokens under all of them.
#pragma once
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/golden_test_requests.h"
#include "engine/nano_test_pair.h"

namespace outrider {

constexpr std::uint32_t kAutomaticDrafts = 9;  // of a setting; 0: off, 1 to 8: always so many

struct NanoCase {
  std::uint32_t prompt;  // number of its conversation, and its seed
  bool greedy;           // temperature 0, else 1
  std::uint32_t drafts;
  bool company;  // others run at the same time
  bool cached;   // the prompt was seen before
  // Of the runtime and the engine:
  std::uint32_t slots, chunk_rows;
  bool exact;  // verification, else coupled

  auto engine() const { return std::tuple(slots, chunk_rows, exact); }
  std::string words() const {
    return fmt::format("prompt {}, {}, drafts {}, {}, {}, {} slots, chunks of {}, {}", prompt,
                       greedy ? "greedy" : "sampled",
                       drafts == kAutomaticDrafts ? "auto" : std::to_string(drafts),
                       company ? "in company" : "alone", cached ? "cached" : "new", slots,
                       chunk_rows, exact ? "exact" : "coupled");
  }
};

// So many settings for each of the first prompts.
inline std::vector<NanoCase> draw_nano_cases(std::uint32_t seed, std::uint32_t prompts,
                                             std::uint32_t settings) {
  std::mt19937 bits(seed);
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(bits()) % limit;
  };
  std::vector<NanoCase> cases;
  for (std::uint32_t prompt = 0; prompt < prompts; ++prompt) {
    for (std::uint32_t i = 0; i < settings; ++i) {
      NanoCase one{};
      one.prompt = prompt;
      one.greedy = below(2) == 0;
      one.drafts = below(10);
      one.slots = std::array{1u, 2u, 4u, 16u}[below(4)];
      one.company = below(2) == 0 && one.slots > 1;
      one.cached = below(2) == 0;
      one.chunk_rows = std::array{24u, 40u, 64u, 128u}[below(4)];
      one.exact = below(2) == 0;
      cases.push_back(one);
    }
  }
  return cases;
}

// How often each value was drawn.
inline std::map<std::string, std::uint32_t> count_values(std::span<const NanoCase> cases) {
  std::map<std::string, std::uint32_t> counts;
  for (const NanoCase& one : cases) {
    ++counts[fmt::format("drafts {}", one.drafts)];
    ++counts[fmt::format("slots {}", one.slots)];
    ++counts[fmt::format("chunk {}", one.chunk_rows)];
    ++counts[one.greedy ? "greedy" : "sampled"];
    ++counts[one.company ? "company" : "alone"];
    ++counts[one.cached ? "cached" : "new"];
    ++counts[one.exact ? "exact" : "coupled"];
  }
  return counts;
}
constexpr std::size_t kNanoValues = 10 + 4 + 4 + 2 + 2 + 2 + 2;

struct NanoTotals {
  std::uint64_t cases = 0, tokens = 0, cached = 0, drafted = 0, accepted = 0;
};

// Runs cases and compares them with what their prompts get alone, without drafts and uncached.
class NanoRun {
 public:
  NanoRun() : plain_(load_nano({.context = 512, .sequences = 1})), prompts_(*plain_) {}

  NanoTotals run(std::vector<NanoCase> cases) {
    const auto by_engine = [](const NanoCase& a, const NanoCase& b) {
      return a.engine() < b.engine();
    };
    std::stable_sort(cases.begin(), cases.end(), by_engine);
    totals_ = {};
    for (std::size_t first = 0; first < cases.size();) {
      std::size_t last = first;
      while (last < cases.size() && cases[last].engine() == cases[first].engine()) ++last;
      run_group(std::span(cases).subspan(first, last - first));
      first = last;
    }
    return totals_;
  }

 private:
  static constexpr std::uint32_t kTalkerTokens = 80;
  // A case in progress.
  struct Asked {
    const NanoCase* what;
    std::size_t prompt_rows = 0;
    RequestId id{0};
    bool had_company = false;
    HeardNumbers heard{};
  };
  // The engine of a group, and everybody who asks it.
  struct Group {
    std::unique_ptr<Runtime> runtime;
    std::mt19937 bits;
    double seconds = 0;
    std::optional<Engine> engine{};
    std::vector<std::unique_ptr<Asked>> asked{};
    std::vector<std::unique_ptr<HeardNumbers>> strangers{};
    const HeardNumbers* talker = nullptr;  // the last of the strangers that stay
  };

  // Every other reply ends where the model ends it, the others go on behind that.
  Request request(const NanoCase& one) const {
    Request r = prompts_.request(one.prompt, 24 + one.prompt % 57);
    if (one.prompt % 2 == 1) r.ends.clear();
    r.sampling.temperature = one.greedy ? 0.0f : 1.0f;
    r.cache_prompt = one.cached;
    if (one.drafts != kAutomaticDrafts) r.drafts = {.n_min = one.drafts, .n_max = one.drafts};
    return r;
  }
  const std::vector<std::uint32_t>& wanted(const NanoCase& one) {
    const auto [at, fresh] = wanted_.try_emplace({one.prompt, one.greedy});
    if (fresh) at->second = alone_on(*plain_, request(one));
    return at->second;
  }

  void run_group(std::span<const NanoCase> cases) {
    const NanoCase& first = cases.front();
    // Every other chunk size on a device that behaves as a GPU.
    const bool deferred = first.chunk_rows == 40 || first.chunk_rows == 128;
    Group group{load_nano({.context = 512,
                           .sequences = first.slots,
                           .chunk_rows = first.chunk_rows,
                           .logit_rows = first.chunk_rows,
                           .kv_bytes = std::uint64_t{256} << 20},
                          deferred ? std::make_shared<DeferredCounts>() : nullptr),
                std::mt19937(first.slots * 1000 + first.chunk_rows)};
    // A time that passes as it is drawn: automatic lengths differ, and differ alike in every run.
    const auto clock = [&group] {
      return group.seconds += 1e-3 * (1 + static_cast<double>(group.bits() % 8));
    };
    group.engine.emplace(
        *group.runtime, nullptr,
        EngineOptions{.slots = first.slots,
                      .verification = first.exact ? Verification::kExact : Verification::kCoupled,
                      .clock = clock});
    for (const NanoCase& one : cases) {
      if (one.company) continue;
      ask(group, one);
      while (!group.engine->idle()) step(group);
    }
    ask_in_company(group, cases);
    for (const auto& asked : group.asked) expect_wanted(*asked);
    totals_.drafted += group.engine->counters().speculative.drafted;
    totals_.accepted += group.engine->counters().speculative.accepted;
  }

  void ask_in_company(Group& group, std::span<const NanoCase> cases) {
    for (std::uint32_t i = 1; i < std::min(cases.front().slots, 6u); ++i) ask_talker(group);
    for (const NanoCase& one : cases) {
      if (!one.company) continue;
      ask(group, one);
      for (auto steps = group.bits() % 4; steps > 0; --steps) step(group);
    }
    ask_talker(group);
    while (!group.engine->idle()) step(group);
  }

  // A stranger who is there for long enough to be company.
  void ask_talker(Group& group) {
    Request r =
        prompts_.request(300 + static_cast<std::uint32_t>(group.bits() % 100), kTalkerTokens);
    r.ends.clear();
    ask_stranger(group, std::move(r));
    group.talker = group.strangers.back().get();
  }

  void ask_stranger(Group& group, Request r) {
    group.strangers.push_back(std::make_unique<HeardNumbers>());
    ASSERT_TRUE(group.engine->submit(std::move(r), *group.strangers.back()).has_value());
  }

  // A prompt that is to be cached is asked once before, with another seed.
  void ask(Group& group, const NanoCase& one) {
    Request r = request(one);
    if (one.cached) {
      Request before = r;
      before.sampling.seed = 12345;
      before.tokens_max = 3;
      ask_stranger(group, std::move(before));
      while (!group.strangers.back()->finish) step(group);
    }
    const bool talks = group.talker && group.talker->tokens.size() < kTalkerTokens / 2;
    if (one.company && !talks) ask_talker(group);
    group.asked.push_back(std::make_unique<Asked>(Asked{&one, r.prompt.size()}));
    const auto id = group.engine->submit(std::move(r), group.asked.back()->heard);
    ASSERT_TRUE(id.has_value());
    group.asked.back()->id = *id;
  }

  void step(Group& group) {
    ASSERT_TRUE(group.engine->step().has_value());
    if (group.engine->running() < 2) return;
    for (const auto& conversation : group.engine->active()) {
      for (const auto& asked : group.asked) {
        if (asked->id == conversation->id()) asked->had_company = true;
      }
    }
  }

  void expect_wanted(const Asked& asked) {
    const NanoCase& one = *asked.what;
    ASSERT_TRUE(asked.heard.finish.has_value());
    EXPECT_EQ(asked.heard.tokens, wanted(one)) << one.words();
    EXPECT_EQ(asked.had_company, one.company) << one.words();
    const std::uint32_t cached = asked.heard.finish->cached_tokens;
    EXPECT_EQ(cached, one.cached ? asked.prompt_rows - 1 : 0) << one.words();
    if (one.drafts == 0) {
      EXPECT_EQ(asked.heard.finish->speculative.drafted, 0u) << one.words();
    }
    ++totals_.cases;
    totals_.tokens += asked.heard.tokens.size();
    totals_.cached += cached;
  }

  std::unique_ptr<Runtime> plain_;
  NanoPrompts prompts_;
  std::map<std::pair<std::uint32_t, bool>, std::vector<std::uint32_t>> wanted_;
  NanoTotals totals_;
};

}  // namespace outrider
