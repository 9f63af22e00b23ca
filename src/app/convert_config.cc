#include "app/convert_config.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <optional>

namespace outrider {
namespace {

namespace json = boost::json;

constexpr std::uint32_t kExtentMax = 1u << 24;  // of anything that is counted
constexpr std::uint32_t kLayersMax = 1024;

// Reads members of one object; the first that is wrong is remembered and ends the reading. A member
// that is null counts as absent.
class Members {
 public:
  Members(const json::object& object, const std::string& name, std::optional<Error>& error)
      : object_(object), name_(name), error_(error) {}

  const json::value* find(std::string_view key) const {
    const json::value* value = object_.if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  std::uint32_t count(std::string_view key, std::uint32_t low = 1) {
    if (find(key) == nullptr) fail(fmt::format("has no \"{}\"", key));
    return count_or(key, low, low);
  }
  std::uint32_t count_or(std::string_view key, std::uint32_t absent, std::uint32_t low = 1) {
    const json::value* value = find(key);
    if (value == nullptr) return absent;
    const std::int64_t* whole = value->if_int64();
    if (whole != nullptr && *whole >= low && *whole <= kExtentMax) {
      return static_cast<std::uint32_t>(*whole);
    }
    fail(fmt::format("has \"{}\": {}, expected a whole number from {} to {}", key,
                     json::serialize(*value).substr(0, 40), low, kExtentMax));
    return absent;
  }

  float number_or(std::string_view key, float absent) {
    const json::value* value = find(key);
    if (value == nullptr) return absent;
    if (value->is_number()) return value->to_number<float>();
    fail(fmt::format("has a \"{}\" that is no number", key));
    return absent;
  }

  bool flag_or(std::string_view key, bool absent) {
    const json::value* value = find(key);
    if (value == nullptr) return absent;
    if (value->is_bool()) return value->get_bool();
    fail(fmt::format("has a \"{}\" that is neither true nor false", key));
    return absent;
  }

  std::string text(std::string_view key) const {
    const json::value* value = find(key);
    const json::string* string = value == nullptr ? nullptr : value->if_string();
    return string == nullptr ? std::string() : std::string(string->data(), string->size());
  }

  const json::object* object(std::string_view key) const {
    const json::value* value = find(key);
    return value == nullptr ? nullptr : value->if_object();
  }

  Members inside(const json::object& object) const { return Members(object, name_, error_); }

  void fail(const std::string& what) {
    if (!error_) error_ = Error{ErrorCode::kBadModelFile, fmt::format("{} {}", name_, what)};
  }

 private:
  const json::object& object_;
  const std::string& name_;
  std::optional<Error>& error_;
};

// The text part of a configuration, layer by layer.
class ShapeReader {
 public:
  ShapeReader(Members text, ModelShape& shape) : text_(text), shape_(shape) {}

  void read() {
    shape_.name = text_.text("_name_or_path");
    shape_.vocab = text_.count("vocab_size");
    shape_.context = text_.count("max_position_embeddings");
    shape_.width = text_.count("hidden_size");
    shape_.heads = text_.count("num_attention_heads");
    shape_.window = text_.count("sliding_window");
    shape_.shared_kv_layers = text_.count_or("num_kv_shared_layers", 0, 0);
    shape_.per_layer_width = text_.count_or("hidden_size_per_layer_input", 0, 0);
    shape_.rms_eps = text_.number_or("rms_norm_eps", 1e-6F);
    if (text_.find("final_logit_softcapping") != nullptr) {
      shape_.softcap = text_.number_or("final_logit_softcapping", 0);
    }
    shape_.values_are_keys = text_.flag_or("attention_k_eq_v", false);
    if (text_.flag_or("enable_moe_block", false)) {
      shape_.experts = {text_.count("num_experts"), text_.count("top_k_experts"),
                        text_.count("moe_intermediate_size")};
    }
    read_layers();
    read_rope();
  }

 private:
  void read_layers() {
    const std::uint32_t layers = text_.count("num_hidden_layers");
    const json::value* types = text_.find("layer_types");
    const json::array* list = types == nullptr ? nullptr : types->if_array();
    if (list == nullptr || list->size() != layers || layers > kLayersMax) {
      text_.fail(fmt::format("has no \"layer_types\" for its {} layers", layers));
      return;
    }
    if (shape_.shared_kv_layers > layers) {
      text_.fail(fmt::format("shares keys in {} of {} layers", shape_.shared_kv_layers, layers));
      return;
    }
    for (std::uint32_t i = 0; i < layers; ++i) {
      const json::string* type = (*list)[i].if_string();
      const bool sliding = type != nullptr && *type == "sliding_attention";
      if (!sliding && (type == nullptr || *type != "full_attention")) {
        text_.fail(
            fmt::format("has layer {} of a type that is neither sliding_attention nor "
                        "full_attention",
                        i));
        return;
      }
      read_layer(i, sliding, layers);
    }
  }

  void read_layer(std::uint32_t index, bool sliding, std::uint32_t layers) {
    const bool shares = index >= layers - shape_.shared_kv_layers;
    const bool wide = shares && text_.flag_or("use_double_wide_mlp", false);
    std::uint32_t head_dim = text_.count("head_dim");
    std::uint32_t kv_heads = text_.count("num_key_value_heads");
    std::uint32_t ffn_width = text_.count("intermediate_size") * (wide ? 2 : 1);
    if (!sliding) {
      head_dim = text_.count_or("global_head_dim", head_dim);
      if (shape_.values_are_keys) {
        kv_heads = text_.count_or("num_global_key_value_heads", kv_heads);
      }
    }
    const json::object* all = text_.object("per_layer_config");
    const json::value* own = all == nullptr ? nullptr : all->if_contains(std::to_string(index));
    if (own != nullptr && own->is_object()) {
      Members layer = text_.inside(own->get_object());
      head_dim = layer.count_or("head_dim", head_dim);
      kv_heads = layer.count_or("num_key_value_heads", kv_heads);
      ffn_width = layer.count_or("intermediate_size", ffn_width);
    }
    std::uint32_t& known = sliding ? shape_.head_dim_sliding : shape_.head_dim;
    if (known != 0 && known != head_dim) {
      text_.fail(fmt::format("gives layer {} heads of {} values and others of its type {}", index,
                             head_dim, known));
    }
    known = head_dim;
    shape_.layers.push_back({sliding, kv_heads, ffn_width});
  }

  void read_rope() {
    const json::object* kinds = text_.object("rope_parameters");
    if (kinds == nullptr) {
      text_.fail("has no \"rope_parameters\"");
      return;
    }
    const Members both = text_.inside(*kinds);
    float turning = 0.25F;
    if (const json::object* full = both.object("full_attention")) {
      Members members = text_.inside(*full);
      shape_.rope_base = members.number_or("rope_theta", shape_.rope_base);
      turning = members.number_or("partial_rotary_factor", turning);
    }
    if (const json::object* sliding = both.object("sliding_attention")) {
      shape_.rope_base_sliding =
          text_.inside(*sliding).number_or("rope_theta", shape_.rope_base_sliding);
    }
    if (!(turning >= 0 && turning <= 1)) {
      text_.fail("has a \"partial_rotary_factor\" that is not between 0 and 1");
      return;
    }
    const float pairs = static_cast<float>(shape_.head_dim) / 2;
    shape_.rotated = static_cast<std::uint32_t>(std::floor(pairs * turning));
  }

  Members text_;
  ModelShape& shape_;
};

bool is_gemma4(const std::string& model_type) {
  return model_type.starts_with("gemma4");
}

}  // namespace

Result<HfConfig> read_hf_config(std::string_view text, const std::string& name) {
  std::optional<Error> error;
  json::error_code failed;
  const json::value root = json::parse({text.data(), text.size()}, failed);
  const json::object* object = root.if_object();
  if (failed || object == nullptr) {
    return Error{ErrorCode::kBadModelFile, fmt::format("{} is not a JSON object", name)};
  }
  Members top(*object, name, error);
  const std::string type = top.text("model_type");
  if (!is_gemma4(type)) {
    return Error{
        ErrorCode::kBadModelFile,
        fmt::format("{} describes a model of type \"{}\", expected one of Gemma 4", name, type)};
  }
  const json::object* inner = top.object("text_config");
  HfConfig config;
  ModelShape& shape = config.shape;
  shape.is_drafter = type.find("assistant") != type.npos;
  ShapeReader(top.inside(inner == nullptr ? *object : *inner), shape).read();
  if (shape.name.empty()) shape.name = top.text("_name_or_path");
  config.tied = top.flag_or("tie_word_embeddings", true);
  if (shape.is_drafter) {
    shape.target_width = top.count("backbone_hidden_size");
    if (top.flag_or("use_ordered_embeddings", false)) {
      shape.centroids = {top.count("num_centroids"), top.count("centroid_intermediate_top_k")};
    }
  }
  if (!error && (shape.head_dim == 0 || shape.head_dim_sliding == 0)) {
    top.fail("has no layer of full attention, or none of sliding attention");
  }
  if (error) return *error;
  return config;
}

}  // namespace outrider
