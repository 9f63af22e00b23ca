// What a client is told when its request cannot be served, in the words of its own API.
#pragma once
#include <optional>
#include <string>

#include "core/result.h"

namespace outrider {

// Whose shapes a reply has to follow.
enum class ApiKind { kChat, kCompletion, kResponse, kMessage, kLlama };

struct ApiError {
  int status = 400;     // of HTTP
  std::string message;  // one sentence, naming the field at fault
  std::string field;    // as in "messages[3].content"; empty where no field is at fault
};

// The body of an error response:
//   OpenAI      {"error": {"message", "type", "param", "code"}}
//   Anthropic   {"type": "error", "error": {"type", "message"}, "request_id"}
//   llama       {"error": {"code", "message", "type"}}
std::string error_body(ApiKind kind, const ApiError& error, const std::string& request_id);
// The same as the last event of a stream that has already begun.
std::string error_event(ApiKind kind, const ApiError& error, const std::string& request_id);

// A value, or why the client cannot have it.
template <class T>
class [[nodiscard]] ApiResult {
 public:
  ApiResult(T value) : value_(std::move(value)) {}
  ApiResult(ApiError error) : error_(std::move(error)) {}

  explicit operator bool() const { return value_.has_value(); }
  T& operator*() {
    require(value_.has_value(), "a result is read only after it was checked");
    return *value_;
  }
  T* operator->() { return &**this; }
  const ApiError& error() const {
    require(!value_.has_value(), "an error is read only where there is one");
    return error_;
  }

 private:
  std::optional<T> value_;
  ApiError error_;
};

}  // namespace outrider
