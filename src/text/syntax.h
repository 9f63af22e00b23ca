// A syntax that a reply has to keep to, as data, and a place in a text that keeps to it: a small
// pushdown automaton over bytes and a few control tokens.
//
// Values are accepted as the model was taught to write them: no white space between them, no
// needless zeros, numbers of bounded length. Every place has a byte or control token that may come
// next, so a text can always go on to an end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace outrider {

// A byte, or one of the control tokens below.
using Symbol = char16_t;
inline constexpr Symbol kQuoteSymbol = 256;       // <|"|>
inline constexpr Symbol kCallSymbol = 257;        // <|tool_call>
inline constexpr Symbol kCallEndSymbol = 258;     // <tool_call|>
inline constexpr Symbol kThoughtEndSymbol = 259;  // <channel|>
inline constexpr Symbol kTurnEndSymbol = 260;     // any token that ends the reply
inline constexpr Symbol kSymbolsEnd = 261;

inline constexpr std::uint16_t kNoRule = 0xFFFF;
inline constexpr std::uint32_t kSeenFields = 64;  // of a mapping, which are told apart when given
inline constexpr std::size_t kWordSymbolsMax = 0xFFFF;

struct SyntaxWord {
  std::u16string symbols;  // at least one
  std::uint16_t next = kNoRule;
  std::uint32_t field = kSeenFields;  // of a mapping's names: which; kSeenFields: not told apart
};

struct SyntaxRule {
  enum class Kind : std::uint8_t {
    kWord,    // one of the words, then what follows it
    kOneOf,   // the alternative that accepts the first symbol; no two accept the same
    kString,  // between quotes, UTF-8
    kNumber,
    kMapping,  // {NAME:VALUE,…}; names are the words, or where there are none, anything
    kList,     // [VALUE,…]
    kCalls,    // a reply that is nothing but calls; behind <|tool_call> comes `item`
  };
  Kind kind;
  std::uint32_t first = 0, count = 0;  // words, sorted and different; or alternatives
  std::uint16_t item = kNoRule;        // values of a list, or of a mapping without words
  std::uint64_t required = 0;          // fields a mapping cannot end without, a bit each
  std::uint16_t items_min = 0;         // of a list
  bool is_integer = false;             // of a number
  bool closes_thought = false;         // of calls: the prompt has opened a thought
  bool repeats = false;                // of calls: another may follow
  bool ends = false;                   // of calls: the reply may end behind one
};

struct Syntax {
  std::vector<SyntaxRule> rules;
  std::vector<SyntaxWord> words;
  std::vector<std::uint16_t> alternatives;  // rules
  std::uint16_t root = 0;
};

// How far one rule has come.
struct SyntaxFrame {
  std::uint64_t seen = 0;             // fields given
  std::uint32_t first = 0, last = 0;  // words that it can still be
  std::uint16_t rule = 0;
  std::uint16_t at = 0;        // symbols of the word, digits, or items so far
  std::uint8_t phase = 0;      // what of the rule comes next
  std::uint8_t character = 0;  // of utf8_next
  friend bool operator==(const SyntaxFrame&, const SyntaxFrame&) = default;
};

// Rules within rules; values nest less deeply than parse_call() would refuse.
inline constexpr std::size_t kSyntaxFramesMax = 40;
// Nesting that a syntax may demand: less, so that what is demanded always has room.
inline constexpr std::size_t kSyntaxDepthMax = 24;

class SyntaxPlace {
 public:
  // Nowhere: anything may come.
  SyntaxPlace() = default;
  // At the beginning.
  explicit SyntaxPlace(const Syntax& syntax);

  // False where the symbol may not come; the place is worth nothing then.
  bool advance(const Syntax& syntax, Symbol symbol);
  // Whether the text has left the syntax or is over.
  bool nowhere() const { return depth_ == 0; }
  // Whether any character may come: inside a string, between two characters.
  bool in_string(const Syntax& syntax) const;
  // Likewise inside a name or where one may begin, with the characters that names have.
  bool in_free_name(const Syntax& syntax) const;
  std::uint64_t hash() const;
  friend bool operator==(const SyntaxPlace& a, const SyntaxPlace& b);

 private:
  friend class SyntaxStep;
  std::uint32_t depth_ = 0;
  SyntaxFrame frames_[kSyntaxFramesMax];  // only the first depth_ count
};

// Whether names that nobody declared may have it; all of UTF-8 beyond ASCII, too.
bool is_name_byte(std::uint8_t byte);

}  // namespace outrider
