#include <fmt/format.h>

#include <utility>

#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "text/vocabulary.h"

namespace outrider {
namespace {

constexpr std::string_view kModel = "gemma4";

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
  if (model->string() != kModel) {
    return bad(file, fmt::format("tokenizer.ggml.model is \"{}\", expected \"{}\"",
                                 model->string().value_or("no string"), kModel));
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

void set_tokenizer(GgufWriter& writer, const Vocabulary& vocabulary) {
  const std::vector<float> scores(vocabulary.size(), kTokenScore);
  writer.set_string("tokenizer.ggml.model", kModel);
  writer.set_strings("tokenizer.ggml.tokens", vocabulary.texts());
  writer.set_f32s("tokenizer.ggml.scores", scores);
  writer.set_i32s("tokenizer.ggml.token_type", gguf_token_types(vocabulary));
  writer.set_strings("tokenizer.ggml.merges", vocabulary.merges());
  writer.set_u32("tokenizer.ggml.bos_token_id", vocabulary.bos().value());
  writer.set_u32("tokenizer.ggml.eos_token_id", vocabulary.eos().value());
  const std::pair<std::string_view, std::optional<TokenId>> optional_ids[] = {
      {"tokenizer.ggml.unknown_token_id", vocabulary.unknown()},
      {"tokenizer.ggml.padding_token_id", vocabulary.padding()},
      {"tokenizer.ggml.mask_token_id", vocabulary.mask()}};
  for (const auto& [key, id] : optional_ids) {
    if (id) writer.set_u32(key, id->value());
  }
  writer.set_bool("tokenizer.ggml.add_bos_token", vocabulary.add_bos());
  writer.set_bool("tokenizer.ggml.add_space_prefix", false);
  std::vector<std::int32_t> suppressed;
  for (const TokenId id : vocabulary.suppressed()) {
    suppressed.push_back(static_cast<std::int32_t>(id.value()));
  }
  if (!suppressed.empty()) writer.set_i32s("tokenizer.ggml.suppress_tokens", suppressed);
}

}  // namespace outrider
