// The small files of a Hugging Face folder: tokenizer, chat template, sampling defaults.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/convert_shape.h"
#include "core/result.h"
#include "text/vocabulary.h"

namespace outrider {

// A file's text; nothing if there is no such file.
Result<std::optional<std::string>> read_text_if_there(const std::string& path);

struct HfTexts {
  Vocabulary vocabulary;
  std::string chat_template;             // empty: none
  MetadataList sampling;                 // general.sampling.*
  std::vector<std::int32_t> suppressed;  // tokens never to be picked
};

// Reads tokenizer.json, tokenizer_config.json, chat_template.jinja and generation_config.json; only
// the first must be there.
Result<HfTexts> read_hf_texts(const std::string& folder);

}  // namespace outrider
