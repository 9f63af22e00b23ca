#include "engine/constraint.h"

#include <gtest/gtest.h>

namespace outrider {
namespace {

constexpr std::uint32_t kVocab = 100;
constexpr TokenId kEnd(1), kOpen(2), kClose(3);

std::vector<TokenId> tokens(std::initializer_list<std::uint32_t> ids) {
  std::vector<TokenId> result;
  for (const std::uint32_t id : ids) result.push_back(TokenId(id));
  return result;
}

bool may(const Allowed& allowed, TokenId token) {
  if (allowed.forced) return *allowed.forced == token;
  if (allowed.mask.empty()) return true;
  return (allowed.mask[token.value() / 64] >> (token.value() % 64) & 1) != 0;
}

TEST(Constraint, nothing_ends_before_the_least_number_of_tokens) {
  Constraint c({.ends = {kEnd}, .tokens_min = 3}, kVocab);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(may(c.next(), kEnd));
    EXPECT_TRUE(may(c.next(), TokenId(70)));
    EXPECT_EQ(may(c.ahead(2), kEnd), i + 2 >= 3);
    c.push(TokenId(70));
  }
  EXPECT_TRUE(may(c.next(), kEnd));
  c.pop(1);
  EXPECT_FALSE(may(c.next(), kEnd)) << "a token that fell away does not count";
}

TEST(Constraint, banned_tokens_never_come) {
  Constraint c({.ends = {kEnd}, .tokens_min = 1, .banned = tokens({64, 99})}, kVocab);
  EXPECT_FALSE(may(c.next(), TokenId(64)));
  EXPECT_FALSE(may(c.next(), kEnd));
  c.push(TokenId(5));
  EXPECT_FALSE(may(c.next(), TokenId(99)));
  EXPECT_TRUE(may(c.next(), kEnd));
  EXPECT_TRUE(may(c.next(), TokenId(65)));
}

TEST(Constraint, a_reply_begins_with_one_of_its_beginnings) {
  Constraint c(
      {.beginnings = {tokens({10, 20, 30}), tokens({10, 21, 40, 41}), tokens({10, 21, 50})}},
      kVocab);
  EXPECT_EQ(c.next().forced, TokenId(10));
  EXPECT_FALSE(c.ahead(1).forced);
  c.push(TokenId(10));
  for (std::uint32_t t = 0; t < kVocab; ++t) {
    EXPECT_EQ(may(c.next(), TokenId(t)), t == 20 || t == 21) << t;
  }
  c.push(TokenId(21));
  EXPECT_TRUE(may(c.next(), TokenId(40)) && may(c.next(), TokenId(50)));
  EXPECT_FALSE(may(c.next(), TokenId(30)));
  c.push(TokenId(40));
  EXPECT_EQ(c.next().forced, TokenId(41));
  c.push(TokenId(41));
  EXPECT_TRUE(may(c.next(), TokenId(7))) << "behind it, anything";
  c.pop(3);
  EXPECT_TRUE(may(c.next(), TokenId(20)));
  c.push(TokenId(20));
  EXPECT_EQ(c.next().forced, TokenId(30));
}

TEST(Constraint, a_forced_path_is_known_ahead) {
  Constraint c({.beginnings = {tokens({10, 11, 12})}}, kVocab);
  EXPECT_EQ(c.ahead(0).forced, TokenId(10));
  EXPECT_EQ(c.ahead(2).forced, TokenId(12));
  EXPECT_FALSE(c.ahead(3).forced);
}

TEST(Constraint, thinking_is_closed_when_its_budget_is_used_up) {
  Constraint c({.thinking = ThinkingBudget{kOpen, kClose, 2}}, kVocab);
  EXPECT_FALSE(c.next().forced);
  for (const std::uint32_t t : {2u, 50u, 51u}) {
    EXPECT_FALSE(c.next().forced);
    c.push(TokenId(t));
  }
  EXPECT_EQ(c.next().forced, kClose);
  c.push(kClose);
  EXPECT_FALSE(c.next().forced);
  c.pop(2);
  EXPECT_FALSE(c.next().forced) << "one thought token fell away";
  EXPECT_EQ(c.ahead(1).forced, kClose);
}

TEST(Constraint, thinking_that_the_prompt_began_counts_from_the_first_token) {
  Constraint c({.thinking = ThinkingBudget{kOpen, kClose, 1, true}}, kVocab);
  c.push(TokenId(9));
  EXPECT_EQ(c.next().forced, kClose);
  Constraint none({.thinking = ThinkingBudget{kOpen, kClose, 0, true}}, kVocab);
  EXPECT_EQ(none.next().forced, kClose);
}

TEST(Constraint, a_long_reply_keeps_enough_to_step_back) {
  Constraint c({.ends = {kEnd}, .tokens_min = 1000}, kVocab);
  for (std::uint32_t i = 0; i < 999; ++i) {
    for (std::uint32_t d = 0; d < kDraftsMax; ++d) c.push(TokenId(9));
    c.pop(kDraftsMax);
    c.push(TokenId(9));
    EXPECT_FALSE(may(c.next(), kEnd));
  }
  c.push(TokenId(9));
  EXPECT_TRUE(may(c.next(), kEnd));
}

}  // namespace
}  // namespace outrider
