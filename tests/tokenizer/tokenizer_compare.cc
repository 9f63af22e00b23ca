// Compares our tokenizer with recorded ids.
//
//   tokenizer_compare TOKENIZER_JSON CASES...
//
// CASES holds one JSON object a line, {"text": "...", "ids": [...]}. Every text must be encoded to
// exactly these ids and decoded back to itself.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace outrider {
namespace {

struct Case {
  std::string text;
  std::vector<TokenId> ids;
};

struct Tally {
  std::size_t cases = 0;
  std::size_t bytes = 0;
  std::size_t wrong = 0;
};

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string list(const std::vector<TokenId>& ids) {
  std::string text;
  for (std::size_t i = 0; i < ids.size() && i < 60; ++i) text += fmt::format("{} ", ids[i].value());
  return text;
}

Case parse_case(const std::string& line) {
  const boost::json::value value = boost::json::parse(line);
  Case result{std::string(value.at("text").as_string()), {}};
  for (const auto& id : value.at("ids").as_array()) {
    result.ids.emplace_back(id.to_number<std::uint32_t>());
  }
  return result;
}

// A space mark in a text is encoded as the space it stands for.
std::string with_spaces(std::string_view text) {
  std::string spaced;
  for (std::size_t at = text.find(kSpaceMark); at != std::string_view::npos;
       at = text.find(kSpaceMark)) {
    spaced.append(text.substr(0, at)).push_back(' ');
    text.remove_prefix(at + kSpaceMark.size());
  }
  return spaced.append(text);
}

bool agrees(const Tokenizer& tokenizer, const Case& expected) {
  const std::vector<TokenId> ids = tokenizer.encode(expected.text);
  const std::string back = decode_bytes(tokenizer.vocabulary(), ids);
  if (ids == expected.ids && back == with_spaces(expected.text)) return true;
  fmt::print("text     {}\nexpected {}\ngot      {}\nback     {}\n\n",
             boost::json::serialize(boost::json::value(expected.text)), list(expected.ids),
             list(ids), boost::json::serialize(boost::json::value(back)));
  return false;
}

void compare_file(const Tokenizer& tokenizer, const char* path, Tally& tally) {
  std::ifstream file(path, std::ios::binary);
  for (std::string line; std::getline(file, line);) {
    const Case expected = parse_case(line);
    ++tally.cases;
    tally.bytes += expected.text.size();
    if (!agrees(tokenizer, expected)) ++tally.wrong;
  }
}

int compare(int count, char** arguments) {
  if (count < 3) {
    fmt::print(stderr, "usage: tokenizer_compare TOKENIZER_JSON CASES...\n");
    return 2;
  }
  const auto vocabulary = vocabulary_from_tokenizer_json(read_file(arguments[1]), "", arguments[1]);
  if (!vocabulary) {
    fmt::print(stderr, "{}\n", vocabulary.error().message);
    return 2;
  }
  const auto start = std::chrono::steady_clock::now();
  const Tokenizer tokenizer(*vocabulary);
  const std::chrono::duration<double> built = std::chrono::steady_clock::now() - start;
  int status = 0;
  for (int i = 2; i < count; ++i) {
    Tally tally;
    compare_file(tokenizer, arguments[i], tally);
    fmt::print("{}: {} texts, {} bytes, {} differ\n", arguments[i], tally.cases, tally.bytes,
               tally.wrong);
    if (tally.cases == 0 || tally.wrong > 0) status = 1;
  }
  fmt::print("{} tokens and {} merges indexed in {:.2f} s\n", vocabulary->size(),
             vocabulary->merges().size(), built.count());
  return status;
}

}  // namespace
}  // namespace outrider

int main(int count, char** arguments) {
  try {
    return outrider::compare(count, arguments);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 2;
  }
}
