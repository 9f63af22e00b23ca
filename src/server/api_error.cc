#include "server/api_error.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "server/json_text.h"

namespace outrider {
namespace {

namespace json = boost::json;

const char* openai_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    default:
      return status < 500 ? "invalid_request_error" : "server_error";
  }
}

json::value openai_code(int status) {
  switch (status) {
    case 401:
      return "invalid_api_key";
    case 404:
      return "not_found";
    case 429:
      return "rate_limit_exceeded";
    default:
      return nullptr;
  }
}

const char* anthropic_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
    case 529:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

const char* llama_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 501:
      return "not_supported_error";
    case 503:
      return "unavailable_error";
    default:
      return status < 500 ? "invalid_request_error" : "server_error";
  }
}

}  // namespace

std::string error_body(ApiKind kind, const ApiError& error, const std::string& request_id) {
  if (kind == ApiKind::kMessage) {
    return json_text(json::object{
        {"type", "error"},
        {"error", {{"type", anthropic_type(error.status)}, {"message", error.message}}},
        {"request_id", request_id}});
  }
  if (kind == ApiKind::kLlama) {
    return json_text(json::object{{"error",
                                   {{"code", error.status},
                                    {"message", error.message},
                                    {"type", llama_type(error.status)}}}});
  }
  const json::value field = error.field.empty() ? json::value() : json::value(error.field);
  return json_text(json::object{{"error",
                                 {{"message", error.message},
                                  {"type", openai_type(error.status)},
                                  {"param", field},
                                  {"code", openai_code(error.status)}}}});
}

std::string error_event(ApiKind kind, const ApiError& error, const std::string& request_id) {
  const bool is_named = kind == ApiKind::kMessage || kind == ApiKind::kResponse;
  if (kind != ApiKind::kResponse) {
    return fmt::format("{}data: {}\n\n", is_named ? "event: error\n" : "",
                       error_body(kind, error, request_id));
  }
  const json::object event{{"type", "error"},
                           {"code", openai_type(error.status)},
                           {"message", error.message},
                           {"param", nullptr}};
  return fmt::format("event: error\ndata: {}\n\n", json_text(event));
}

}  // namespace outrider
