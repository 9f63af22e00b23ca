#include <fmt/format.h>

#include "format/gguf.h"
#include "text/vocabulary.h"

namespace outrider {
namespace {

Error bad(const GgufFile& file, const std::string& what) {
  return {ErrorCode::kBadModelFile, fmt::format("{}: {}", file.path(), what)};
}

Error wrong_kind(const GgufFile& file, std::string_view key, std::string_view expected) {
  const GgufValue* value = file.value(key);
  return bad(file, fmt::format("{} is {}, expected {}", key, value ? value->describe() : "missing",
                               expected));
}

const GgufArray* array_of(const GgufFile& file, std::string_view key, bool strings) {
  const GgufValue* value = file.value(key);
  const GgufArray* array = value ? value->array() : nullptr;
  return array != nullptr && array->is_strings() == strings ? array : nullptr;
}

Result<std::vector<std::string_view>> read_texts(const GgufFile& file, std::string_view key) {
  const GgufArray* array = array_of(file, key, true);
  if (array == nullptr) return wrong_kind(file, key, "an array of strings");
  const auto strings = array->strings();
  return std::vector<std::string_view>(strings.begin(), strings.end());
}

Result<std::vector<TokenType>> read_types(const GgufFile& file) {
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  const GgufArray* array = array_of(file, kKey, false);
  if (array == nullptr) return wrong_kind(file, kKey, "an array of integers");
  std::vector<TokenType> types(array->size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    const std::int64_t type = array->integer(i).value_or(0);
    if (type < 1 || type > 6) {
      return bad(file, fmt::format("{} of token {} is {}, expected 1 to 6", kKey, i, type));
    }
    types[i] = static_cast<TokenType>(type);
  }
  return types;
}

Result<TokenId> checked_id(const GgufFile& file, std::string_view key,
                           std::optional<std::int64_t> value) {
  if (!value || *value < 0 || *value > 0x7fffffff) return wrong_kind(file, key, "a token id");
  return TokenId(static_cast<std::uint32_t>(*value));
}

// Leaves `id` alone when the key is missing.
Result<void> read_id(const GgufFile& file, std::string_view key, std::optional<TokenId>& id) {
  const GgufValue* value = file.value(key);
  if (value == nullptr) return {};
  const auto checked = checked_id(file, key, value->integer());
  if (!checked) return checked.error();
  id = *checked;
  return {};
}

Result<void> read_suppressed(const GgufFile& file, std::vector<TokenId>& ids) {
  constexpr std::string_view kKey = "tokenizer.ggml.suppress_tokens";
  if (file.value(kKey) == nullptr) return {};
  const GgufArray* array = array_of(file, kKey, false);
  if (array == nullptr) return wrong_kind(file, kKey, "an array of token ids");
  for (std::size_t i = 0; i < array->size(); ++i) {
    const auto checked = checked_id(file, kKey, array->integer(i));
    if (!checked) return checked.error();
    ids.push_back(*checked);
  }
  return {};
}

Result<void> read_special(const GgufFile& file, VocabularyParts& parts) {
  const std::pair<std::string_view, std::optional<TokenId>*> keys[] = {
      {"tokenizer.ggml.bos_token_id", &parts.bos},
      {"tokenizer.ggml.eos_token_id", &parts.eos},
      {"tokenizer.ggml.unknown_token_id", &parts.unknown},
      {"tokenizer.ggml.padding_token_id", &parts.padding},
      {"tokenizer.ggml.mask_token_id", &parts.mask}};
  for (const auto& [key, id] : keys) {
    if (const auto read = read_id(file, key, *id); !read) return read.error();
  }
  return read_suppressed(file, parts.suppressed);
}

}  // namespace

Result<Vocabulary> vocabulary_from_gguf(const GgufFile& file) {
  const GgufValue* model = file.value("tokenizer.ggml.model");
  if (model == nullptr) return bad(file, "it holds no tokenizer (tokenizer.ggml.model is missing)");
  if (model->string() != "gemma4") {
    return bad(file, fmt::format("tokenizer.ggml.model is {}, expected \"gemma4\"",
                                 model->string().value_or(model->describe())));
  }
  VocabularyParts parts;
  auto texts = read_texts(file, "tokenizer.ggml.tokens");
  if (!texts) return texts.error();
  auto types = read_types(file);
  if (!types) return types.error();
  auto merges = read_texts(file, "tokenizer.ggml.merges");
  if (!merges) return merges.error();
  parts.texts = *std::move(texts);
  parts.types = *std::move(types);
  parts.merges = *std::move(merges);
  if (const auto read = read_special(file, parts); !read) return read.error();
  return Vocabulary::make(std::move(parts), file.path());
}

}  // namespace outrider
