#include "text/syntax.h"

#include <algorithm>
#include <string_view>

#include "core/contract.h"
#include "text/utf8.h"

namespace outrider {
namespace {

using Kind = SyntaxRule::Kind;

// Phases of each kind of rule.
enum StringPhase : std::uint8_t { kStringOpen, kStringText };
enum NumberPhase : std::uint8_t {
  kSign,
  kFirstDigit,
  kZero,
  kDigits,
  kPoint,
  kFraction,
  kExponentSign,
  kExponentFirst,
  kExponent
};
enum MappingPhase : std::uint8_t {
  kMappingOpen,
  kFirstName,  // or the end
  kNextName,
  kName,      // inside one of the words
  kFreeName,  // inside a bare name
  kQuotedName,
  kColon,
  kComma  // or the end
};
enum ListPhase : std::uint8_t { kListOpen, kFirstItem, kListComma };
enum CallsPhase : std::uint8_t { kThought, kFirstCall, kCallClose, kAfterCall };

// Digits are few enough for a number to be read exactly, or at least as a finite one.
constexpr std::uint16_t kDigitsMax = 19;
constexpr std::uint16_t kFractionMax = 20;
constexpr std::uint16_t kExponentMax = 2;

bool is_digit(Symbol symbol) {
  return symbol >= '0' && symbol <= '9';
}

bool is_byte(Symbol symbol) {
  return symbol < 256;
}

}  // namespace

bool is_name_byte(std::uint8_t byte) {
  constexpr std::string_view kOthers = ",:{}[]\"\x7F";
  return byte > ' ' && kOthers.find(static_cast<char>(byte)) == std::string_view::npos;
}

// One symbol, shown to the innermost rule. What that rule cannot take may end it, and then the rule
// around it is shown the symbol.
class SyntaxStep {
 public:
  SyntaxStep(const Syntax& syntax, SyntaxPlace& place, Symbol symbol)
      : syntax_(syntax), place_(place), symbol_(symbol) {}

  bool run() {
    while (place_.depth_ > 0) {
      const Outcome outcome = show();
      if (outcome != Outcome::kAgain) return outcome == Outcome::kTaken;
    }
    return false;
  }

  static SyntaxFrame begin(const Syntax& syntax, std::uint16_t id) {
    const SyntaxRule& rule = syntax.rules[id];
    SyntaxFrame frame;
    frame.rule = id;
    if (rule.kind == Kind::kWord) {
      frame.first = rule.first;
      frame.last = rule.first + rule.count;
    } else if (rule.kind == Kind::kCalls) {
      frame.phase = rule.closes_thought ? kThought : kFirstCall;
    }
    return frame;
  }

 private:
  enum class Outcome { kTaken, kRefused, kAgain };

  SyntaxFrame& top() { return place_.frames_[place_.depth_ - 1]; }
  const SyntaxRule& rule() { return syntax_.rules[top().rule]; }

  Outcome leave(Outcome outcome) {
    --place_.depth_;
    return outcome;
  }
  // The rule is over; another may follow in its place.
  Outcome follow(std::uint16_t next, Outcome outcome) {
    if (next == kNoRule) return leave(outcome);
    top() = begin(syntax_, next);
    return outcome;
  }
  Outcome enter(std::uint16_t id, Outcome outcome) {
    if (!has_room()) return Outcome::kRefused;
    place_.frames_[place_.depth_++] = begin(syntax_, id);
    return outcome;
  }
  bool has_room() const { return place_.depth_ < kSyntaxFramesMax; }
  Outcome phase(std::uint8_t next) {
    top().phase = next;
    return Outcome::kTaken;
  }

  Outcome show() {
    switch (rule().kind) {
      case Kind::kWord:
        return word();
      case Kind::kOneOf:
        return one_of();
      case Kind::kString:
        return string();
      case Kind::kNumber:
        return number();
      case Kind::kMapping:
        return mapping();
      case Kind::kList:
        return list();
      case Kind::kCalls:
        return calls();
    }
    contract_failed("a rule has a kind");
  }

  // Leaves the words that go on with the symbol; false and unchanged where none does. The words of
  // the frame's range are sorted and alike up to `at`.
  bool narrow(SyntaxFrame& frame) {
    const auto begin = syntax_.words.begin() + frame.first;
    const auto end = syntax_.words.begin() + frame.last;
    const std::size_t at = frame.at;
    const auto lower = std::partition_point(begin, end, [&](const SyntaxWord& word) {
      return word.symbols.size() <= at || word.symbols[at] < symbol_;
    });
    const auto upper = std::partition_point(
        lower, end, [&](const SyntaxWord& word) { return word.symbols[at] == symbol_; });
    if (lower == upper) return false;
    frame.first = static_cast<std::uint32_t>(lower - syntax_.words.begin());
    frame.last = static_cast<std::uint32_t>(upper - syntax_.words.begin());
    ++frame.at;
    return true;
  }

  Outcome word() {
    SyntaxFrame& frame = top();
    const SyntaxWord& shortest = syntax_.words[frame.first];
    if (narrow(frame)) {
      const SyntaxWord& word = syntax_.words[frame.first];
      const bool is_whole = frame.last - frame.first == 1 && word.symbols.size() == frame.at;
      return is_whole ? follow(word.next, Outcome::kTaken) : Outcome::kTaken;
    }
    if (shortest.symbols.size() != frame.at) return Outcome::kRefused;
    return follow(shortest.next, Outcome::kAgain);
  }

  Outcome one_of() {
    const SyntaxRule& rule = this->rule();
    const SyntaxFrame frame = top();
    const std::uint32_t depth = place_.depth_;
    for (std::uint32_t i = rule.first; i < rule.first + rule.count; ++i) {
      top() = begin(syntax_, syntax_.alternatives[i]);
      if (show() == Outcome::kTaken) return Outcome::kTaken;
      place_.depth_ = depth;
      top() = frame;
    }
    return Outcome::kRefused;
  }

  bool character() {
    return is_byte(symbol_) && utf8_next(top().character, static_cast<std::uint8_t>(symbol_));
  }

  Outcome string() {
    SyntaxFrame& frame = top();
    const bool is_quote = symbol_ == kQuoteSymbol && frame.character == 0;
    if (frame.phase == kStringOpen) return is_quote ? phase(kStringText) : Outcome::kRefused;
    if (is_quote) return leave(Outcome::kTaken);
    return character() ? Outcome::kTaken : Outcome::kRefused;
  }

  Outcome digit(std::uint8_t next, std::uint16_t most) {
    SyntaxFrame& frame = top();
    if (!is_digit(symbol_) || frame.at == most) return Outcome::kRefused;
    ++frame.at;
    return phase(next);
  }
  Outcome part(std::uint8_t next) {
    top().at = 0;
    return phase(next);
  }

  Outcome number() {
    SyntaxFrame& frame = top();
    const bool is_fractional = !rule().is_integer;
    const bool is_exponent = is_fractional && (symbol_ == 'e' || symbol_ == 'E');
    switch (frame.phase) {
      case kSign:
        if (symbol_ == '-') return phase(kFirstDigit);
        [[fallthrough]];
      case kFirstDigit:
        return digit(symbol_ == '0' ? kZero : kDigits, kDigitsMax);
      case kZero:
      case kDigits:
        if (is_fractional && symbol_ == '.') return part(kPoint);
        if (is_exponent) return part(kExponentSign);
        if (frame.phase == kDigits && digit(kDigits, kDigitsMax) == Outcome::kTaken) {
          return Outcome::kTaken;
        }
        break;
      case kPoint:
        return digit(kFraction, kFractionMax);
      case kFraction:
        if (is_exponent) return part(kExponentSign);
        if (digit(kFraction, kFractionMax) == Outcome::kTaken) return Outcome::kTaken;
        break;
      case kExponentSign:
        if (symbol_ == '-' || symbol_ == '+') return phase(kExponentFirst);
        [[fallthrough]];
      case kExponentFirst:
        return digit(kExponent, kExponentMax);
      default:
        if (digit(kExponent, kExponentMax) == Outcome::kTaken) return Outcome::kTaken;
        break;
    }
    if (is_digit(symbol_)) return Outcome::kRefused;
    return leave(Outcome::kAgain);
  }

  // Whether one of these names was not given yet.
  bool any_left(std::uint32_t first, std::uint32_t last, std::uint64_t seen) const {
    const auto words = syntax_.words.begin();
    return std::any_of(words + first, words + last, [seen](const SyntaxWord& word) {
      return word.field == kSeenFields || (seen >> word.field & 1) == 0;
    });
  }

  Outcome mapping() {
    SyntaxFrame& frame = top();
    const SyntaxRule& rule = this->rule();
    switch (frame.phase) {
      case kMappingOpen:
        return symbol_ == '{' && has_room() ? phase(kFirstName) : Outcome::kRefused;
      case kFirstName:
        if (symbol_ == '}' && rule.required == 0) return leave(Outcome::kTaken);
        return begin_name();
      case kNextName:
        return begin_name();
      case kName:
        return name();
      case kFreeName:
        if (symbol_ == ':' && frame.character == 0) return value(rule.item);
        return free_name();
      case kQuotedName:
        if (symbol_ == kQuoteSymbol && frame.character == 0) return phase(kColon);
        return character() ? Outcome::kTaken : Outcome::kRefused;
      case kColon:
        return symbol_ == ':' ? value(rule.item) : Outcome::kRefused;
      default:
        break;
    }
    if (symbol_ == '}' && (rule.required & ~frame.seen) == 0) return leave(Outcome::kTaken);
    const bool has_more =
        rule.count == 0 || any_left(rule.first, rule.first + rule.count, frame.seen);
    return symbol_ == ',' && has_more ? phase(kNextName) : Outcome::kRefused;
  }

  Outcome begin_name() {
    SyntaxFrame& frame = top();
    const SyntaxRule& rule = this->rule();
    if (rule.count == 0) {
      if (rule.item == kNoRule) return Outcome::kRefused;
      return symbol_ == kQuoteSymbol ? phase(kQuotedName) : free_name();
    }
    frame.first = rule.first;
    frame.last = rule.first + rule.count;
    frame.phase = kName;
    return name();
  }

  Outcome free_name() {
    const bool may = is_byte(symbol_) && is_name_byte(static_cast<std::uint8_t>(symbol_));
    return may && character() ? phase(kFreeName) : Outcome::kRefused;
  }

  // Names end with their colon, so none is the beginning of another.
  Outcome name() {
    SyntaxFrame& frame = top();
    if (!narrow(frame) || !any_left(frame.first, frame.last, frame.seen)) return Outcome::kRefused;
    const SyntaxWord& word = syntax_.words[frame.first];
    if (word.symbols.size() != frame.at) return Outcome::kTaken;
    if (word.field < kSeenFields) frame.seen |= std::uint64_t{1} << word.field;
    return value(word.next);
  }

  Outcome value(std::uint16_t id) {
    SyntaxFrame& frame = top();
    frame.first = frame.last = 0;
    frame.at = 0;
    frame.phase = kComma;
    return enter(id, Outcome::kTaken);
  }

  Outcome list() {
    SyntaxFrame& frame = top();
    const SyntaxRule& rule = this->rule();
    if (frame.phase == kListOpen) {
      return symbol_ == '[' && has_room() ? phase(kFirstItem) : Outcome::kRefused;
    }
    if (symbol_ == ']' && frame.at >= rule.items_min) return leave(Outcome::kTaken);
    const bool is_first = frame.phase == kFirstItem;
    if (!is_first && symbol_ != ',') return Outcome::kRefused;
    frame.phase = kListComma;
    if (frame.at < rule.items_min) ++frame.at;  // no further: more items are all one place
    return enter(rule.item, is_first ? Outcome::kAgain : Outcome::kTaken);
  }

  Outcome calls() {
    SyntaxFrame& frame = top();
    const SyntaxRule& rule = this->rule();
    switch (frame.phase) {
      case kThought:
        return symbol_ == kThoughtEndSymbol ? phase(kFirstCall) : Outcome::kRefused;
      case kCallClose:
        return symbol_ == kCallEndSymbol ? phase(kAfterCall) : Outcome::kRefused;
      case kAfterCall:
        if (symbol_ == kTurnEndSymbol && rule.ends) return leave(Outcome::kTaken);
        if (!rule.repeats) return Outcome::kRefused;
        [[fallthrough]];
      default:
        break;
    }
    if (symbol_ != kCallSymbol) return Outcome::kRefused;
    frame.phase = kCallClose;
    return enter(rule.item, Outcome::kTaken);
  }

  const Syntax& syntax_;
  SyntaxPlace& place_;
  Symbol symbol_;
};

SyntaxPlace::SyntaxPlace(const Syntax& syntax) : depth_(1) {
  frames_[0] = SyntaxStep::begin(syntax, syntax.root);
}

bool SyntaxPlace::advance(const Syntax& syntax, Symbol symbol) {
  return SyntaxStep(syntax, *this, symbol).run();
}

bool SyntaxPlace::in_string(const Syntax& syntax) const {
  if (depth_ == 0) return false;
  const SyntaxFrame& frame = frames_[depth_ - 1];
  return syntax.rules[frame.rule].kind == Kind::kString && frame.phase == kStringText &&
         frame.character == 0;
}

bool SyntaxPlace::in_free_name(const Syntax& syntax) const {
  if (depth_ == 0) return false;
  const SyntaxFrame& frame = frames_[depth_ - 1];
  const SyntaxRule& rule = syntax.rules[frame.rule];
  if (rule.kind != Kind::kMapping || rule.count > 0 || rule.item == kNoRule) return false;
  const bool is_there =
      frame.phase == kFirstName || frame.phase == kNextName || frame.phase == kFreeName;
  return is_there && frame.character == 0;
}

std::uint64_t SyntaxPlace::hash() const {
  std::uint64_t hash = depth_;
  const auto mix = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  };
  for (std::uint32_t i = 0; i < depth_; ++i) {
    const SyntaxFrame& frame = frames_[i];
    mix(frame.seen);
    mix(std::uint64_t{frame.first} << 32 | frame.last);
    mix(std::uint64_t{frame.rule} << 32 | std::uint64_t{frame.at} << 16 |
        std::uint64_t{frame.phase} << 8 | frame.character);
  }
  return hash;
}

bool operator==(const SyntaxPlace& a, const SyntaxPlace& b) {
  return a.depth_ == b.depth_ && std::equal(a.frames_, a.frames_ + a.depth_, b.frames_);
}

}  // namespace outrider
