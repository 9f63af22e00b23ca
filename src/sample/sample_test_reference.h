// A rule carried out in doubles, straight from its definition, and what tests of picks share.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <span>
#include <vector>

#include "core/random.h"
#include "sample/rule.h"

namespace outrider {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Everything passes: no filter, temperature 1.
inline SamplingParams unfiltered(std::uint64_t seed) {
  return {.temperature = 1, .top_k = 0, .top_p = 1, .seed = seed};
}

// Uniform in (-spread, spread): every logit another one.
inline std::vector<float> random_logits(std::size_t count, float spread, std::uint64_t seed) {
  std::vector<float> logits(count);
  for (std::size_t i = 0; i < count; ++i) {
    logits[i] = (2 * uniform_open(philox_at(seed, i, 99)[0]) - 1) * spread;
  }
  return logits;
}

struct ReferenceEntry {
  std::uint32_t token;
  double logit;
  double probability;
};

class Reference {
 public:
  Reference(const std::vector<float>& logits, const PickRule& rule,
            std::span<const TokenId> before = {})
      : params_(rule.params) {
    std::vector<double> adjusted(logits.begin(), logits.end());
    for (const TokenBias& bias : rule.bias)
      adjusted[bias.token.value()] += static_cast<double>(bias.bias);
    penalise(adjusted, rule, before);
    for (std::uint32_t i = 0; i < adjusted.size(); ++i) {
      const bool allowed = rule.allowed.empty() || (rule.allowed[i / 64] >> (i % 64) & 1) != 0;
      if (allowed && adjusted[i] > -std::numeric_limits<double>::infinity())
        entries_.push_back({i, adjusted[i], 0});
    }
    sort_and_normalise(1);
    if (params_.top_k > 0 && params_.top_k < entries_.size()) entries_.resize(params_.top_k);
    keep_typical();
    keep_top_p();
    keep_min_p();
    sort_and_normalise(static_cast<double>(params_.temperature));
  }

  const std::vector<ReferenceEntry>& entries() const { return entries_; }
  // [vocabulary]
  std::vector<double> probabilities(std::size_t vocabulary) const {
    std::vector<double> all(vocabulary);
    for (const ReferenceEntry& e : entries_) all[e.token] = e.probability;
    return all;
  }

 private:
  void penalise(std::vector<double>& logits, const PickRule& rule,
                std::span<const TokenId> before) const {
    std::vector<TokenId> past(rule.recent.begin(), rule.recent.end());
    past.insert(past.end(), before.begin(), before.end());
    std::map<std::uint32_t, double> times;
    for (std::size_t i = 0; i < past.size(); ++i) {
      if (i + params_.penalty_last >= past.size()) times[past[i].value()] += 1;
    }
    const double repeat = static_cast<double>(params_.repeat_penalty);
    for (const auto& [token, count] : times) {
      double& logit = logits[token];
      logit = logit < 0 ? logit * repeat : logit / repeat;
      logit -= static_cast<double>(params_.presence_penalty);
      logit -= static_cast<double>(params_.frequency_penalty) * count;
    }
  }

  void sort_and_normalise(double temperature) {
    std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
      return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
    });
    const double most = entries_.front().logit;
    double total = 0;
    for (ReferenceEntry& e : entries_)
      total += e.probability = std::exp((e.logit - most) / temperature);
    for (ReferenceEntry& e : entries_) e.probability /= total;
  }

  void keep_typical() {
    if (params_.typical_p >= 1) return;
    sort_and_normalise(1);
    double entropy = 0;
    for (const ReferenceEntry& e : entries_) entropy -= e.probability * std::log(e.probability);
    const auto distance = [&](const ReferenceEntry& e) {
      return std::abs(-std::log(e.probability) - entropy);
    };
    std::stable_sort(entries_.begin(), entries_.end(),
                     [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
    double sum = 0;
    std::size_t kept = 0;
    while (kept < entries_.size() && sum <= static_cast<double>(params_.typical_p))
      sum += entries_[kept++].probability;
    entries_.resize(std::max<std::size_t>(kept, 1));
  }

  void keep_top_p() {
    sort_and_normalise(1);
    if (params_.top_p >= 1) return;
    double sum = 0;
    std::size_t kept = 0;
    while (kept < entries_.size() && sum < static_cast<double>(params_.top_p))
      sum += entries_[kept++].probability;
    entries_.resize(std::max<std::size_t>(kept, 1));
  }

  void keep_min_p() {
    const double least = entries_.front().probability * static_cast<double>(params_.min_p);
    while (entries_.size() > 1 && entries_.back().probability < least) entries_.pop_back();
  }

  SamplingParams params_;
  std::vector<ReferenceEntry> entries_;
};

// Chi-square has mean f and deviation sqrt(2 f) with f degrees of freedom: five deviations and a
// little are passed by one honest run in millions. `probabilities` sum to 1.
inline void expect_follows(const std::vector<double>& counts,
                           const std::vector<double>& probabilities, const std::string& what) {
  ASSERT_EQ(counts.size(), probabilities.size());
  const double draws = std::accumulate(counts.begin(), counts.end(), 0.0);
  double chi = 0, freedom = -1;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = draws * probabilities[i];
    if (expected == 0) {
      EXPECT_EQ(counts[i], 0) << what << ", token " << i;
      continue;
    }
    chi += (counts[i] - expected) * (counts[i] - expected) / expected;
    ++freedom;
  }
  EXPECT_LT(chi, freedom + 5 * std::sqrt(2 * freedom) + 5) << what;
}

}  // namespace outrider
