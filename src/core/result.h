// Result: a value, or one clear sentence about what the world did wrong.
#pragma once
#include <string>
#include <utility>
#include <variant>

#include "core/contract.h"

namespace outrider {

enum class ErrorCode {
  kBadRequest,    // what the user asked for cannot be done
  kBadModelFile,  // a file is damaged, hostile, or not what its name says
  kExhausted,     // a bounded resource is full; trying again later may succeed
  kDevice,        // a compute device or the operating system failed
};

// The message is one sentence without a final stop: it names the thing, what was found, what was
// expected.
struct Error {
  ErrorCode code;
  std::string message;
};

// Stands in for std::expected, which libstdc++ 12 has only in C++23. Member names are the
// standard's.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    check();
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    check();
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    check();
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    require(!has_value(), "an error is read only where there is one");
    return *std::get_if<1>(&state_);
  }

 private:
  void check() const { require(has_value(), "a result is read only after it was checked"); }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}
  bool has_value() const { return !failed_; }
  explicit operator bool() const { return has_value(); }
  const Error& error() const {
    require(failed_, "an error is read only where there is one");
    return error_;
  }

 private:
  Error error_{};
  bool failed_ = false;
};

}  // namespace outrider
