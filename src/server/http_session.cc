// Reading, time and the end of a connection; replies are in http_session_reply.cc.
#include "server/http_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <utility>

#include "server/http_exchange.h"

namespace outrider {
namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

// What the kernel may hold for a client that does not read. With its own choice, some megabytes,
// a slow reader would not be noticed before the end of most replies.
constexpr int kSocketSendBytes = 128 << 10;
// How long a connection that was ended waits for the client's end: closing at once would take back
// the last bytes of a reply from a client that is still sending.
constexpr auto kLingerTime = 1s;

}  // namespace

HttpSession::HttpSession(std::shared_ptr<HttpCore> core, boost::asio::ip::tcp::socket socket)
    : core_(std::move(core)), socket_(std::move(socket)), timer_(socket_.get_executor()) {
  if (core_->tls.has_value()) tls_.emplace(socket_, *core_->tls);
}

void HttpSession::start() {
  post([self = shared_from_this()] {
    self->configure_socket();
    self->tick();
    if (self->tls_.has_value()) return self->handshake();
    self->become_idle();
    self->deadline_ = Clock::now() + self->core_->options.limits.head_time;
    self->read();
  });
}

void HttpSession::start_refusing() {
  post([self = shared_from_this()] {
    if (self->tls_.has_value()) return self->close();
    self->configure_socket();
    self->tick();
    self->read();
    self->reject({503, "The server has too many connections", ""});
  });
}

void HttpSession::drain() {
  post([self = shared_from_this()] {
    const bool is_between = self->phase_ == Phase::kIdle && self->in_.empty();
    if (is_between || self->phase_ == Phase::kHandshake) self->close();
  });
}

void HttpSession::abort() {
  post([self = shared_from_this()] { self->lose(); });
}

void HttpSession::post(std::function<void()> work) {
  core_->post(socket_.get_executor(), std::move(work));
}

void HttpSession::configure_socket() {
  error_code ignored;
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(boost::asio::socket_base::keep_alive(true), ignored);
  socket_.set_option(boost::asio::socket_base::send_buffer_size(kSocketSendBytes), ignored);
  const auto client = socket_.remote_endpoint(ignored);
  if (!ignored) client_ = client.address().to_string();
}

void HttpSession::handshake() {
  phase_ = Phase::kHandshake;
  deadline_ = Clock::now() + core_->options.limits.head_time;
  tls_->async_handshake(boost::asio::ssl::stream_base::server,
                        [self = shared_from_this()](const error_code& code) {
                          if (self->is_closed()) return;
                          if (code) return self->close();
                          self->become_idle();
                          self->read();
                        });
}

void HttpSession::read() {
  auto handler = [self = shared_from_this()](const error_code& code, std::size_t bytes) {
    self->on_read(code, bytes);
  };
  if (tls_.has_value()) {
    tls_->async_read_some(boost::asio::buffer(input_), std::move(handler));
  } else {
    socket_.async_read_some(boost::asio::buffer(input_), std::move(handler));
  }
}

void HttpSession::on_read(const error_code& code, std::size_t bytes) {
  if (is_closed()) return;
  if (code) return on_input_end();
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kHead:
    case Phase::kBody:
      in_.append(input_.data(), bytes);
      advance();
      break;
    case Phase::kReply:
    case Phase::kFlush:
      // Requests that were sent ahead wait. More of them than one head's worth are read, so that
      // the client's end is still seen, but dropped: the connection ends behind this reply, which
      // is lawful, and the client sends them again.
      if (in_.size() + bytes > core_->options.limits.head_bytes) answer_.keeps_alive = false;
      if (answer_.keeps_alive) in_.append(input_.data(), bytes);
      break;
    default:
      break;
  }
  if (!is_closed()) read();
}

void HttpSession::on_input_end() {
  input_ended_ = true;
  if (phase_ == Phase::kReply) return lose();
  if (phase_ != Phase::kFlush) close();
}

void HttpSession::become_idle() {
  phase_ = Phase::kIdle;
  deadline_ = Clock::now() + core_->options.limits.idle_time;
  reader_.emplace(core_->options.limits);
  if (core_->is_draining && in_.empty()) close();
}

// Takes what was read as far as it goes.
void HttpSession::advance() {
  const HttpLimits& limits = core_->options.limits;
  while (!in_.empty() && phase_ <= Phase::kBody) {
    if (phase_ == Phase::kIdle) {
      phase_ = Phase::kHead;
      deadline_ = Clock::now() + limits.head_time;
    }
    const std::size_t taken = reader_->take(in_);
    in_.erase(0, taken);
    if (!charge_body()) {
      return reject({503, "The server holds as many request bodies as it may", ""});
    }
    const HttpReader::State state = reader_->state();
    if (state == HttpReader::State::kFailed) return reject(reader_->error());
    const bool has_head = state == HttpReader::State::kBody || state == HttpReader::State::kDone;
    if (has_head && phase_ == Phase::kHead) {
      begin_answer();
      if (!admit()) return;
      phase_ = Phase::kBody;
      deadline_ = Clock::now() + limits.body_time;
      if (reader_->head().expects_continue && in_.empty()) send("HTTP/1.1 100 Continue\r\n\r\n");
    } else if (taken == 0 && state != HttpReader::State::kDone) {
      return;  // needs more
    }
    if (state == HttpReader::State::kDone) return hand_over();
  }
}

// Counts what came of the body. False if all connections together hold too much.
bool HttpSession::charge_body() {
  const std::size_t size = reader_->body().size();
  const std::size_t more = size - body_bytes_;
  if (more == 0) return true;
  body_bytes_ = size;
  return core_->bodies_bytes.fetch_add(more) + more <= core_->options.limits.bodies_bytes;
}

void HttpSession::uncharge_body() {
  core_->bodies_bytes -= body_bytes_;
  body_bytes_ = 0;
}

// Looks at the time now and then: cheaper than a timer that is set anew for every read and write,
// and none of the limits needs more precision.
void HttpSession::tick() {
  const HttpLimits& limits = core_->options.limits;
  const auto shortest =
      std::min({limits.head_time, limits.body_time, limits.idle_time, limits.stall_time});
  timer_.expires_after(std::clamp<HttpLimits::Time>(shortest / 4, 10ms, 500ms));
  timer_.async_wait([self = shared_from_this()](const error_code&) {
    if (self->is_closed()) return;
    self->check_time();
    if (!self->is_closed()) self->tick();
  });
}

void HttpSession::check_time() {
  const auto now = Clock::now();
  if (is_writing_ && now >= stalls_at_) return lose();
  if (now < deadline_) return;
  const bool is_reading = phase_ == Phase::kHead || phase_ == Phase::kBody;
  if (!is_reading) return close();
  const auto limit =
      phase_ == Phase::kHead ? core_->options.limits.head_time : core_->options.limits.body_time;
  const std::chrono::duration<double> seconds = limit;
  reject({408,
          fmt::format("The request's {} did not come within {} s",
                      phase_ == Phase::kHead ? "head" : "body", seconds.count()),
          ""});
}

// The client is gone, or is made to be.
void HttpSession::lose() {
  if (is_closed()) return;
  if (phase_ == Phase::kReply || phase_ == Phase::kFlush) {
    write_log(true);
    if (const auto exchange = exchange_.lock()) exchange->lose();
    // A reset: the kernel drops what it still holds, and the client sees that the reply is not
    // whole.
    error_code ignored;
    socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  }
  close();
}

// All is said. The client may read it in peace.
void HttpSession::linger() {
  if (input_ended_) return close();
  phase_ = Phase::kLinger;
  deadline_ = Clock::now() + kLingerTime;
  if (tls_.has_value()) {
    tls_->async_shutdown([self = shared_from_this()](const error_code&) {
      error_code ignored;
      if (!self->is_closed()) {
        self->socket_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
      }
    });
  } else {
    error_code ignored;
    socket_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
  }
}

void HttpSession::close() {
  if (is_closed()) return;
  phase_ = Phase::kClosed;
  uncharge_body();
  reader_.reset();
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
  core_->remove(this);
}

}  // namespace outrider
