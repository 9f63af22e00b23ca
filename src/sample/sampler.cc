#include "sample/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/contract.h"
#include "core/random.h"
#include "sample/best.h"

namespace outrider {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Streams 0 and 1 are the two of Noise. What verification by rejection draws has streams of its
// own: it must not know how the draft came about.
constexpr std::uint32_t kAcceptance = 2;
constexpr std::uint32_t kResidual = 3;

// Random numbers that are looked up and not counted off.
struct NoiseSource {
  std::uint64_t seed;
  Pos pos;
  std::uint32_t stream;

  float uniform(TokenId token) const {
    const PhiloxBlock block =
        philox4x32({token.value(), pos.value(), 0x67756d62u, stream},
                   {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
    return uniform_open(block[0]);
  }
  // Adding it to log-probabilities and taking the argmax samples from them (Gumbel 1954; Maddison
  // et al., "A* sampling", 2014).
  float gumbel(TokenId token) const { return -std::log(-std::log(uniform(token))); }
};

// No noise is above this: uniform_open ends at 1 - 2^-24, and -log(-log(1 - 2^-24)) = 16.64.
constexpr float kGumbelMost = 16.7f;

// The argmax of log-weight plus noise, ties by lowest id. The first candidate where all weights are
// 0.
template <class Candidates, class LogWeight>
TokenId draw(const Candidates& candidates, const NoiseSource& noise, LogWeight&& log_weight) {
  TokenId best = candidates.front().token;
  float best_score = -kInfinity;
  for (const auto& candidate : candidates) {
    const float weight = log_weight(candidate);
    // Noise costs more than a comparison, and few of a whole vocabulary can still win.
    if (weight == -kInfinity || weight + kGumbelMost < best_score) continue;
    const float score = weight + noise.gumbel(candidate.token);
    if (score > best_score || (score == best_score && candidate.token < best)) {
      best = candidate.token;
      best_score = score;
    }
  }
  return best;
}

// The most likely allowed token, even where all are minus infinity; 0 where none is allowed.
TokenId most_likely_allowed(std::span<const float> logits, std::span<const std::uint64_t> allowed) {
  std::size_t best = logits.size();
  for (std::size_t token = 0; token < logits.size(); ++token) {
    if (!allowed.empty() && (allowed[token / 64] >> (token % 64) & 1) == 0) continue;
    if (best == logits.size() || ordered(logits[token]) > ordered(logits[best])) best = token;
  }
  return TokenId(static_cast<std::uint32_t>(best == logits.size() ? 0 : best));
}

void ban_others(std::span<const std::uint64_t> allowed, std::span<float> logits) {
  for (std::size_t word = 0; word * 64 < logits.size(); ++word) {
    for (std::uint64_t banned = ~allowed[word]; banned != 0; banned &= banned - 1) {
      const std::size_t token = word * 64 + static_cast<std::size_t>(std::countr_zero(banned));
      if (token >= logits.size()) break;
      logits[token] = -kInfinity;
    }
  }
}

// Counts in `times`, which is 0 for every token before and after.
void penalise(const SamplingParams& params, std::span<const std::span<const TokenId>> occurred,
              std::span<float> times, std::span<float> logits) {
  for (const auto& tokens : occurred) {
    for (const TokenId token : tokens) {
      require(token.value() < logits.size(), "a recent token is one of the vocabulary");
      times[token.value()] += 1;
    }
  }
  for (const auto& tokens : occurred) {
    for (const TokenId token : tokens) {
      float& count = times[token.value()];
      if (count == 0) continue;  // done at an earlier occurrence
      float& logit = logits[token.value()];
      logit = logit <= 0 ? logit * params.repeat_penalty : logit / params.repeat_penalty;
      logit -= count * params.frequency_penalty + params.presence_penalty;
      count = 0;
    }
  }
}

// Leaves the candidates nearest by `distance`, ties best first, up to the one with which
// enough(weight so far, weight of all) holds; at least one, and in no order.
template <class Candidate, class Distance, class Weight, class Enough>
void keep_nearest(std::vector<Candidate>& candidates, Distance&& distance, Weight&& weight,
                  Enough&& enough) {
  // Weights by distance in steps of a 64th say which few of a whole vocabulary the end is among, so
  // that only those are sorted. A few hundred are sorted at once.
  constexpr std::size_t kSteps = 4096;
  const std::size_t steps = candidates.size() <= 512 ? 1 : kSteps;
  const auto step = [&](const Candidate& c) {
    return std::min(static_cast<std::size_t>(std::min(distance(c), 64.0) * 64), steps - 1);
  };
  std::array<double, kSteps> room;
  const auto weights = std::span(room).first(steps);
  std::fill(weights.begin(), weights.end(), 0.0);
  for (const Candidate& c : candidates) weights[step(c)] += weight(c);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = 0;
  std::size_t last = 0;
  while (last + 1 < steps && !enough(sum + weights[last], total)) sum += weights[last++];

  const auto begin = std::partition(candidates.begin(), candidates.end(),
                                    [&](const Candidate& c) { return step(c) < last; });
  const auto end =
      std::partition(begin, candidates.end(), [&](const Candidate& c) { return step(c) == last; });
  std::sort(begin, end, [&](const Candidate& a, const Candidate& b) {
    const double a_distance = distance(a), b_distance = distance(b);
    return a_distance < b_distance || (a_distance == b_distance && kBetter(a, b));
  });
  auto kept = begin;
  while (kept != end && (kept == candidates.begin() || !enough(sum, total))) sum += weight(*kept++);
  candidates.erase(kept, candidates.end());
}

}  // namespace

// As llama.cpp does it: bias first, then penalties on the biased logits.
std::span<const float> Sampler::adjust(std::span<const float> logits, const PickRule& rule,
                                       std::span<const TokenId> before) {
  const SamplingParams& params = rule.params;
  if (!params.penalises() && rule.bias.empty() && rule.allowed.empty()) return logits;
  const auto adjusted = std::span(adjusted_).first(logits.size());
  std::copy(logits.begin(), logits.end(), adjusted.begin());
  for (const TokenBias& bias : rule.bias) {
    require(bias.token.value() < logits.size(), "a bias is on a token of the vocabulary");
    adjusted[bias.token.value()] += bias.bias;
  }
  if (params.penalises()) {
    const std::size_t drafts = std::min<std::size_t>(before.size(), params.penalty_last);
    const std::size_t others = std::min(rule.recent.size(), params.penalty_last - drafts);
    penalise(params, std::array{rule.recent.last(others), before.last(drafts)}, by_token_,
             adjusted);
  }
  if (!rule.allowed.empty()) ban_others(rule.allowed, adjusted);
  return adjusted;
}

void Sampler::best_to_front() {
  std::iter_swap(candidates_.begin(),
                 std::min_element(candidates_.begin(), candidates_.end(), kBetter));
}

// Locally typical sampling (Meister et al. 2022): the tokens whose surprise is nearest to what is
// expected, until their probability exceeds p. With s = logit - most, surprise is log(total) - s,
// so its distance from its expectation is that of s from its mean.
void Sampler::keep_typical(float p) {
  const float most = candidates_.front().logit;
  const auto weight = [most](const Candidate& c) {
    return static_cast<double>(std::exp(c.logit - most));
  };
  double all = 0, mean = 0;
  for (const Candidate& c : candidates_) {
    const double w = weight(c);
    all += w;
    mean += w * (static_cast<double>(c.logit) - static_cast<double>(most));
  }
  mean = static_cast<double>(most) + mean / all;
  keep_nearest(
      candidates_,
      [mean](const Candidate& c) { return std::abs(static_cast<double>(c.logit) - mean); }, weight,
      [p](double sum, double total) { return sum > static_cast<double>(p) * total; });
  best_to_front();
}

// Nucleus sampling (Holtzman et al. 2019): the most likely, until their probability reaches p.
void Sampler::keep_top_p(float p) {
  const float most = candidates_.front().logit;
  keep_nearest(
      candidates_, [most](const Candidate& c) { return static_cast<double>(most - c.logit); },
      [most](const Candidate& c) { return static_cast<double>(std::exp(c.logit - most)); },
      [p](double sum, double total) { return sum >= static_cast<double>(p) * total; });
  best_to_front();
}

void Sampler::keep_min_p(float p) {
  const float least = candidates_.front().logit + std::log(p);
  const auto end = std::remove_if(candidates_.begin() + 1, candidates_.end(),
                                  [least](const Candidate& c) { return c.logit < least; });
  candidates_.erase(end, candidates_.end());
}

void Sampler::filter(std::span<const float> logits, const PickRule& rule,
                     std::span<const TokenId> before) {
  require(!logits.empty(), "there are logits to pick from");
  require(rule.allowed.empty() || rule.allowed.size() * 64 >= logits.size(),
          "a mask has a bit for every token");
  if (by_token_.size() < logits.size()) {
    adjusted_.resize(logits.size());
    by_token_.resize(logits.size());
    candidates_.reserve(logits.size());
  }
  if (rule.forced) {
    require(rule.forced->value() < logits.size(), "a forced token is one of the vocabulary");
    candidates_.assign(1, {*rule.forced, 0});
    return;
  }
  const SamplingParams& params = rule.params;
  const std::size_t all = logits.size();
  const std::size_t top_k = params.temperature > 0 ? params.top_k : 1;
  keep_best(adjust(logits, rule, before), top_k == 0 ? all : std::min(top_k, all), candidates_);
  if (candidates_.empty()) {
    candidates_.assign(1, {most_likely_allowed(logits, rule.allowed), 0});
  }
  if (candidates_.size() == 1) return;
  best_to_front();
  if (params.typical_p < 1) keep_typical(params.typical_p);
  if (params.top_p < 1) keep_top_p(params.top_p);
  if (params.min_p > 0) keep_min_p(params.min_p);
}

float Sampler::log_weight(const Candidate& candidate, float temperature) const {
  // Relative to the best, which no temperature however small can lift to infinity.
  return (candidate.logit - candidates_.front().logit) / temperature;
}

// How likely a pick is `candidate`: its weight over that of all.
float Sampler::probability(const Candidate& candidate, float temperature, double total) const {
  return static_cast<float>(static_cast<double>(std::exp(log_weight(candidate, temperature))) /
                            total);
}

double Sampler::total_weight(float temperature) const {
  double total = 0;
  for (const Candidate& c : candidates_) {
    total += static_cast<double>(std::exp(log_weight(c, temperature)));
  }
  return total;
}

TokenId Sampler::pick(std::span<const float> logits, const PickRule& rule, Pos pos,
                      std::span<const TokenId> before) {
  filter(logits, rule, before);
  if (candidates_.size() == 1) return candidates_.front().token;
  if (rule.proposal) return verify(*rule.proposal, rule.params, pos);
  return draw(candidates_, {rule.params.seed, pos, static_cast<std::uint32_t>(rule.noise)},
              [&](const Candidate& c) { return log_weight(c, rule.params.temperature); });
}

// Speculative sampling (Leviathan et al. 2023; Chen et al. 2023): a draft drawn from q stands with
// probability min(1, p / q), and otherwise a token is drawn from max(0, p - q). Either way the
// token comes from p.
TokenId Sampler::verify(const Proposal& proposal, const SamplingParams& params, Pos pos) {
  const auto& drawn_from = proposal.drawn_from->entries;
  for (const Distribution::Entry& entry : drawn_from) {
    require(entry.token.value() < by_token_.size(), "a draft comes from the same vocabulary");
    by_token_[entry.token.value()] = entry.probability;
  }
  const double total = total_weight(params.temperature);
  const auto standing = std::find_if(candidates_.begin(), candidates_.end(),
                                     [&](const Candidate& c) { return c.token == proposal.token; });
  const float p =
      standing == candidates_.end() ? 0.0f : probability(*standing, params.temperature, total);
  const float q = by_token_[proposal.token.value()];
  const float chance = NoiseSource{params.seed, pos, kAcceptance}.uniform(proposal.token);
  TokenId token = proposal.token;
  if (!(chance * q < p)) {
    token = draw(candidates_, {params.seed, pos, kResidual}, [&](const Candidate& c) {
      const float left = probability(c, params.temperature, total) - by_token_[c.token.value()];
      return left > 0 ? std::log(left) : -kInfinity;
    });
  }
  for (const Distribution::Entry& entry : drawn_from) by_token_[entry.token.value()] = 0;
  return token;
}

void Sampler::distribution(std::span<const float> logits, const PickRule& rule,
                           std::span<const TokenId> before, Distribution& out) {
  filter(logits, rule, before);
  out.entries.clear();
  if (candidates_.size() == 1) {
    out.entries.push_back({candidates_.front().token, 1});
    return;
  }
  std::sort(candidates_.begin(), candidates_.end(), kBetter);
  const double total = total_weight(rule.params.temperature);
  for (const Candidate& c : candidates_) {
    const float p = probability(c, rule.params.temperature, total);
    if (p > 0) out.entries.push_back({c.token, p});
  }
}

}  // namespace outrider
