#include "text/reply_parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <functional>

#include "core/random.h"
#include "text/chat_syntax.h"
#include "text/reply_test_vocabulary.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace outrider {
namespace {

namespace json = boost::json;
using Kind = ReplyEvent::Kind;
using Events = std::vector<ReplyEvent>;

bool joins(const ReplyEvent& a, const ReplyEvent& b) {
  return a.kind == b.kind && (a.kind == Kind::kThinking || a.kind == Kind::kContent);
}

// Neighbours of one kind joined, as whoever reads a stream to its end has them.
Events joined(const Events& events) {
  Events whole;
  for (const ReplyEvent& event : events) {
    if (!whole.empty() && joins(whole.back(), event)) {
      whole.back().text += event.text;
    } else {
      whole.push_back(event);
    }
  }
  return whole;
}

// Takes the events after those tokens where `step_ends` says so, as steps of that many would.
Events parse(
    const std::vector<TokenId>& ids, ReplyParser::Options options = {},
    const std::function<bool(std::size_t)>& step_ends = [](std::size_t) { return true; }) {
  ReplyParser parser(reply_vocabulary(), options);
  Events all;
  Events step;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    parser.push(ids[i], step);
    if (!step_ends(i)) continue;
    all.insert(all.end(), step.begin(), step.end());
    step.clear();
  }
  parser.finish(step);
  all.insert(all.end(), step.begin(), step.end());
  return joined(all);
}

Events parse(std::string_view text) {
  return parse(reply_tokens(text));
}

// "thinking(…) content(…) call name {json} warning(…)": for reading in a test's message.
std::string shown(const Events& events) {
  std::string text;
  for (const ReplyEvent& event : events) {
    switch (event.kind) {
      case Kind::kThinking:
        text += fmt::format("thinking({})", event.text);
        break;
      case Kind::kContent:
        text += fmt::format("content({})", event.text);
        break;
      case Kind::kToolCall:
        text += fmt::format("call({} {})", event.text, json::serialize(event.arguments));
        break;
      case Kind::kWarning:
        text += fmt::format("warning({})", event.text);
        break;
    }
  }
  return text;
}

void expect_parsed(std::string_view reply, std::string_view expected) {
  EXPECT_EQ(shown(parse(reply)), expected) << reply;
}

TEST(ReplyParser, text_is_content_and_turns_end_silently) {
  expect_parsed("", "");
  expect_parsed("abc def<turn|>", "content(abc def)");
  expect_parsed(" \n abc \n<turn|>", "content( \n abc \n)");
  expect_parsed(" \n<turn|>", "content( \n)");
  expect_parsed("<|turn>model\nabc<turn|>", "content(abc)");
  expect_parsed("<|turn>modes", "content(modes)");
  expect_parsed("<|turn>mod", "content(mod)");
  expect_parsed("</s><b><|\"|>", "content(</s><b><|\"|>)");
}

TEST(ReplyParser, a_thought_is_told_from_content) {
  expect_parsed("<|channel>thought\nwhy\nso\n<channel|>abc<turn|>",
                "thinking(why\nso)content(abc)");
  expect_parsed("<|channel>thought\n<channel|>abc", "content(abc)");
  expect_parsed("<|channel>thought<channel|>abc", "content(abc)");
  expect_parsed("<|channel>thoughtful<channel|>abc", "thinking(thoughtful)content(abc)");
  expect_parsed("<|channel>tho<channel|>abc", "thinking(tho)content(abc)");
  expect_parsed("<|channel>other<channel|>abc", "thinking(other)content(abc)");
  expect_parsed("<|channel><|channel>thought\nwhy<channel|>", "thinking(why)");
  expect_parsed("<|channel>thought\nwhy<|channel>not<channel|>", "thinking(whynot)");
  expect_parsed("<|channel>thought\nnever closed \n", "thinking(never closed)");
  expect_parsed("<|channel>thought\na\n<channel|>\n<|channel>thought\nb<channel|>abc",
                "thinking(a\nb)content(abc)");
  expect_parsed("abc<|channel>thought\n<channel|>\n<turn|>", "content(abc)");
  EXPECT_EQ(shown(parse(reply_tokens("why\n<channel|>abc"), {.starts_in_thinking = true})),
            "thinking(why)content(abc)");
  EXPECT_EQ(shown(parse(reply_tokens("<|channel>thought\nwhy<channel|>abc"),
                        {.starts_in_thinking = true})),
            "thinking(why)content(abc)");
}

TEST(ReplyParser, calls_have_a_name_and_arguments) {
  expect_parsed("<|tool_call>call:now{}<tool_call|><|tool_response>", "call(now {})");
  expect_parsed(
      "<|tool_call>call:get_weather{city:<|\"|>Paris, "
      "\"FR\"}<|\"|>,days:2,f:-0.5,hourly:false,n:null,"
      "m:None,tags:[<|\"|>a<|\"|>,[],{}],to:{x:1e-05}}<tool_call|>",
      R"(call(get_weather {"city":"Paris, \"FR\"}","days":2,"f":-5E-1,"hourly":false,"n":null,)"
      R"("m":null,"tags":["a",[],{}],"to":{"x":1E-5}}))");
  expect_parsed(
      "<|tool_call>call:f{x:1}<tool_call|>\n<|tool_call>call:g{ y : [ 1 , 2 ] , "
      "<|\"|>z w<|\"|>:<|\"|><|\"|> }<tool_call|>",
      R"(call(f {"x":1})call(g {"y":[1,2],"z w":""}))");
  expect_parsed("<|channel>thought\nwhy\n<channel|>Wait.<|tool_call>call:f{}<tool_call|>",
                "thinking(why)content(Wait.)call(f {})");
  expect_parsed("<|tool_call>call:f{x:1,x:2}<tool_call|>", R"(call(f {"x":2}))");
}

TEST(ReplyParser, what_is_no_call_is_content_with_a_warning) {
  const auto expect_returned = [](std::string_view call, std::string_view complaint) {
    expect_parsed(call, fmt::format("content({})warning(what should be a tool call {} and is "
                                    "returned as text)",
                                    call, complaint));
  };
  expect_returned("<|tool_call>f{}<tool_call|>", "does not begin with call:");
  expect_returned("<|tool_call>call:f<tool_call|>", "has no arguments in braces");
  expect_returned("<|tool_call>call: {}<tool_call|>", "names no tool");
  expect_returned("<|tool_call>call:f{x}<tool_call|>", "has an argument without a colon");
  expect_returned("<|tool_call>call:f{<|\"|>x<|\"|>}<tool_call|>",
                  "has an argument without a colon");
  expect_returned("<|tool_call>call:f{x:Paris}<tool_call|>",
                  "has a value that is no string, number, list or mapping: 'Paris'");
  expect_returned("<|tool_call>call:f{x:\"a\"}<tool_call|>",
                  "has a value that is no string, number, list or mapping: '\"a\"'");
  const std::string accents =
      "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9";
  const std::string long_value = "a" + accents + accents;
  expect_returned(
      fmt::format("<|tool_call>call:f{{x:{}{}}}<tool_call|>", long_value, accents),
      fmt::format("has a value that is no string, number, list or mapping: '{}\xC3\xA9'",
                  long_value));
  expect_returned("<|tool_call>call:f{x:1,}<tool_call|>", "has an argument without a colon");
  expect_returned("<|tool_call>call:f{x:1<tool_call|>",
                  "has arguments that a brace does not close");
  expect_returned("<|tool_call>call:f{x:[1}<tool_call|>",
                  "has a list that a bracket does not close");
  expect_returned("<|tool_call>call:f{}}<tool_call|>", "goes on behind its closing brace");
  expect_returned("<|tool_call>call:f{}<|\"|>a<|\"|><tool_call|>",
                  "goes on behind its closing brace");
  expect_returned("<|tool_call>call:f{x:<|\"|>a}<tool_call|>", "has a string that is not closed");
  expect_returned("<|tool_call>call:f{x:<|\"|>a", "is not closed");
  std::string deep = "<|tool_call>call:f{x:";
  for (std::size_t i = 0; i <= kChatDepthMax; ++i) deep += '[';
  expect_returned(deep + "<tool_call|>", "is nested too deeply");
}

TEST(ReplyParser, a_broken_call_does_not_spoil_the_next) {
  expect_parsed("<|tool_call>call:f{x:<|tool_call>call:g{}<tool_call|>",
                "content(<|tool_call>call:f{x:)warning(what should be a tool call holds the token "
                "<|tool_call> and is returned as text)call(g {})");
  expect_parsed("<|channel>thought\nwhy<|tool_call>call:g{}<tool_call|>",
                "thinking(why)warning(a tool call begins inside a thought)call(g {})");
}

TEST(ReplyParser, control_tokens_out_of_place_are_left_out) {
  for (const std::string_view token : {"<channel|>", "<tool_call|>", "<tool_response|>"}) {
    expect_parsed(fmt::format("abc{}", token),
                  fmt::format("content(abc)warning(the token {} was left out where it has no "
                              "meaning)",
                              token));
  }
}

TEST(ReplyParser, text_may_spell_control_tokens_without_being_one) {
  std::vector<TokenId> ids;
  append_bytes("<|tool_call>call:f{}<tool_call|><|channel>thought\n", ids);
  EXPECT_EQ(shown(parse(ids)), "content(<|tool_call>call:f{}<tool_call|><|channel>thought\n)");
  ids = {*reply_vocabulary().find("<|tool_call>")};
  append_bytes("call:f{x:", ids);
  ids.push_back(*reply_vocabulary().find("<|\"|>"));
  append_bytes("<tool_call|><|\"|>}", ids);
  ids.push_back(*reply_vocabulary().find("<|\"|>"));
  append_bytes("}", ids);
  ids.push_back(*reply_vocabulary().find("<tool_call|>"));
  EXPECT_EQ(shown(parse(ids)), R"(call(f {"x":"<tool_call|><|\"|>}"}))");
}

TEST(ReplyParser, what_is_not_utf8_is_replaced_with_a_warning) {
  constexpr std::string_view kWarning =
      "warning(parts of the reply are not UTF-8 and were replaced by U+FFFD)";
  expect_parsed("a\xF0\x9F!", fmt::format("content(a\xEF\xBF\xBD!){}", kWarning));
  expect_parsed("a\xC3", fmt::format("content(a\xEF\xBF\xBD){}", kWarning));
  expect_parsed("<|channel>thought\na\xC3<channel|>\xA9",
                fmt::format("thinking(a\xEF\xBF\xBD)content(\xEF\xBF\xBD){}", kWarning));
  expect_parsed("<|tool_call>call:f{x:<|\"|>\xC3<|\"|>}<tool_call|>",
                fmt::format("call(f {{\"x\":\"\xEF\xBF\xBD\"}}){}", kWarning));
  expect_parsed("<|tool_call>\xC3", fmt::format("content(<|tool_call>\xEF\xBF\xBD)warning(what "
                                                "should be a tool call is not closed and is "
                                                "returned as text){}",
                                                kWarning));
}

TEST(ReplyParser, ids_outside_the_vocabulary_are_ignored) {
  EXPECT_EQ(shown(parse({TokenId(1u << 30), *reply_vocabulary().find("abc")})), "content(abc)");
}

// What a recorded assistant message looks like as a reply, in the template's own words.
struct Sample {
  std::vector<TokenId> bytes;   // plain text byte by byte
  std::vector<TokenId> merged;  // plain text as the tokenizer cuts it
  const ChatMessage* message;
};

Sample sample_of(const ChatMessage& message) {
  ChatWriter writer;
  ChatSyntax syntax(writer, ChatRevision::kJuly);
  if (!message.reasoning.empty()) {
    writer.control("<|channel>");
    writer.plain("thought\n" + message.reasoning + "\n");
    writer.control("<channel|>");
  }
  if (const auto* content = std::get_if<std::string>(&message.content)) writer.plain(*content);
  for (const ChatToolCall& call : message.tool_calls) {
    writer.control("<|tool_call>");
    writer.plain("call:" + call.name + "{");
    if (call.arguments.is_object()) {
      syntax.fields(call.arguments.get_object(), ChatSyntax::Keys::kBare);
    }
    writer.plain("}");
    writer.control("<tool_call|>");
  }
  writer.control(message.tool_calls.empty() ? "<turn|>" : "<|tool_response>");
  static const Tokenizer tokenizer(reply_vocabulary());
  Sample sample{.bytes = {}, .merged = {}, .message = &message};
  for (const ChatSegment& segment : std::move(writer).take()) {
    if (segment.is_template) {
      const TokenId id = *reply_vocabulary().find(segment.text);
      sample.bytes.push_back(id);
      sample.merged.push_back(id);
      continue;
    }
    append_bytes(segment.text, sample.bytes);
    // The tokenizer finds quote tokens in any text, and no reply can have one inside a string.
    if (segment.text.find("<|\"|>") != std::string::npos) {
      append_bytes(segment.text, sample.merged);
      continue;
    }
    const std::vector<TokenId> ids = tokenizer.encode(segment.text);
    sample.merged.insert(sample.merged.end(), ids.begin(), ids.end());
  }
  return sample;
}

void expect_message(const Events& events, const ChatMessage& message) {
  std::string thinking;
  std::string content;
  std::size_t calls = 0;
  for (const ReplyEvent& event : events) {
    if (event.kind == Kind::kThinking) thinking += event.text;
    if (event.kind == Kind::kContent) content += event.text;
    ASSERT_NE(event.kind, Kind::kWarning) << event.text;
    if (event.kind != Kind::kToolCall) continue;
    ASSERT_LT(calls, message.tool_calls.size());
    const ChatToolCall& call = message.tool_calls[calls++];
    EXPECT_EQ(event.text, call.name);
    const json::value empty = json::object();
    EXPECT_EQ(json::value(event.arguments), call.arguments.is_object() ? call.arguments : empty);
  }
  EXPECT_EQ(calls, message.tool_calls.size());
  EXPECT_EQ(trim_unicode(thinking), trim_unicode(message.reasoning));
  const auto* written = std::get_if<std::string>(&message.content);
  EXPECT_EQ(trim_unicode(content), written == nullptr ? "" : trim_unicode(*written));
}

void expect_the_same_however_split(const Sample& sample) {
  const std::vector<TokenId>& ids = sample.bytes;
  const Events whole = parse(ids, {}, [](std::size_t) { return false; });
  expect_message(whole, *sample.message);
  EXPECT_EQ(parse(ids), whole);
  EXPECT_EQ(parse(sample.merged), whole);
  for (std::size_t split = 0; split + 1 < ids.size(); ++split) {
    ASSERT_EQ(parse(ids, {}, [&](std::size_t i) { return i == split; }), whole)
        << "split behind token " << split;
  }
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    ASSERT_EQ(parse(ids, {}, [&](std::size_t i) { return philox_at(seed, i)[0] % 3 == 0; }), whole);
  }
}

TEST(ReplyParser, every_recorded_reply_gives_the_same_events_however_it_is_split) {
  std::size_t replies = 0;
  for (const char* name : {"july_large", "july_small"}) {
    std::ifstream file(OUTRIDER_SOURCE_DIR "/tests/chat/" + std::string(name) + ".jsonl");
    ASSERT_TRUE(file.is_open());
    for (std::string line; std::getline(file, line);) {
      const Result<Conversation> loaded = conversation_from_json(json::parse(line).at("request"));
      ASSERT_TRUE(loaded.has_value());
      for (const ChatMessage& message : loaded->messages) {
        if (message.role != ChatRole::kAssistant) continue;
        SCOPED_TRACE(line);
        expect_the_same_however_split(sample_of(message));
        if (testing::Test::HasFailure()) return;
        ++replies;
      }
    }
  }
  EXPECT_GE(replies, 100u);
}

bool well_formed(std::string_view text) {
  std::string copy;
  return take_characters(text, copy) == 0 && text.empty();
}

TEST(ReplyParser, any_tokens_give_the_same_events_however_they_are_split) {
  const Vocabulary& vocabulary = reply_vocabulary();
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    std::vector<TokenId> ids;
    for (std::uint64_t i = 0; i < 40; ++i) {
      const PhiloxBlock draw = philox_at(seed, i);
      const std::uint32_t tail = vocabulary.size() - 19;  // where the format's own tokens begin
      const std::uint32_t below[] = {9, vocabulary.size() - tail, vocabulary.size()};
      const std::uint32_t kind = draw[0] % 8 < 2 ? 0 : draw[0] % 8 < 7 ? 1 : 2;
      ids.push_back(TokenId((kind == 1 ? tail : 0) + draw[1] % below[kind]));
    }
    const Events whole = parse(ids, {}, [](std::size_t) { return false; });
    ASSERT_EQ(parse(ids), whole) << "seed " << seed << "\n"
                                 << shown(parse(ids)) << "\n"
                                 << shown(whole);
    for (const ReplyEvent& event : whole) ASSERT_TRUE(well_formed(event.text)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace outrider
