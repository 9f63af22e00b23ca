// Replies that have to be tool calls, over a scripted backend: the syntax goes ahead with drafts
// and steps back with the judgement.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "engine/engine_test_harness.h"
#include "text/call_grammar.h"
#include "text/reply_parser.h"
#include "text/reply_test_vocabulary.h"

namespace outrider {
namespace {

namespace json = boost::json;

TokenId token(std::string_view text) {
  return *reply_vocabulary().find(text);
}

TokenSyntax syntax(const CallGrammarOptions& options) {
  static const auto bytes = std::make_shared<const TokenBytes>(reply_vocabulary());
  static const json::value schema = json::parse(R"({"type":"object","properties":{
      "abc":{"type":"string"},"a":{"type":"number"},"any":{},
      "list":{"type":"array","items":{"enum":["a","ab",1,10]}}},"required":["abc","a"]})");
  const CallableTool tools[] = {{.name = "ab", .parameters = &schema},
                                {.name = "cd", .parameters = nullptr}};
  return {call_grammar(tools, options), bytes};
}

bool may(const Allowed& allowed, TokenId token) {
  if (allowed.forced) return *allowed.forced == token;
  if (allowed.mask.empty()) return true;
  return (allowed.mask[token.value() / 64] >> (token.value() % 64) & 1) != 0;
}

TEST(ForcedCall, a_constraint_follows_the_syntax_and_steps_back) {
  Constraint c({.syntax = syntax({})}, reply_vocabulary().size());
  EXPECT_TRUE(may(c.next(), token("<|tool_call>")));
  EXPECT_FALSE(may(c.next(), token("a")));
  EXPECT_TRUE(may(c.ahead(1), token("a"))) << "what stands between is not known";
  c.push(token("<|tool_call>"));
  EXPECT_TRUE(may(c.next(), token("call:")));
  EXPECT_TRUE(may(c.next(), reply_vocabulary().byte_token('c')));
  EXPECT_FALSE(may(c.next(), token("ab")));
  c.push(token("call:"));
  EXPECT_TRUE(may(c.next(), token("ab")) && may(c.next(), token("cd")));
  c.push(token("dea"));  // a draft that leaves the syntax
  EXPECT_TRUE(may(c.next(), token("<turn|>")));
  c.push(token("<turn|>"));
  c.pop(2);
  EXPECT_FALSE(may(c.next(), token("<turn|>")));
  c.push(token("cd"));
  EXPECT_TRUE(may(c.next(), token("{}")));
  EXPECT_FALSE(may(c.next(), token(":{")));
  c.push(token("{}"));
  EXPECT_FALSE(may(c.next(), token("<turn|>")));
  c.push(token("<tool_call|>"));
  EXPECT_TRUE(may(c.next(), token("<turn|>")) && may(c.next(), token("<eos>")));
  EXPECT_FALSE(may(c.next(), token("<|tool_call>"))) << "one call is all";
}

TEST(ForcedCall, behind_a_forced_beginning_the_syntax_says_what_comes) {
  Constraint c(
      {.beginnings = {{token("<|tool_call>"), token("call:"), token("cd")}}, .syntax = syntax({})},
      reply_vocabulary().size());
  EXPECT_EQ(c.next().forced, token("<|tool_call>"));
  EXPECT_EQ(c.ahead(2).forced, token("cd"));
  EXPECT_TRUE(may(c.ahead(3), token("{}")));
  EXPECT_FALSE(may(c.ahead(3), token("ab")));
  EXPECT_TRUE(may(c.ahead(4), token("ab")));
}

Request forced(std::uint32_t seed, std::uint32_t drafts) {
  Request r = request(seed, 20, 3000);
  const auto ends = reply_vocabulary().end_of_generation();
  r.ends.assign(ends.begin(), ends.end());
  r.constraint.syntax = syntax({.repeats = true});
  // Strings and mappings of anything end after some tokens.
  r.bias = {{token("<|\"|>"), 4.0f}, {reply_vocabulary().byte_token('}'), 4.0f}};
  r.drafts = {.n_min = drafts, .n_max = drafts};
  return r;
}

Harness harness(std::uint32_t slots, Verification verification) {
  return Harness(slots, {.vocab = reply_vocabulary().size()}, {.verification = verification}, 4096);
}

// How many calls; each of them whole, and nothing beside them.
std::size_t calls_in(const Heard& heard) {
  ReplyParser parser(reply_vocabulary());
  std::vector<ReplyEvent> events;
  for (const TokenId id : heard.tokens) parser.push(id, events);
  parser.finish(events);
  for (const ReplyEvent& event : events) {
    EXPECT_EQ(event.kind, ReplyEvent::Kind::kToolCall) << event.text;
    if (event.text == "cd") {
      EXPECT_TRUE(event.arguments.empty());
    } else {
      EXPECT_EQ(event.text, "ab");
      EXPECT_TRUE(event.arguments.at("abc").is_string() && event.arguments.at("a").is_number());
    }
  }
  EXPECT_EQ(heard.finish->reason, FinishReason::kStop);
  return events.size();
}

TEST(ForcedCall, drafts_and_company_change_nothing) {
  std::size_t calls = 0;
  std::uint64_t drafted = 0;
  for (const Verification verification : {Verification::kCoupled, Verification::kExact}) {
    for (std::uint32_t seed = 0; seed < 5; ++seed) {
      Harness plain = harness(1, verification);
      const Heard& wanted = plain.ask(forced(seed, 0));
      plain.finish();
      calls += calls_in(wanted);
      Harness h = harness(3, verification);
      const Heard* heard[] = {&h.ask(forced(seed, 1)), &h.ask(forced(seed, 5)),
                              &h.ask(forced(seed, kDraftsMax))};
      h.finish();
      for (const Heard* each : heard) {
        EXPECT_EQ(each->tokens, wanted.tokens) << "seed " << seed;
        drafted += each->finish->speculative.accepted;
      }
    }
  }
  EXPECT_GT(calls, 10u) << "some replies hold several";
  EXPECT_GT(drafted, 400u) << "and drafts stood";
}

TEST(ForcedCall, drafts_that_stand_by_chance_keep_to_the_syntax_too) {
  std::size_t calls = 0;
  for (std::uint32_t seed = 0; seed < 5; ++seed) {
    Harness h = harness(2, Verification::kRejection);
    const Heard& few = h.ask(forced(seed, 2));
    const Heard& many = h.ask(forced(seed + 100, kDraftsMax));
    h.finish();
    calls += calls_in(few) + calls_in(many);
  }
  EXPECT_GE(calls, 10u);
}

TEST(ForcedCall, is_refused_where_the_vocabulary_is_not_the_models) {
  Harness h(1);
  Heard heard;
  Request r = forced(1, 0);
  r.bias.clear();
  const auto id = h.engine->submit(std::move(r), heard);
  ASSERT_FALSE(id.has_value());
  EXPECT_EQ(id.error().code, ErrorCode::kBadRequest);
  EXPECT_NE(id.error().message.find("the model 64"), std::string::npos) << id.error().message;
}

}  // namespace
}  // namespace outrider
