// Reads the fields of a JSON request. The first mistake is kept and the rest skipped over, so that
// a parser reads like the list of its fields.
#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "server/api_error.h"

namespace outrider {

class ApiFields {
 public:
  // `path` is the object's own name, empty for the request itself; `error` collects.
  ApiFields(const boost::json::object& object, std::string path, std::optional<ApiError>& error)
      : object_(&object), path_(std::move(path)), error_(&error) {}

  bool failed() const { return error_->has_value(); }
  // messages[3].content: the name of a field as its sender wrote it.
  std::string name(std::string_view key) const;
  // "FIELD COMPLAINT" becomes the error, unless there is one already.
  void fail(std::string_view key, std::string_view complaint) const;
  // An error found in an object inside this one.
  void adopt(const ApiError& error) const {
    if (!failed()) *error_ = error;
  }

  // Null where the field is absent or null, which mean the same in every API.
  const boost::json::value* find(std::string_view key) const;
  const boost::json::object* object(std::string_view key) const;
  const boost::json::array* array(std::string_view key) const;

  // Each leaves its target alone where the field is absent.
  void read(std::string_view key, bool& target) const;
  void read(std::string_view key, std::string& target) const;
  void read(std::string_view key, float& target, double least, double most) const;
  void read(std::string_view key, std::uint32_t& target, std::uint32_t least,
            std::uint32_t most) const;
  template <class T, class... Range>
  void read(std::string_view key, std::optional<T>& target, Range... range) const {
    if (find(key) == nullptr) return;
    T value{};
    read(key, value, range...);
    target = value;
  }

  void require(std::string_view key) const;
  // Known fields that are not built: an error unless absent, or equal to what changes nothing.
  void refuse(std::initializer_list<std::string_view> keys) const;
  void refuse_unless(std::string_view key, const boost::json::value& neutral) const;

 private:
  const boost::json::object* object_;
  std::string path_;
  std::optional<ApiError>* error_;
};

inline constexpr std::uint32_t kCountMax = std::numeric_limits<std::int32_t>::max();

// The request as an object. Bad JSON, JSON nested too deeply and invalid UTF-8 are errors.
ApiResult<boost::json::object> parse_object(std::string_view body);

std::string copy_text(const boost::json::string& text);

}  // namespace outrider
