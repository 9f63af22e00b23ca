// Reads a Hugging Face config.json of Gemma 4 or of one of its assistants.
#pragma once
#include <string>
#include <string_view>

#include "app/convert_shape.h"
#include "core/result.h"

namespace outrider {

struct HfConfig {
  ModelShape shape;
  bool tied = true;  // the token embedding is the output matrix too
};

// Understands per_layer_config of newer files as well as global_head_dim and
// num_global_key_value_heads of older ones. Errors name the file (`name`), the member, what was
// found and what was expected.
Result<HfConfig> read_hf_config(std::string_view json, const std::string& name);

}  // namespace outrider
