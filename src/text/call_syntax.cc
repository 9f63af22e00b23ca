#include "text/call_syntax.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "text/chat.h"
#include "text/utf8.h"

namespace outrider {
namespace {

namespace json = boost::json;

constexpr std::string_view kSpaces = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) + 1 - first);
}

Error bad(std::string complaint) {
  return {ErrorCode::kBadRequest, std::move(complaint)};
}

class Reader {
 public:
  explicit Reader(std::span<const std::string> pieces) : pieces_(pieces) {}

  Result<ParsedCall> call() {
    constexpr std::string_view kHead = "call:";
    skip_spaces();
    if (!rest().starts_with(kHead)) return bad("does not begin with call:");
    at_ += kHead.size();
    const std::size_t brace = rest().find('{');
    if (brace == std::string_view::npos) return bad("has no arguments in braces");
    ParsedCall parsed;
    parsed.name = trimmed(rest().substr(0, brace));
    if (parsed.name.empty()) return bad("names no tool");
    at_ += brace;
    Result<json::value> arguments = mapping(0);
    if (!arguments) return arguments.error();
    parsed.arguments = std::move(arguments->get_object());
    skip_spaces();
    if (!rest().empty() || piece_ + 1 != pieces_.size()) {
      return bad("goes on behind its closing brace");
    }
    return parsed;
  }

 private:
  std::string_view rest() const { return std::string_view(pieces_[piece_]).substr(at_); }
  void skip_spaces() {
    const std::size_t next = rest().find_first_not_of(kSpaces);
    at_ = next == std::string_view::npos ? pieces_[piece_].size() : at_ + next;
  }
  bool accept(char c) {
    skip_spaces();
    if (!rest().starts_with(c)) return false;
    ++at_;
    return true;
  }
  // A quoted string, if one begins here.
  std::optional<std::string> quoted() {
    skip_spaces();
    if (!rest().empty() || piece_ + 2 >= pieces_.size()) return std::nullopt;
    const std::string& text = pieces_[piece_ + 1];
    piece_ += 2;
    at_ = 0;
    return text;
  }

  Result<std::string> key() {
    std::optional<std::string> name = quoted();
    if (!name) {
      const std::size_t end = rest().find_first_of(":}");
      if (end == std::string_view::npos || rest()[end] == '}') {
        return bad("has an argument without a colon");
      }
      name = trimmed(rest().substr(0, end));
      at_ += end;
    }
    if (!accept(':')) return bad("has an argument without a colon");
    return *std::move(name);
  }

  Result<json::value> value(std::size_t depth) {
    if (std::optional<std::string> text = quoted()) return json::value(*text);
    if (rest().starts_with('{')) return mapping(depth);
    if (rest().starts_with('[')) return list(depth);
    const std::string_view bare = trimmed(rest().substr(0, rest().find_first_of(",]}")));
    at_ += bare.size();
    if (bare == "None") return json::value();
    json::error_code failure;
    json::value scalar = json::parse(json::string_view(bare.data(), bare.size()), failure);
    if (failure || scalar.is_string()) {
      std::string_view beginning = bare.substr(0, 40);
      std::string shown;
      take_characters(beginning, shown);
      return bad(
          fmt::format("has a value that is no string, number, list or mapping: '{}'", shown));
    }
    return scalar;
  }

  Result<json::value> mapping(std::size_t depth) {
    if (depth >= kChatDepthMax) return bad("is nested too deeply");
    json::object object;
    accept('{');
    if (accept('}')) return json::value(std::move(object));
    do {
      Result<std::string> name = key();
      if (!name) return name.error();
      Result<json::value> item = value(depth + 1);
      if (!item) return item;
      object[*name] = *std::move(item);
    } while (accept(','));
    if (!accept('}')) return bad("has arguments that a brace does not close");
    return json::value(std::move(object));
  }

  Result<json::value> list(std::size_t depth) {
    if (depth >= kChatDepthMax) return bad("is nested too deeply");
    json::array array;
    accept('[');
    if (accept(']')) return json::value(std::move(array));
    do {
      Result<json::value> item = value(depth + 1);
      if (!item) return item;
      array.push_back(*std::move(item));
    } while (accept(','));
    if (!accept(']')) return bad("has a list that a bracket does not close");
    return json::value(std::move(array));
  }

  std::span<const std::string> pieces_;
  std::size_t piece_ = 0;  // always an even one: structure, not a string's text
  std::size_t at_ = 0;
};

}  // namespace

Result<ParsedCall> parse_call(std::span<const std::string> pieces) {
  if (pieces.size() % 2 == 0) return bad("has a string that is not closed");
  return Reader(pieces).call();
}

}  // namespace outrider
