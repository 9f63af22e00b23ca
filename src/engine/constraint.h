// What a reply must and must not contain, told token by token. A constraint follows the reply as it
// grows, goes ahead with drafts that are not certain yet, and steps back when they are judged.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/id.h"
#include "step/batch.h"
#include "text/syntax_masks.h"

namespace outrider {

// What may come next. Spans are borrowed from the constraint.
struct Allowed {
  std::optional<TokenId> forced{};
  std::span<const std::uint64_t> mask{};  // a bit per token; empty: all may
};

struct ThinkingBudget {
  TokenId open, close;   // tokens that begin and end the thinking part of a reply
  std::uint32_t tokens;  // between them at most; then `close` is forced
  bool begun = false;    // the prompt has already opened it
};

struct ConstraintRules {
  std::vector<TokenId> ends{};    // tokens that end a reply
  std::uint32_t tokens_min = 0;   // before any of them
  std::vector<TokenId> banned{};  // never
  // The reply begins with one of these token sequences; none: with anything.
  std::vector<std::vector<TokenId>> beginnings{};
  // From its first token on the reply keeps to this; behind its end, anything. Where it says what
  // may come, and where a beginning does, `ends`, `banned` and `thinking` say nothing.
  std::optional<TokenSyntax> syntax{};
  std::optional<ThinkingBudget> thinking{};

  bool any() const {
    return (tokens_min > 0 && !ends.empty()) || !banned.empty() || !beginnings.empty() || syntax ||
           thinking;
  }
};

class Constraint {
 public:
  Constraint(ConstraintRules rules, std::uint32_t vocab);

  // For the token after those pushed. Borrowed until kDraftsMax + 2 others were asked for.
  Allowed next() { return allowed(states_.back()); }
  // What is certain of the token `ahead` places later, whatever stands between.
  Allowed ahead(std::uint32_t ahead);
  void push(TokenId token);
  // Forgets the last `count` tokens, at most kDraftsMax since the last that stands for good.
  void pop(std::uint32_t count);

 private:
  struct State {
    std::uint32_t count = 0;    // tokens so far
    std::uint32_t thought = 0;  // of them inside the thinking part
    bool thinking = false;
    std::optional<std::uint32_t> node = std::nullopt;  // of the beginnings, until one is complete
    SyntaxPlace place{};
  };
  // A place in the tree of beginnings.
  struct Node {
    std::vector<std::pair<TokenId, std::uint32_t>> next;  // by token; empty: a beginning ends here
    std::vector<std::uint64_t> mask;  // of those tokens, where there are several
  };
  using Mask = std::vector<std::uint64_t>;
  Mask all_but(std::span<const TokenId> first, std::span<const TokenId> second) const;
  void add_beginning(std::span<const TokenId> tokens);
  Allowed allowed(const State& state);
  State after(State state, TokenId token) const;

  ConstraintRules rules_;
  std::uint32_t vocab_;
  Mask open_, early_;  // once and before tokens_min is reached; empty: all may
  std::vector<Node> nodes_;
  std::optional<SyntaxMasks> syntax_;
  std::vector<State> states_;  // the last is current; those before it are to step back to
};

}  // namespace outrider
