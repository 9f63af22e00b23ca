// Reads a vocabulary from Hugging Face's tokenizer.json.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <exception>

#include "text/vocabulary.h"

namespace outrider {
namespace {

namespace json = boost::json;

// Special tokens to Hugging Face, but text that parsers of a model's output have to see.
constexpr std::array<std::string_view, 7> kVisibleTexts = {
    "<|channel>",       "<channel|>",       "<|tool_call>", "<tool_call|>",
    "<|tool_response>", "<tool_response|>", "<|\"|>"};

Error bad(const std::string& name, const std::string& what) {
  return {ErrorCode::kBadModelFile, fmt::format("{}: {}", name, what)};
}

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

const json::value* member(const json::value* value, std::string_view key) {
  const json::object* object = value == nullptr ? nullptr : value->if_object();
  return object == nullptr ? nullptr : object->if_contains(key);
}

const json::string* string_member(const json::value* value, std::string_view key) {
  const json::value* found = member(value, key);
  return found == nullptr ? nullptr : found->if_string();
}

std::optional<std::uint32_t> as_id(const json::value* value) {
  const std::int64_t* id = value == nullptr ? nullptr : value->if_int64();
  if (id == nullptr || *id < 0 || *id > 0x7fffffff) return std::nullopt;
  return static_cast<std::uint32_t>(*id);
}

bool looks_like_byte(std::string_view text) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return text.size() == 6 && text.substr(0, 3) == "<0x" && is_hex(text[3]) && is_hex(text[4]) &&
         text[5] == '>';
}

// Collects tokens by id. A text of no data is an id that nobody has named yet.
class TokenList {
 public:
  TokenList(VocabularyParts& parts, const std::string& name) : parts_(parts), name_(name) {}

  Result<void> reserve(const json::object& vocab, const json::array& added) {
    std::size_t size = 0;
    for (const auto& [text, value] : vocab) size = std::max(size, end_of(&value));
    for (const json::value& token : added) size = std::max(size, end_of(member(&token, "id")));
    // As many ids as entries, or fewer: so a huge id cannot ask for a huge table.
    if (size > vocab.size() + added.size()) {
      return bad(name_, fmt::format("token ids reach {}, but only {} tokens are listed", size - 1,
                                    vocab.size() + added.size()));
    }
    parts_.texts.assign(size, {});
    parts_.types.assign(size, TokenType::kNormal);
    return {};
  }

  Result<void> add_model_tokens(const json::object& vocab) {
    for (const auto& [key, value] : vocab) {
      const std::string_view text(key.data(), key.size());
      const auto id = as_id(&value);
      if (!id) return bad(name_, fmt::format("token \"{}\" has no id", text));
      if (is_named(*id)) return bad(name_, fmt::format("two tokens have id {}", *id));
      set(*id, text, looks_like_byte(text) ? TokenType::kByte : TokenType::kNormal);
    }
    return {};
  }

  Result<void> add_added_tokens(const json::array& added) {
    for (const json::value& token : added) {
      const auto id = as_id(member(&token, "id"));
      const json::string* content = string_member(&token, "content");
      if (!id || content == nullptr) return bad(name_, "an added token has no id or no content");
      const std::string_view text = view(*content);
      const json::value* special = member(&token, "special");
      const bool is_special = special != nullptr && special->is_bool() && special->get_bool();
      if (is_named(*id) && parts_.texts[*id] != text) {
        return bad(name_,
                   fmt::format("token {} is both \"{}\" and \"{}\"", *id, parts_.texts[*id], text));
      }
      if (!is_named(*id)) set(*id, text, TokenType::kUserDefined);
      if (is_special) parts_.types[*id] = TokenType::kControl;
    }
    return {};
  }

  Result<void> check_complete() const {
    for (std::size_t id = 0; id < parts_.texts.size(); ++id) {
      if (parts_.texts[id].data() == nullptr) {
        return bad(name_, fmt::format("no token has id {}", id));
      }
    }
    return {};
  }

 private:
  static std::size_t end_of(const json::value* id) {
    const auto known = as_id(id);
    return known ? std::size_t{*known} + 1 : 0;
  }
  bool is_named(std::uint32_t id) const { return parts_.texts[id].data() != nullptr; }
  void set(std::uint32_t id, std::string_view text, TokenType type) {
    parts_.texts[id] = parts_.storage.keep(text);
    parts_.types[id] = type;
  }

  VocabularyParts& parts_;
  const std::string& name_;
};

Result<void> read_tokens(const json::value& root, const json::object& vocab,
                         const std::string& name, VocabularyParts& parts) {
  const json::value* listed = member(&root, "added_tokens");
  const json::array* added = listed == nullptr ? nullptr : listed->if_array();
  const json::array none;
  if (added == nullptr) added = &none;
  TokenList tokens(parts, name);
  if (const auto done = tokens.reserve(vocab, *added); !done) return done.error();
  if (const auto done = tokens.add_model_tokens(vocab); !done) return done.error();
  if (const auto done = tokens.add_added_tokens(*added); !done) return done.error();
  if (const auto done = tokens.check_complete(); !done) return done.error();
  for (std::size_t id = 0; id < parts.texts.size(); ++id) {
    const bool visible = std::find(kVisibleTexts.begin(), kVisibleTexts.end(), parts.texts[id]) !=
                         kVisibleTexts.end();
    if (visible) parts.types[id] = TokenType::kUserDefined;
  }
  return {};
}

// A merge is "LEFT RIGHT", or ["LEFT", "RIGHT"] in newer files.
Result<void> read_merges(const json::array& merges, const std::string& name,
                         VocabularyParts& parts) {
  parts.merges.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const json::array* sides = merges[rank].if_array();
    if (const json::string* text = merges[rank].if_string()) {
      parts.merges.push_back(parts.storage.keep(view(*text)));
    } else if (sides != nullptr && sides->size() == 2 && (*sides)[0].is_string() &&
               (*sides)[1].is_string()) {
      parts.merges.push_back(
          parts.storage.keep(view((*sides)[0].get_string()), " ", view((*sides)[1].get_string())));
    } else {
      return bad(name, fmt::format("merge {} is not two pieces of text", rank));
    }
  }
  return {};
}

Result<json::value> parse(std::string_view text, const std::string& name, json::storage_ptr memory,
                          const char* what) {
  boost::system::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error, std::move(memory));
  if (error) return bad(name, fmt::format("{} is no JSON: {}", what, error.message()));
  return value;
}

std::optional<TokenId> id_of(const VocabularyParts& parts, std::string_view text) {
  const auto found = std::find(parts.texts.begin(), parts.texts.end(), text);
  if (found == parts.texts.end()) return std::nullopt;
  return TokenId(static_cast<std::uint32_t>(found - parts.texts.begin()));
}

// A special token of tokenizer_config.json is its text, or an object with the text as "content".
Result<void> read_special(const json::value& config, const std::string& name,
                          VocabularyParts& parts) {
  struct Role {
    const char* key;
    std::string_view usual_text;
    std::optional<TokenId>* id;
  };
  const Role roles[] = {{"bos_token", "<bos>", &parts.bos},
                        {"eos_token", "<eos>", &parts.eos},
                        {"unk_token", "<unk>", &parts.unknown},
                        {"pad_token", "<pad>", &parts.padding},
                        {"mask_token", "<mask>", &parts.mask}};
  for (const Role& role : roles) {
    const json::value* token = member(&config, role.key);
    const json::string* text = token != nullptr && token->is_object()
                                   ? string_member(token, "content")
                                   : string_member(&config, role.key);
    *role.id = id_of(parts, text == nullptr ? role.usual_text : view(*text));
    if (text != nullptr && !*role.id) {
      return bad(name, fmt::format("{} is \"{}\", which is no token", role.key, view(*text)));
    }
  }
  return {};
}

Result<Vocabulary> read_vocabulary(std::string_view tokenizer_json, std::string_view config_json,
                                   const std::string& name) {
  json::monotonic_resource memory;  // everything parsed is dropped at once
  const auto root = parse(tokenizer_json, name, &memory, "the tokenizer");
  if (!root) return root.error();
  const json::value* model = member(&*root, "model");
  const json::string* type = string_member(model, "type");
  if (type == nullptr || *type != "BPE") {
    return bad(name, fmt::format("the model of the tokenizer is {}, expected BPE",
                                 type == nullptr ? "missing" : view(*type)));
  }
  const json::value* vocab = member(model, "vocab");
  const json::value* merges = member(model, "merges");
  if (vocab == nullptr || !vocab->is_object() || merges == nullptr || !merges->is_array()) {
    return bad(name, "the tokenizer's model has no vocab or no merges");
  }
  VocabularyParts parts;
  if (const auto done = read_tokens(*root, vocab->get_object(), name, parts); !done) {
    return done.error();
  }
  if (const auto done = read_merges(merges->get_array(), name, parts); !done) return done.error();
  const auto config =
      parse(config_json.empty() ? "{}" : config_json, name, {}, "the tokenizer's configuration");
  if (!config) return config.error();
  if (const auto done = read_special(*config, name, parts); !done) return done.error();
  return Vocabulary::make(std::move(parts), name);
}

}  // namespace

Result<Vocabulary> vocabulary_from_tokenizer_json(std::string_view tokenizer_json,
                                                  std::string_view config_json,
                                                  const std::string& name) {
  try {
    return read_vocabulary(tokenizer_json, config_json, name);
  } catch (const std::exception& failure) {
    return bad(name, fmt::format("the tokenizer cannot be read: {}", failure.what()));
  }
}

}  // namespace outrider
