#include "app/synth_tokenizer.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "core/contract.h"

namespace outrider {
namespace {

constexpr std::uint32_t kTokens = 262144;
constexpr std::uint32_t kFirstByte = 238;
constexpr std::uint32_t kFirstNewlines = 107;  // of one "\n"; up to 31 of them follow
constexpr std::uint32_t kFirstSpaces = 138;    // of two
constexpr std::uint32_t kRunMax = 31;
constexpr std::string_view kConsonants = "nsrtlmdkgpbfvzchjqwxy";
constexpr std::string_view kVowels = "aeiou";
constexpr std::size_t kNone = std::string_view::npos;

struct Known {
  std::uint32_t id;
  std::string_view text;
  TokenType type = TokenType::kControl;
};

constexpr std::array kKnown = {
    Known{0, "<pad>"},
    Known{1, "<eos>", TokenType::kNormal},
    Known{2, "<bos>"},
    Known{3, "<unk>"},
    Known{4, "<mask>"},
    Known{46, "<|tool>"},
    Known{47, "<tool|>"},
    Known{48, "<|tool_call>", TokenType::kUserDefined},
    Known{49, "<tool_call|>", TokenType::kUserDefined},
    Known{50, "<|tool_response>", TokenType::kUserDefined},
    Known{51, "<tool_response|>", TokenType::kUserDefined},
    Known{52, "<|\"|>", TokenType::kUserDefined},
    Known{98, "<|think|>"},
    Known{100, "<|channel>", TokenType::kUserDefined},
    Known{101, "<channel|>", TokenType::kUserDefined},
    Known{105, "<|turn>"},
    Known{106, "<turn|>"},
    Known{212, "</s>", TokenType::kNormal},
    Known{255968, "\t", TokenType::kNormal},
    Known{255969, "\t\t", TokenType::kNormal},
    Known{255999, "<|image>"},
    Known{256000, "<|audio>"},
    Known{258880, "<|image|>"},
    Known{258881, "<|audio|>"},
    Known{258882, "<image|>"},
    Known{258883, "<audio|>"},
    Known{258884, "<|video|>"},
    Known{236743, kSpaceMark, TokenType::kNormal},
    Known{236761, ".", TokenType::kNormal},
    Known{236764, ",", TokenType::kNormal},
    Known{236789, "'", TokenType::kNormal},
    Known{236800, "3", TokenType::kNormal},
    Known{236812, "4", TokenType::kNormal},
    Known{236888, "!", TokenType::kNormal},
};

// Words that prompts of the chat format need, whole, and two for trying out.
constexpr std::array kWords = {
    Known{2364, "user", TokenType::kNormal},
    Known{4368, "model", TokenType::kNormal},
    Known{9731, "system", TokenType::kNormal},
    Known{45518, "thought", TokenType::kNormal},
    Known{9259, "Hello", TokenType::kNormal},
    Known{1902, "\xE2\x96\x81world", TokenType::kNormal},
    Known{26352, "\xE2\x96\x81Hello", TokenType::kNormal},
};

class Builder {
 public:
  Builder() {
    parts_.texts.resize(kTokens);
    parts_.types.assign(kTokens, TokenType::kNormal);
  }

  VocabularyParts build() && {
    for (const Known& known : kKnown) place(known.id, known.text, known.type);
    for (const Known& word : kWords) place(word.id, word.text, word.type);
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      place(kFirstByte + byte, fmt::format("<0x{:02X}>", byte), TokenType::kByte);
    }
    add_characters();
    add_runs("\n", 1, kFirstNewlines);
    add_runs(kSpaceMark, 2, kFirstSpaces);
    merge("\t", "\t");
    add_word_tokens();
    add_made_up_words();
    add_word_merges();
    parts_.bos = TokenId(2);
    parts_.eos = TokenId(1);
    parts_.unknown = TokenId(3);
    parts_.padding = TokenId(0);
    parts_.mask = TokenId(4);
    return std::move(parts_);
  }

 private:
  bool is_full() const { return next_ == kTokens; }

  void place(std::uint32_t id, std::string_view text, TokenType type) {
    if (!known_.insert(std::string(text)).second) return;
    parts_.texts[id] = parts_.storage.keep(text);
    parts_.types[id] = type;
  }

  // At the first free id, unless it exists.
  void add(std::string_view text) {
    while (!is_full() && parts_.texts[next_].data() != nullptr) ++next_;
    if (!is_full()) place(next_, text, TokenType::kNormal);
  }

  void merge(std::string_view left, std::string_view right) {
    std::string text = std::string(left) + " " + std::string(right);
    if (!merged_.insert(text).second) return;
    parts_.merges.push_back(parts_.storage.keep(text));
  }

  void add_characters() {
    next_ = 236744;
    for (char c = '!'; c <= '~'; ++c) add(std::string_view(&c, 1));
    next_ = 5;
  }

  // Runs of one mark, from `shortest` to kRunMax. Powers of two merge first, so that every longer
  // run can be put together of two that exist.
  void add_runs(std::string_view mark, std::uint32_t shortest, std::uint32_t first_id) {
    const auto run = [&](std::uint32_t count) {
      std::string text;
      for (std::uint32_t i = 0; i < count; ++i) text += mark;
      return text;
    };
    for (std::uint32_t count = shortest; count <= kRunMax; ++count) {
      place(first_id + count - shortest, run(count), TokenType::kNormal);
    }
    for (std::uint32_t count = 2; count <= kRunMax; count *= 2)
      merge(run(count / 2), run(count / 2));
    for (std::uint32_t count = 3; count <= kRunMax; ++count) {
      const std::uint32_t left = std::bit_floor(count);
      if (left != count) merge(run(left), run(count - left));
    }
  }

  // The pieces of a word when all merges of made-up words are done, joined from the left: a list of
  // what is put together. A leading space comes last.
  static std::vector<std::pair<std::string, std::string>> steps_of(std::string_view word) {
    const bool spaced = word.starts_with(kSpaceMark);
    const std::string_view letters = spaced ? word.substr(kSpaceMark.size()) : word;
    std::vector<std::pair<std::string, std::string>> steps;
    std::string joined;
    for (std::size_t at = 0; at < letters.size();) {
      const bool syllable = at + 1 < letters.size() && kConsonants.find(letters[at]) != kNone &&
                            kVowels.find(letters[at + 1]) != kNone;
      const std::string piece(letters.substr(at, syllable ? 2 : 1));
      if (!joined.empty()) steps.emplace_back(joined, piece);
      joined += piece;
      at += piece.size();
    }
    if (spaced) steps.emplace_back(kSpaceMark, joined);
    return steps;
  }

  void add_word_tokens() {
    for (const Known& word : kWords) {
      for (const auto& [left, right] : steps_of(word.text)) add(left + right);
    }
  }

  void add_word_merges() {
    for (const Known& word : kWords) {
      for (const auto& [left, right] : steps_of(word.text)) merge(left, right);
    }
  }

  // Syllables, pairs of them, and pairs with a consonant behind, plain and behind a space, until
  // ids run out. Words end in a consonant so that no other merge can take their pieces.
  void add_made_up_words() {
    std::vector<std::string> syllables;
    for (const char consonant : kConsonants) {
      for (const char vowel : kVowels) {
        syllables.push_back({consonant, vowel});
        add(syllables.back());
        merge(std::string_view(&consonant, 1), std::string_view(&vowel, 1));
      }
    }
    std::vector<std::string> pairs;
    for (const std::string& first : syllables) {
      for (const std::string& second : syllables) {
        pairs.push_back(first + second);
        add(pairs.back());
        merge(first, second);
      }
    }
    for (std::size_t i = 0; !is_full(); ++i) {
      const std::string& start = pairs[i * 7919 % pairs.size()];  // scattered, each in turn
      const std::string_view end = kConsonants.substr(i / pairs.size(), 1);
      const std::string word = start + std::string(end);
      add(word);
      merge(start, end);
      if (is_full()) break;
      add(std::string(kSpaceMark) + word);
      merge(kSpaceMark, word);
    }
  }

  VocabularyParts parts_;
  std::unordered_set<std::string> known_;
  std::unordered_set<std::string> merged_;
  std::uint32_t next_ = 5;
};

}  // namespace

Vocabulary synth_vocabulary() {
  auto vocabulary = Vocabulary::make(Builder().build(), "the made-up vocabulary");
  require(vocabulary.has_value(), "the made-up vocabulary is sound");
  return *std::move(vocabulary);
}

std::string synth_chat_template(bool large) {
  return std::string(
             "{{ bos_token }}{% for message in messages %}{{ '<|turn>' + ('model' if "
             "message['role'] == 'assistant' else message['role']) + '\\n' + message['content'] + "
             "'<turn|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|turn>model\\n") +
         (large ? "<|channel>thought\\n<channel|>" : "") + "' }}{% endif %}";
}

}  // namespace outrider
