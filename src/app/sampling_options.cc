#include "app/sampling_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace outrider {
namespace {

constexpr const char* kCoupled = "coupled";
constexpr const char* kRejection = "rejection";
constexpr const char* kExact = "exact";

void add_penalty_options(CLI::App& app, SamplingParams& s) {
  app.add_option("--repeat-last-n", s.penalty_last, "Tokens that penalties look back at; 0: none")
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--repeat-penalty", s.repeat_penalty,
                 "Divides the logits of tokens that occurred; 1: no penalty")
      ->check(CLI::Range(0.01f, 100.0f))
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--presence-penalty", s.presence_penalty,
                 "Lowers the logits of tokens that occurred; 0: no penalty")
      ->check(CLI::Range(-100.0f, 100.0f))
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--frequency-penalty", s.frequency_penalty,
                 "The same for each time that they occurred; 0: no penalty")
      ->check(CLI::Range(-100.0f, 100.0f))
      ->capture_default_str()
      ->group("Sampling");
}

}  // namespace

void add_sampling_options(CLI::App& app, SamplingParams& s) {
  app.add_option("-s,--seed", s.seed, "Seed: the same one gives the same text")
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--temp", s.temperature, "Temperature; 0 takes the most likely token")
      ->check(CLI::Range(0.0f, 100.0f))
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--top-k", s.top_k, "Keep the k most likely tokens; 0: all")
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--typical", s.typical_p,
                 "Keep the tokens nearest the expected surprise, of this total probability; 1: all")
      ->check(CLI::Range(0.0f, 1.0f))
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--top-p", s.top_p, "Keep the likeliest tokens of this total probability; 1: all")
      ->check(CLI::Range(0.0f, 1.0f))
      ->capture_default_str()
      ->group("Sampling");
  app.add_option("--min-p", s.min_p, "Keep tokens this likely relative to the best; 0: all")
      ->check(CLI::Range(0.0f, 1.0f))
      ->capture_default_str()
      ->group("Sampling");
  add_penalty_options(app, s);
}

void add_draft_options(CLI::App& app, DraftOptions& o) {
  app.add_option("--spec-draft-n-max,--mtp-draft-n,--draft-max,--draft-n,--draft", o.limits.n_max,
                 "Tokens drafted ahead at most; how many, costs and acceptance decide; 0: none")
      ->check(CLI::Range(0u, kDraftsMax))
      ->capture_default_str()
      ->group("Drafting");
  app.add_option("--spec-draft-n-min,--draft-min,--draft-n-min", o.limits.n_min,
                 "Tokens drafted ahead at least")
      ->check(CLI::Range(0u, kDraftsMax))
      ->capture_default_str()
      ->group("Drafting");
  app.add_option("--spec-draft-p-min,--draft-p-min", o.limits.p_min,
                 "A draft that the assistant gives less than this probability ends its round")
      ->check(CLI::Range(0.0f, 1.0f))
      ->capture_default_str()
      ->group("Drafting");
  app.add_option("--spec-verify", o.verification,
                 "coupled: the same text for a seed with drafts or without; rejection: the same "
                 "distribution; exact: the assistant's likeliest token against the target's pick")
      ->check(CLI::IsMember({kCoupled, kRejection, kExact}))
      ->capture_default_str()
      ->group("Drafting");
}

Result<void> check_draft_options(const DraftOptions& o) {
  if (o.limits.n_min <= o.limits.n_max) return {};
  return Error{ErrorCode::kBadRequest,
               fmt::format("at least {} tokens are to be drafted ahead, but at most {}",
                           o.limits.n_min, o.limits.n_max)};
}

Verification verification_of(const DraftOptions& o) {
  if (o.verification == kRejection) return Verification::kRejection;
  return o.verification == kExact ? Verification::kExact : Verification::kCoupled;
}

}  // namespace outrider
