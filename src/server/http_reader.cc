#include "server/http_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace outrider {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t kIdBytesMax = 128;
constexpr std::size_t kLastChunkBytes = 5;  // 0, two line ends

// Visible ASCII only: it is repeated in a header field and in logs.
bool is_sane_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax &&
         std::ranges::all_of(id, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool same_word(std::string_view a, std::string_view b) {
  return beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

}  // namespace

class HttpReader::Parser final : public http::basic_parser<true> {
 public:
  explicit Parser(const HttpLimits& limits) : limits_(limits) {
    body_limit(limits.body_bytes);
    header_limit(static_cast<std::uint32_t>(limits.head_bytes));
  }

  std::size_t take(std::string_view bytes);

  State state = State::kHead;
  ApiError error;
  HttpHead head;
  std::string body;

 private:
  std::size_t take_head(std::string_view bytes);
  void fail(int status, std::string message) {
    if (state == State::kFailed) return;
    state = State::kFailed;
    error = {status, std::move(message), ""};
  }
  void fail(const error_code& code);
  void finish_head();
  void take_target(std::string_view target);
  void take_field(http::field name, std::string_view value);
  void take_unknown(std::string_view name, std::string_view value);

  // Called by the base class.
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target,
                       int version, error_code&) override {
    head.method = std::string(method);
    head.is_http_1_0 = version == 10;
    take_target({target.data(), target.size()});
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_field_impl(http::field field, beast::string_view name, beast::string_view value,
                     error_code&) override {
    // Fields behind the body (trailers) change nothing any more.
    if (state != State::kHead) return;
    if (field == http::field::unknown) {
      take_unknown({name.data(), name.size()}, {value.data(), value.size()});
    } else {
      take_field(field, {value.data(), value.size()});
    }
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view bytes, error_code&) override {
    // Grows with what came, whatever length was announced.
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, error_code&) override {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_finish_impl(error_code&) override {}

  const HttpLimits limits_;
  std::size_t head_bytes_ = 0;
  std::size_t hosts_ = 0;
  bool has_key_ = false;
  bool has_coding_ = false;
};

std::size_t HttpReader::Parser::take(std::string_view bytes) {
  if (state == State::kHead) return take_head(bytes);
  if (state != State::kBody) return 0;
  // Beast insists that a last chunk it is shown again has five bytes. No chunked body ends in
  // fewer.
  if (chunked() && bytes.size() < kLastChunkBytes) return 0;
  eager(true);
  error_code code;
  const std::size_t taken = put({bytes.data(), bytes.size()}, code);
  if (code && code != http::error::need_more) {
    fail(code);
  } else if (is_done()) {
    state = State::kDone;
  } else if (bytes.size() - taken >= limits_.head_bytes) {
    fail(400, "The request is not valid HTTP: a chunk's head or the trailer is too long");
  }
  return taken;
}

std::size_t HttpReader::Parser::take_head(std::string_view bytes) {
  std::size_t taken = 0;
  // Some clients send a line end too many behind a body (RFC 9112, 2.2).
  while (!got_some() && bytes.substr(taken).starts_with("\r\n")) taken += 2;
  if (!got_some() && bytes.substr(taken) == "\r") return taken;
  if (taken == bytes.size()) return taken;
  error_code code;
  const std::string_view rest = bytes.substr(taken);
  const std::size_t parsed = put({rest.data(), rest.size()}, code);
  taken += parsed;
  head_bytes_ += parsed;
  // The base class counts anew whenever its input ends where a field does.
  const bool is_long =
      head_bytes_ + (is_header_done() ? 0 : bytes.size() - taken) > limits_.head_bytes;
  if (is_long || code == http::error::header_limit) {
    fail(431,
         fmt::format("The request's header fields are longer than {} bytes", limits_.head_bytes));
  } else if (code && code != http::error::need_more) {
    fail(code);
  } else if (is_header_done()) {
    finish_head();
  }
  return taken;
}

void HttpReader::Parser::fail(const error_code& code) {
  if (code == http::error::body_limit) {
    fail(413, fmt::format("The request's body is longer than {} bytes", limits_.body_bytes));
  } else if (code == http::error::bad_version) {
    fail(505, "The request is not HTTP/1.1 or HTTP/1.0");
  } else {
    fail(400, fmt::format("The request is not valid HTTP: {}", code.message()));
  }
}

// What makes sense field by field, but not together.
void HttpReader::Parser::finish_head() {
  if (state == State::kFailed) return;
  head.keeps_alive = keep_alive();
  if (hosts_ > 1 || (hosts_ == 0 && !head.is_http_1_0)) {
    return fail(400, "The request is not valid HTTP: there must be one Host field");
  }
  if (has_coding_ && (head.is_http_1_0 || !chunked())) {
    return fail(501, "The request's transfer coding is none that this server reads: chunked");
  }
  state = is_done() ? State::kDone : State::kBody;
}

// Takes "/path?query", "http://host/path?query" or "*".
void HttpReader::Parser::take_target(std::string_view target) {
  const auto scheme = target.find("://");
  if (!target.starts_with('/') && scheme != std::string_view::npos) {
    const auto path = target.find('/', scheme + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  const auto mark = target.find('?');
  head.path = std::string(target.substr(0, mark));
  if (mark != std::string_view::npos) head.query = std::string(target.substr(mark + 1));
  if (!head.path.starts_with('/') && head.path != "*") {
    fail(400, "The request is not valid HTTP: its target must be a path");
  }
}

void HttpReader::Parser::take_field(http::field name, std::string_view value) {
  switch (name) {
    case http::field::host:
      hosts_++;
      break;
    case http::field::transfer_encoding:
      // "chunked" alone: with anything beside it, only part of the coding would be undone.
      has_coding_ = true;
      if (!same_word(trimmed(value), "chunked")) {
        fail(501, "The request's transfer coding is none that this server reads: chunked");
      }
      break;
    case http::field::content_encoding:
      if (!same_word(trimmed(value), "identity")) {
        fail(415, "The request's body is compressed, which this server does not read");
      }
      break;
    case http::field::expect:
      head.expects_continue = same_word(trimmed(value), "100-continue");
      if (!head.expects_continue) fail(417, "The request expects something else than 100-continue");
      break;
    case http::field::authorization:
      if (!has_key_ && value.size() > 7 && same_word(value.substr(0, 7), "Bearer ")) {
        head.key = std::string(trimmed(value.substr(7)));
        has_key_ = true;
      }
      break;
    case http::field::origin:
      head.origin = std::string(value);
      break;
    case http::field::access_control_request_method:
      head.asks_method = std::string(value);
      break;
    case http::field::access_control_request_headers:
      head.asks_headers = std::string(value);
      break;
    default:
      break;
  }
}

void HttpReader::Parser::take_unknown(std::string_view name, std::string_view value) {
  if (same_word(name, "x-request-id")) {
    if (is_sane_id(value)) head.id = std::string(value);
  } else if (same_word(name, "x-api-key") && !has_key_) {
    head.key = std::string(trimmed(value));
    has_key_ = true;
  }
}

HttpReader::HttpReader(const HttpLimits& limits) : parser_(std::make_unique<Parser>(limits)) {}
HttpReader::~HttpReader() = default;
std::size_t HttpReader::take(std::string_view bytes) {
  return parser_->take(bytes);
}
HttpReader::State HttpReader::state() const {
  return parser_->state;
}
const ApiError& HttpReader::error() const {
  return parser_->error;
}
const HttpHead& HttpReader::head() const {
  return parser_->head;
}
std::string& HttpReader::body() {
  return parser_->body;
}

}  // namespace outrider
