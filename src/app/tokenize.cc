// outrider tokenize: text to token ids and back, with the vocabulary of a GGUF file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>

#include "app/commands.h"
#include "app/default_pair.h"
#include "app/tokenize.h"
#include "format/gguf.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace outrider {
namespace {

constexpr std::size_t kMaxInputBytes = (std::size_t{1} << 30) - 1;  // what encode() takes

struct TokenizeOptions {
  std::string model;
  bool decode = false;
  bool special = false;
};

Result<std::string> read_standard_input() {
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const std::size_t count = std::fread(buffer, 1, sizeof buffer, stdin);
    if (count == 0) break;
    text.append(buffer, count);
    if (text.size() > kMaxInputBytes) {
      return Error{ErrorCode::kBadRequest, "standard input holds more than 1 GiB"};
    }
  }
  if (std::ferror(stdin) != 0) return Error{ErrorCode::kDevice, "standard input cannot be read"};
  return text;
}

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

Result<int> run(const TokenizeOptions& options) {
  std::string model = options.model;
  if (model.empty()) {
    const auto pair = default_pair();
    if (!pair) return pair.error();
    model = pair->target;
  }
  const auto file = GgufFile::open(model);
  if (!file) return file.error();
  const auto vocabulary = vocabulary_from_gguf(*file);
  if (!vocabulary) return vocabulary.error();
  const auto input = read_standard_input();
  if (!input) return input.error();
  const auto output = options.decode
                          ? decode_ids(*vocabulary, *input, options.special)
                          : Result<std::string>(encode_text(*vocabulary, *input, options.special));
  if (!output) return output.error();
  if (std::fwrite(output->data(), 1, output->size(), stdout) != output->size() ||
      std::fflush(stdout) != 0) {
    return Error{ErrorCode::kDevice, "standard output cannot be written"};
  }
  return 0;
}

}  // namespace

std::string encode_text(const Vocabulary& vocabulary, std::string_view text, bool special) {
  const Tokenizer tokenizer(vocabulary);
  std::string line;
  for (const TokenId id : tokenizer.encode(text, {.parse_special = special})) {
    if (!line.empty()) line += ' ';
    line += std::to_string(id.value());
  }
  return line + '\n';
}

Result<std::string> decode_ids(const Vocabulary& vocabulary, std::string_view text, bool special) {
  std::vector<TokenId> ids;
  for (std::size_t at = 0; at < text.size();) {
    if (is_space(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && !is_space(text[end])) ++end;
    const std::string_view word = text.substr(at, end - at);
    std::uint32_t id = 0;
    const auto [stopped, failed] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (failed != std::errc() || stopped != word.data() + word.size() || id >= vocabulary.size()) {
      return Error{ErrorCode::kBadRequest,
                   fmt::format("\"{}\" is no token id, expected whole numbers below {}",
                               word.substr(0, 40), vocabulary.size())};
    }
    ids.push_back(TokenId(id));
    at = end;
  }
  return decode_bytes(vocabulary, ids, {.render_special = special});
}

Command add_tokenize(CLI::App& app) {
  const auto options = std::make_shared<TokenizeOptions>();
  app.add_option("-m,--model", options->model,
                 "GGUF file with the vocabulary (default: Outrider's sample pair)");
  app.add_flag("--decode", options->decode, "Turn ids on standard input into text");
  app.add_flag("--special", options->special,
               "Recognise special tokens such as <|turn> in the text; with --decode, show them");
  return [options] { return run(*options); };
}

}  // namespace outrider
