#include "text/tokenizer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <map>

#include "core/random.h"
#include "text/detokenizer.h"
#include "text/tokenizer_test_vocabulary.h"
#include "text/utf8.h"

namespace outrider {
namespace {

const Tokenizer& small() {
  static const Vocabulary vocabulary = Vocabulary::make(small_parts(), "small").value();
  static const Tokenizer tokenizer(vocabulary);
  return tokenizer;
}

// The texts of the tokens, which say more than their numbers.
std::vector<std::string> pieces(const Tokenizer& tokenizer, std::string_view text,
                                bool parse_special = false) {
  std::vector<std::string> texts;
  for (const TokenId id : tokenizer.encode(text, {.parse_special = parse_special})) {
    texts.emplace_back(tokenizer.vocabulary().text(id));
  }
  return texts;
}

using Texts = std::vector<std::string>;

// The definition of merging, done slowly: the best pair of the whole text, again and again, by
// text.
Texts merge_slowly(const Vocabulary& vocabulary, std::string_view run) {
  std::map<std::pair<std::string, std::string>, std::size_t> ranks;
  for (std::size_t rank = 0; rank < vocabulary.merges().size(); ++rank) {
    const auto sides = split_merge(vocabulary.merges()[rank]);
    ranks.emplace(std::pair(sides->left, sides->right), rank);
  }
  Texts symbols;
  for (; !run.empty(); run.remove_prefix(symbols.back().size())) {
    symbols.emplace_back(run.substr(0, utf8_front(run).bytes));
  }
  while (true) {
    std::size_t best = symbols.size();
    std::size_t best_rank = ranks.size();
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = ranks.find({symbols[i], symbols[i + 1]});
      if (found == ranks.end() || found->second >= best_rank) continue;
      best = i;
      best_rank = found->second;
    }
    if (best == symbols.size()) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  Texts texts;
  for (const std::string& symbol : symbols) {
    if (vocabulary.find(symbol)) {
      texts.push_back(symbol);
    } else {
      for (const char c : symbol) {
        texts.push_back(fmt::format("<0x{:02X}>", static_cast<std::uint8_t>(c)));
      }
    }
  }
  return texts;
}

TEST(Tokenizer, merges_as_the_slow_definition_does) {
  constexpr std::array<std::string_view, 9> kAlphabet = {
      "a", "b", "c", "d", "e", "\xE2\x96\x81", "\xC3\xA9", "\xC3\xBC", "x"};
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    std::string text;
    const std::uint32_t length = philox_at(seed, 1000)[0] % 24;
    const std::size_t letters = 1 + philox_at(seed, 1001)[0] % kAlphabet.size();
    for (std::uint64_t i = 0; i < length; ++i) text += kAlphabet[philox_at(seed, i)[0] % letters];
    ASSERT_EQ(pieces(small(), text), merge_slowly(small().vocabulary(), text))
        << "seed " << seed << ": " << text;
  }
}

TEST(Tokenizer, equal_pairs_merge_leftmost_first) {
  EXPECT_EQ(pieces(small(), "aaa"), (Texts{"aa", "a"}));
  EXPECT_EQ(pieces(small(), "aaaaaaa"), (Texts{"aaaa", "aa", "a"}));
}

TEST(Tokenizer, a_merge_may_go_through_a_piece_that_is_no_token) {
  EXPECT_EQ(pieces(small(), "dea"), (Texts{"dea"}));
  EXPECT_EQ(pieces(small(), "de"), (Texts{"<0x64>", "<0x65>"}));
}

TEST(Tokenizer, spaces_become_marks_and_nothing_is_put_in_front) {
  EXPECT_EQ(pieces(small(), " "), (Texts{"\xE2\x96\x81"}));
  EXPECT_EQ(pieces(small(), "ab"), (Texts{"ab"}));
  EXPECT_EQ(pieces(small(), " a b"), (Texts{"\xE2\x96\x81"
                                            "a",
                                            "\xE2\x96\x81", "b"}));
  EXPECT_TRUE(small().encode("").empty());
}

TEST(Tokenizer, a_run_of_newlines_that_is_a_token_stays_whole) {
  EXPECT_EQ(pieces(small(), "\n\n\n"), (Texts{"\n\n\n"}));
  EXPECT_EQ(pieces(small(), "a\n\n\nb"), (Texts{"a", "\n\n\n", "b"}));
  EXPECT_EQ(pieces(small(), "\n\n\n\n"), (Texts{"\n\n", "\n\n"}));  // no such token: by merges
}

TEST(Tokenizer, control_tokens_are_text_unless_asked_for) {
  EXPECT_EQ(pieces(small(), "a<turn|>b", true), (Texts{"a", "<turn|>", "b"}));
  const Texts plain = pieces(small(), "a<turn|>b");
  EXPECT_EQ(plain.size(), 9u);
  EXPECT_EQ(plain[1], "<");
  // User-defined in the file, yet structure: a user must not be able to type it.
  EXPECT_EQ(pieces(small(), "<|tool_response>").front(), "<");
  EXPECT_EQ(pieces(small(), "<|tool_response>", true), (Texts{"<|tool_response>"}));
}

TEST(Tokenizer, user_defined_tokens_are_found_always_and_the_longest_first) {
  EXPECT_EQ(pieces(small(), "a<|\"|>b"), (Texts{"a", "<|\"|>", "b"}));
  EXPECT_EQ(pieces(small(), "<|\"|>!<|\"|>"), (Texts{"<|\"|>!", "<|\"|>"}));
  EXPECT_EQ(pieces(small(), "</s>").size(), 4u);
}

TEST(Tokenizer, no_merge_makes_a_control_or_byte_token_of_text) {
  VocabularyParts parts = small_parts();
  for (const char* text : {"u", "r", "n", "t", "0", "x", "4", "1"}) add_token(parts, text);
  for (const char* merge : {"t u", "r n", "tu rn", "< turn", "| >", "<turn |>", "0 x", "4 1",
                            "< 0x", "<0x 41", "<0x41 >"}) {
    parts.merges.push_back(merge);
  }
  const auto vocabulary = Vocabulary::make(std::move(parts), "small");
  ASSERT_TRUE(vocabulary);
  const Tokenizer tokenizer(*vocabulary);
  for (const std::string_view text : {"<turn|>", "<0x41>"}) {
    const auto ids = tokenizer.encode(text);
    EXPECT_EQ(decode_bytes(*vocabulary, ids), text);
  }
  EXPECT_EQ(pieces(tokenizer, "<turn|>").front(), "<0x3C>");
  EXPECT_EQ(pieces(tokenizer, "<turn|>", true), (Texts{"<turn|>"}));
}

TEST(Tokenizer, bytes_that_are_no_character_come_back_exactly) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    std::string text;
    const std::uint32_t length = philox_at(seed, 1000)[0] % 300;
    for (std::uint64_t i = 0; i < length; ++i) {
      const std::uint32_t draw = philox_at(seed, i)[0];
      const char any = static_cast<char>(draw / 3 % 256);
      text += draw % 3 == 0 ? "ab \n<|>\xC3"[draw / 3 % 8] : any;
    }
    ASSERT_EQ(text.find(kSpaceMark), std::string::npos);  // rare enough to avoid by luck
    ASSERT_EQ(decode_bytes(small().vocabulary(), small().encode(text)), text) << "seed " << seed;
  }
  EXPECT_EQ(pieces(small(), "\xC3"), (Texts{"<0xC3>"}));
  EXPECT_EQ(pieces(small(), "a\xF0\x9F"), (Texts{"a", "<0xF0>", "<0x9F>"}));
}

TEST(Tokenizer, a_megabyte_takes_work_in_proportion) {
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  std::string letters;
  for (std::uint64_t i = 0; letters.size() < kBytes; ++i) {
    letters += "abcdeab  "[philox_at(7, i)[0] % 9];
  }
  const std::pair<const char*, std::string> texts[] = {{"a", std::string(kBytes, 'a')},
                                                       {"spaces", std::string(kBytes, ' ')},
                                                       {"newlines", std::string(kBytes, '\n')},
                                                       {"invalid", std::string(kBytes, '\xFF')},
                                                       {"letters", letters}};
  for (const auto& [name, text] : texts) {
    std::uint64_t pairs_seen = 0;
    const auto start = std::chrono::steady_clock::now();
    const auto ids = small().encode(text, {.pairs_seen = &pairs_seen});
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    EXPECT_LE(pairs_seen, 3 * kBytes) << name;
    EXPECT_EQ(decode_bytes(small().vocabulary(), ids), text) << name;
    fmt::print("{}: {} tokens, {} pairs, {:.2f} s\n", name, ids.size(), pairs_seen, taken.count());
  }
}

TEST(Tokenizer, a_rendered_prompt_becomes_its_structure) {
  const std::string folder = std::string(OUTRIDER_SOURCE_DIR) + "/tests/golden/cases/dense/target/";
  std::ifstream file(folder + "tokenizer.json", std::ios::binary);
  const std::string json{std::istreambuf_iterator<char>(file), {}};
  const auto vocabulary = vocabulary_from_tokenizer_json(json, "", "dense");
  ASSERT_TRUE(vocabulary) << vocabulary.error().message;
  const Tokenizer tokenizer(*vocabulary);
  EXPECT_EQ(
      pieces(tokenizer, "<bos><|turn>the world<turn|>\n\n<|channel>", true),
      (Texts{"<bos>", "<|turn>", "the", "\xE2\x96\x81world", "<turn|>", "\n\n", "<|channel>"}));
  EXPECT_EQ(tokenizer.bos(), TokenId(2));
}

}  // namespace
}  // namespace outrider
