#include "server/api_fields.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "server/json_text.h"
#include "text/chat.h"

namespace outrider {

namespace json = boost::json;

std::string copy_text(const json::string& text) {
  return {text.data(), text.size()};
}

ApiResult<json::object> parse_object(std::string_view body) {
  json::parse_options options;
  options.max_depth = kChatDepthMax;
  json::error_code failure;
  json::value value =
      json::parse(json::string_view(body.data(), body.size()), failure, {}, options);
  if (failure == json::error::too_deep)
    return ApiError{400, "the request is nested too deeply", ""};
  if (failure) {
    return ApiError{400, fmt::format("the request is not JSON: {}", failure.message()), ""};
  }
  if (!value.is_object()) return ApiError{400, "the request must be a JSON object", ""};
  return std::move(value.get_object());
}

std::string ApiFields::name(std::string_view key) const {
  if (path_.empty() || key.empty()) return path_.empty() ? std::string(key) : path_;
  return fmt::format("{}.{}", path_, key);
}

void ApiFields::fail(std::string_view key, std::string_view complaint) const {
  if (failed()) return;
  const std::string field = name(key);
  *error_ = ApiError{400, fmt::format("{} {}", field, complaint), field};
}

const json::value* ApiFields::find(std::string_view key) const {
  const json::value* found = object_->if_contains(json::string_view(key.data(), key.size()));
  return found == nullptr || found->is_null() ? nullptr : found;
}

const json::object* ApiFields::object(std::string_view key) const {
  const json::value* found = find(key);
  if (found == nullptr) return nullptr;
  if (!found->is_object()) fail(key, "must be an object");
  return found->if_object();
}

const json::array* ApiFields::array(std::string_view key) const {
  const json::value* found = find(key);
  if (found == nullptr) return nullptr;
  if (!found->is_array()) fail(key, "must be an array");
  return found->if_array();
}

void ApiFields::read(std::string_view key, bool& target) const {
  const json::value* found = find(key);
  if (found == nullptr) return;
  if (!found->is_bool()) return fail(key, "must be true or false");
  target = found->get_bool();
}

void ApiFields::read(std::string_view key, std::string& target) const {
  const json::value* found = find(key);
  if (found == nullptr) return;
  if (!found->is_string()) return fail(key, "must be a string");
  target = copy_text(found->get_string());
}

void ApiFields::read(std::string_view key, float& target, double least, double most) const {
  const json::value* found = find(key);
  if (found == nullptr) return;
  json::error_code failure;
  const double value = found->is_number() ? found->to_number<double>(failure) : 0;
  if (!found->is_number() || failure || !(value >= least && value <= most)) {
    return fail(key, fmt::format("must be a number from {} to {}", least, most));
  }
  target = static_cast<float>(value);
}

void ApiFields::read(std::string_view key, std::uint32_t& target, std::uint32_t least,
                     std::uint32_t most) const {
  const json::value* found = find(key);
  if (found == nullptr) return;
  json::error_code failure;
  const bool is_integer = found->is_int64() || found->is_uint64();
  const auto value = is_integer ? found->to_number<std::int64_t>(failure) : 0;
  if (!is_integer || failure || value < least || value > most) {
    return fail(key, most == kCountMax
                         ? fmt::format("must be an integer, at least {}", least)
                         : fmt::format("must be an integer from {} to {}", least, most));
  }
  target = static_cast<std::uint32_t>(value);
}

void ApiFields::require(std::string_view key) const {
  if (find(key) == nullptr) fail(key, "is missing");
}

void ApiFields::refuse(std::initializer_list<std::string_view> keys) const {
  for (const std::string_view key : keys) {
    if (find(key) != nullptr) fail(key, "is not supported");
  }
}

void ApiFields::refuse_unless(std::string_view key, const json::value& neutral) const {
  const json::value* found = find(key);
  if (found == nullptr || *found == neutral) return;
  // 1 and 1.0 are one number to a client.
  if (found->is_number() && neutral.is_number() &&
      found->to_number<double>() == neutral.to_number<double>()) {
    return;
  }
  fail(key, fmt::format("is not supported unless it is {}", json_text(neutral)));
}

}  // namespace outrider
