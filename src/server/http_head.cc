#include "server/http_head.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <ctime>

namespace outrider {
namespace {

namespace http = boost::beast::http;

void add_field(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).append(": ");
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(byte < 0x20 || byte == 0x7f ? ' ' : c);
  }
  text.append("\r\n");
}

std::string_view reason(int status) {
  if (status == 529) return "Overloaded";  // Anthropic's
  const auto known = http::int_to_status(static_cast<unsigned>(status));
  const auto text = http::obsolete_reason(known);
  return {text.data(), text.size()};
}

}  // namespace

std::string head_text(const HttpReplyHead& head) {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", head.status, reason(head.status));
  add_field(text, "Date",
            fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::time(nullptr))));
  add_field(text, "Server", "outrider");
  if (!head.content_type.empty()) add_field(text, "Content-Type", head.content_type);
  if (head.content_bytes.has_value()) {
    add_field(text, "Content-Length", std::to_string(*head.content_bytes));
  }
  if (head.is_chunked) add_field(text, "Transfer-Encoding", "chunked");
  if (head.is_stream) {
    add_field(text, "Cache-Control", "no-cache");
    add_field(text, "X-Accel-Buffering", "no");
  }
  if (!head.keeps_alive) {
    add_field(text, "Connection", "close");
  } else if (head.is_http_1_0) {
    add_field(text, "Connection", "keep-alive");
  }
  if (!head.id.empty()) {
    add_field(text, "x-request-id", head.id);
    add_field(text, "request-id", head.id);  // where Anthropic's clients look for it
  }
  if (!head.cors_origin.empty()) {
    add_field(text, "Access-Control-Allow-Origin", head.cors_origin);
    add_field(text, "Access-Control-Expose-Headers", "x-request-id, request-id, retry-after");
    if (head.cors_origin != "*") add_field(text, "Vary", "Origin");
  }
  for (const auto& [name, value] : head.fields) add_field(text, name, value);
  text.append("\r\n");
  return text;
}

std::string chunk_text(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

}  // namespace outrider
