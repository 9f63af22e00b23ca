#include "app/convert_folder.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <limits>

#include "platform/mapped_file.h"

namespace outrider {
namespace {

namespace json = boost::json;

// An absent file is an empty object.
Result<json::object> read_object_if_there(const std::string& path) {
  const auto text = read_text_if_there(path);
  if (!text) return text.error();
  if (!*text) return json::object();
  json::error_code failed;
  json::value value = json::parse(**text, failed);
  if (failed || !value.is_object()) {
    return Error{ErrorCode::kBadModelFile, fmt::format("{} is not a JSON object", path)};
  }
  return std::move(value.get_object());
}

// A text, or a list of named ones.
std::string chat_template_of(const json::object& tokenizer_config) {
  const json::value* value = tokenizer_config.if_contains("chat_template");
  if (value == nullptr) return {};
  if (const json::string* text = value->if_string()) return {text->data(), text->size()};
  const json::array* list = value->if_array();
  if (list == nullptr) return {};
  for (const json::value& entry : *list) {
    const json::object* named = entry.if_object();
    const json::value* name = named == nullptr ? nullptr : named->if_contains("name");
    const json::value* text = named == nullptr ? nullptr : named->if_contains("template");
    if (name != nullptr && text != nullptr && text->is_string() && *name == "default") {
      return {text->get_string().data(), text->get_string().size()};
    }
  }
  return {};
}

MetadataList sampling_of(const json::object& generation) {
  MetadataList list;
  const auto number = [&](const char* key) {
    const json::value* value = generation.if_contains(key);
    return value != nullptr && value->is_number() ? value : nullptr;
  };
  if (const json::value* top_k = number("top_k"); top_k != nullptr && top_k->is_int64()) {
    list.emplace_back("general.sampling.top_k", static_cast<std::int32_t>(top_k->get_int64()));
  }
  if (const json::value* top_p = number("top_p")) {
    list.emplace_back("general.sampling.top_p", top_p->to_number<float>());
  }
  if (const json::value* temperature = number("temperature")) {
    list.emplace_back("general.sampling.temp", temperature->to_number<float>());
  }
  return list;
}

std::vector<std::int32_t> suppressed_of(const json::object& generation) {
  std::vector<std::int32_t> ids;
  const json::value* value = generation.if_contains("suppress_tokens");
  if (value == nullptr || !value->is_array()) return ids;
  for (const json::value& id : value->get_array()) {
    const std::int64_t* whole = id.if_int64();
    if (whole == nullptr || *whole < 0 || *whole > std::numeric_limits<std::int32_t>::max()) {
      continue;
    }
    ids.push_back(static_cast<std::int32_t>(*whole));
  }
  return ids;
}

}  // namespace

Result<std::optional<std::string>> read_text_if_there(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::optional<std::string>();
  const auto file = MappedFile::open(path);
  if (!file) return file.error();
  const auto bytes = file->bytes();
  return std::optional<std::string>(
      std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Result<HfTexts> read_hf_texts(const std::string& folder) {
  const auto tokenizer = read_text_if_there(folder + "/tokenizer.json");
  if (!tokenizer) return tokenizer.error();
  if (!*tokenizer) {
    return Error{ErrorCode::kBadRequest, fmt::format("{} has no tokenizer.json", folder)};
  }
  const std::string config_path = folder + "/tokenizer_config.json";
  const auto config_text = read_text_if_there(config_path);
  if (!config_text) return config_text.error();
  const auto config = read_object_if_there(config_path);
  if (!config) return config.error();
  const auto jinja = read_text_if_there(folder + "/chat_template.jinja");
  if (!jinja) return jinja.error();
  const auto generation = read_object_if_there(folder + "/generation_config.json");
  if (!generation) return generation.error();
  auto vocabulary = vocabulary_from_tokenizer_json(**tokenizer, config_text->value_or(""),
                                                   folder + "/tokenizer.json");
  if (!vocabulary) return vocabulary.error();
  return HfTexts{*std::move(vocabulary), jinja->value_or(chat_template_of(*config)),
                 sampling_of(*generation), suppressed_of(*generation)};
}

}  // namespace outrider
