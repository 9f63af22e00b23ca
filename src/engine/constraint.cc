#include "engine/constraint.h"

#include <algorithm>

#include "core/contract.h"

namespace outrider {
namespace {

constexpr std::size_t kStatesKept = 4 * kDraftsMax;
// A launch borrows one for each draft and one more; as many again are likely to come back.
constexpr std::size_t kMasksKept = 2 * (kDraftsMax + 1);

void set(std::vector<std::uint64_t>& mask, TokenId token, bool may) {
  const std::uint64_t bit = std::uint64_t{1} << (token.value() % 64);
  std::uint64_t& word = mask[token.value() / 64];
  word = may ? word | bit : word & ~bit;
}

}  // namespace

Constraint::Constraint(ConstraintRules rules, std::uint32_t vocab)
    : rules_(std::move(rules)), vocab_(vocab) {
  open_ = all_but(rules_.banned, {});
  early_ = all_but(rules_.banned, rules_.ends);
  State start;
  start.thinking = rules_.thinking && rules_.thinking->begun;
  if (!rules_.beginnings.empty()) {
    nodes_.emplace_back();
    for (const auto& beginning : rules_.beginnings) add_beginning(beginning);
    for (Node& node : nodes_) {
      if (node.next.size() < 2) continue;
      node.mask.assign((vocab_ + 63) / 64, 0);
      for (const auto& [token, to] : node.next) set(node.mask, token, true);
    }
    if (!nodes_[0].next.empty()) start.node = 0;
  }
  if (rules_.syntax) {
    require(rules_.syntax->tokens->size() == vocab_, "a syntax is written in the vocabulary");
    syntax_.emplace(*std::move(rules_.syntax), kMasksKept);
    start.place = syntax_->start();
  }
  states_.reserve(kStatesKept);
  states_.push_back(start);
}

Constraint::Mask Constraint::all_but(std::span<const TokenId> first,
                                     std::span<const TokenId> second) const {
  if (first.empty() && second.empty()) return {};
  Mask mask((vocab_ + 63) / 64, ~std::uint64_t{0});
  for (const auto tokens : {first, second}) {
    for (const TokenId token : tokens) {
      require(token.value() < vocab_, "a constraint names tokens of its vocabulary");
      set(mask, token, false);
    }
  }
  return mask;
}

void Constraint::add_beginning(std::span<const TokenId> tokens) {
  std::uint32_t at = 0;
  for (const TokenId token : tokens) {
    require(token.value() < vocab_, "a constraint names tokens of its vocabulary");
    const auto& next = nodes_[at].next;
    const auto found =
        std::find_if(next.begin(), next.end(), [&](const auto& n) { return n.first == token; });
    if (found != next.end()) {
      at = found->second;
      continue;
    }
    const auto made = static_cast<std::uint32_t>(nodes_.size());
    nodes_[at].next.emplace_back(token, made);
    nodes_.emplace_back();
    at = made;
  }
}

Allowed Constraint::allowed(const State& state) {
  if (state.node) {
    const Node& node = nodes_[*state.node];
    if (node.next.size() == 1) return {.forced = node.next[0].first};
    return {.mask = node.mask};
  }
  if (!state.place.nowhere()) return {.mask = syntax_->allowed(state.place)};
  if (state.thinking && state.thought >= rules_.thinking->tokens) {
    return {.forced = rules_.thinking->close};
  }
  return {.mask = state.count < rules_.tokens_min ? early_ : open_};
}

Constraint::State Constraint::after(State state, TokenId token) const {
  ++state.count;
  if (state.node) {
    const auto& next = nodes_[*state.node].next;
    const auto found =
        std::find_if(next.begin(), next.end(), [&](const auto& n) { return n.first == token; });
    // A draft may leave the path; it is judged before anything is picked behind it.
    state.node = found == next.end() || nodes_[found->second].next.empty()
                     ? std::nullopt
                     : std::optional(found->second);
  }
  if (syntax_) syntax_->advance(state.place, token);
  if (rules_.thinking) {
    if (token == rules_.thinking->open) {
      state.thinking = true;
    } else if (token == rules_.thinking->close) {
      state.thinking = false;
    } else if (state.thinking) {
      ++state.thought;
    }
  }
  return state;
}

Allowed Constraint::ahead(std::uint32_t ahead) {
  State state = states_.back();
  for (std::uint32_t i = 0; i < ahead; ++i) {
    const Allowed now = allowed(state);
    if (now.forced) {
      state = after(state, *now.forced);
    } else if (state.node || !state.place.nowhere()) {
      return {};  // which way it goes is open
    } else {
      ++state.count;
      if (state.thinking) ++state.thought;
    }
  }
  return allowed(state);
}

void Constraint::push(TokenId token) {
  if (states_.size() == kStatesKept) {
    states_.erase(states_.begin(), states_.begin() + kStatesKept / 2);
  }
  states_.push_back(after(states_.back(), token));
}

void Constraint::pop(std::uint32_t count) {
  require(count < states_.size(), "a constraint steps back no further than it came");
  states_.resize(states_.size() - count);
}

}  // namespace outrider
