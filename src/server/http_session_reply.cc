// Replies of a connection: from a request's head to the last byte sent.
#include <algorithm>
#include <boost/asio/write.hpp>
#include <utility>

#include "server/api_error.h"
#include "server/http_exchange.h"
#include "server/http_session.h"

namespace outrider {
namespace {

using boost::system::error_code;

constexpr std::size_t kWriteBytes = 64 << 10;  // at once, so that progress shows
constexpr int kClientGone = 499;               // of nginx; in logs only

bool needs_no_key(const std::string& path) {
  return path == "/health" || path == "/health/live" || path == "/health/ready";
}

bool has_no_body(int status) {
  return status == 204 || status == 304;
}

}  // namespace

// What the reply needs of the request, whose reader is soon used up.
void HttpSession::begin_answer() {
  const HttpHead& head = reader_->head();
  answer_ = {};
  answer_.began = Clock::now();
  answer_.entry.began = std::chrono::system_clock::now();
  answer_.entry.client = client_;
  answer_.entry.method = head.method;
  answer_.entry.path = head.path;
  answer_.entry.id = head.id.empty() ? core_->new_id() : head.id;
  answer_.entry.status = kClientGone;
  answer_.cors_origin = cors_origin_for(head.origin);
  answer_.is_http_1_0 = head.is_http_1_0;
  answer_.is_head_only = head.method == "HEAD";
  answer_.keeps_alive = head.keeps_alive;
}

// Answers what needs no service. False if it did, and the body is not wanted.
bool HttpSession::admit() {
  const HttpHead& head = reader_->head();
  const bool is_options = head.method == "OPTIONS";
  const bool is_preflight = is_options && !head.origin.empty() && !head.asks_method.empty();
  if ((is_preflight && !core_->options.cors_origins.empty()) || (is_options && head.path == "*")) {
    preflight();
    return false;
  }
  if (core_->keys.is_empty() || needs_no_key(head.path) || core_->keys.admits(head.key)) {
    return true;
  }
  reject({401,
          head.key.empty() ? "An API key is needed, in \"Authorization: Bearer\" or x-api-key"
                           : "The API key is not one of this server's",
          ""});
  return false;
}

// A page of an origin that is not allowed gets a reply without permission in it.
void HttpSession::preflight() {
  answer_.entry.status = 204;
  HttpReplyHead head = reply_head(204);
  if (!answer_.cors_origin.empty()) {
    head.fields.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    // Repeated rather than "*", which does not mean Authorization.
    const std::string& asked = reader_->head().asks_headers;
    if (!asked.empty()) head.fields.emplace_back("Access-Control-Allow-Headers", asked);
    head.fields.emplace_back("Access-Control-Max-Age", "86400");
  }
  if (reader_->state() != HttpReader::State::kDone) answer_.keeps_alive = false;
  head.keeps_alive = answer_.keeps_alive;
  phase_ = Phase::kFlush;
  deadline_ = Clock::time_point::max();
  send(head_text(head));
}

void HttpSession::hand_over() {
  HttpRequest request;
  const HttpHead& head = reader_->head();
  request.method = answer_.is_head_only ? "GET" : head.method;
  request.path = head.path;
  request.query = head.query;
  request.id = answer_.entry.id;
  request.body = std::move(reader_->body());
  body_bytes_ = 0;  // the exchange takes the charge
  phase_ = Phase::kReply;
  deadline_ = Clock::time_point::max();
  request_number_++;
  auto exchange =
      std::make_shared<HttpExchange>(shared_from_this(), request_number_, std::move(request));
  exchange_ = exchange;
  core_->service.handle(std::move(exchange));
}

// Says why, in the words of the path's API; the connection ends unless all of the request is read.
void HttpSession::reject(const ApiError& error) {
  const bool is_whole = phase_ == Phase::kHead && reader_->state() == HttpReader::State::kDone;
  if (!reader_.has_value()) reader_.emplace(core_->options.limits);
  if (!is_whole) begin_answer();
  if (!is_whole) answer_.keeps_alive = false;
  HttpReply said;
  said.status = error.status;
  said.body = error_body(api_of_path(answer_.entry.path), error, answer_.entry.id);
  if (error.status == 401) said.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (error.status == 503) said.headers.emplace_back("Retry-After", "1");
  uncharge_body();
  phase_ = Phase::kReply;
  deadline_ = Clock::time_point::max();
  reply(std::move(said));
}

std::string HttpSession::cors_origin_for(std::string_view origin) const {
  if (origin.empty()) return {};
  for (const std::string& allowed : core_->options.cors_origins) {
    if (allowed == "*") return "*";
    if (allowed == origin) return allowed;
  }
  return {};
}

HttpReplyHead HttpSession::reply_head(int status) const {
  HttpReplyHead head;
  head.status = status;
  head.is_http_1_0 = answer_.is_http_1_0;
  head.id = answer_.entry.id;
  head.cors_origin = answer_.cors_origin;
  return head;
}

void HttpSession::reply(HttpReply reply) {
  if (phase_ != Phase::kReply) return;
  if (core_->is_draining) answer_.keeps_alive = false;
  answer_.entry.status = reply.status;
  HttpReplyHead head = reply_head(reply.status);
  head.keeps_alive = answer_.keeps_alive;
  if (!has_no_body(reply.status)) {
    head.content_type = reply.content_type;
    head.content_bytes = reply.body.size();
  }
  head.fields = std::move(reply.headers);
  phase_ = Phase::kFlush;
  std::string text = head_text(head);
  if (!has_no_body(reply.status) && !answer_.is_head_only) {
    answer_.entry.bytes = reply.body.size();
    text += reply.body;
  }
  send(text);
}

void HttpSession::begin_stream(std::string_view content_type) {
  if (phase_ != Phase::kReply) return;
  // A client of HTTP/1.0 does not know chunks: its reply ends with the connection.
  answer_.is_chunked = !answer_.is_http_1_0;
  if (core_->is_draining || answer_.is_http_1_0) answer_.keeps_alive = false;
  answer_.entry.status = 200;
  HttpReplyHead head = reply_head(200);
  head.keeps_alive = answer_.keeps_alive;
  head.content_type = content_type;
  head.is_chunked = answer_.is_chunked;
  head.is_stream = true;
  send(head_text(head));
}

void HttpSession::write(std::string_view bytes) {
  if (phase_ != Phase::kReply || bytes.empty() || answer_.is_head_only) return;
  // Judged by what was unsent before: one write may be as large as it likes.
  if (unsent() > core_->options.limits.unsent_bytes) return lose();
  answer_.entry.bytes += bytes.size();
  if (answer_.is_chunked) {
    send(chunk_text(bytes));
  } else {
    send(bytes);
  }
}

void HttpSession::end_stream() {
  if (phase_ != Phase::kReply) return;
  phase_ = Phase::kFlush;
  if (answer_.is_chunked && !answer_.is_head_only) send(kLastChunk);
  if (!is_writing_) finish_answer();
}

void HttpSession::abandoned(std::size_t request_number) {
  if (phase_ != Phase::kReply || request_number != request_number_) return;
  if (answer_.entry.status != kClientGone) return lose();  // a stream without its end
  HttpReply said;
  said.status = 500;
  said.body = error_body(api_of_path(answer_.entry.path),
                         {500, "The request was dropped by the server", ""}, answer_.entry.id);
  reply(std::move(said));
}

// All of the reply is with the kernel.
void HttpSession::finish_answer() {
  write_log(false);
  exchange_.reset();
  if (!answer_.keeps_alive || core_->is_draining) return linger();
  if (input_ended_) return close();
  become_idle();
  if (!is_closed()) advance();
}

void HttpSession::write_log(bool was_aborted) {
  if (!core_->log.is_on()) return;
  answer_.entry.was_aborted = was_aborted;
  answer_.entry.ms =
      std::chrono::duration<double, std::milli>(Clock::now() - answer_.began).count();
  core_->log.write(answer_.entry);
}

void HttpSession::send(std::string_view bytes) {
  queued_.append(bytes);
  if (!is_writing_) pump();
}

void HttpSession::pump() {
  if (sent_ == sending_.size()) {
    sending_.clear();
    sent_ = 0;
    std::swap(sending_, queued_);
  }
  if (sending_.empty()) {
    if (phase_ == Phase::kFlush) finish_answer();
    return;
  }
  is_writing_ = true;
  stalls_at_ = Clock::now() + core_->options.limits.stall_time;
  const auto bytes =
      boost::asio::buffer(sending_.data() + sent_, std::min(sending_.size() - sent_, kWriteBytes));
  auto handler = [self = shared_from_this()](const error_code& code, std::size_t written) {
    self->on_written(code, written);
  };
  if (tls_.has_value()) {
    tls_->async_write_some(bytes, std::move(handler));
  } else {
    socket_.async_write_some(bytes, std::move(handler));
  }
}

void HttpSession::on_written(const error_code& code, std::size_t bytes) {
  is_writing_ = false;
  if (is_closed()) return;
  if (code) return lose();
  sent_ += bytes;
  pump();
}

}  // namespace outrider
