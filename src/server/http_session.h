// One connection: its requests, one after the other, and the replies to them.
#pragma once
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/access_log.h"
#include "server/exchange.h"
#include "server/http_core.h"
#include "server/http_head.h"
#include "server/http_reader.h"

namespace outrider {

class HttpExchange;

// Everything runs on one strand. The socket is being read all the time, also during a reply: that
// is how a client's end is noticed at once. A client that ends its own direction while a reply is
// under way counts as gone. That is lawful in TCP, but no client of these APIs does it and all of
// them do it when their user gives up; who has sent a whole request first and gets its reply at
// once still reads that.
class HttpSession final : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(std::shared_ptr<HttpCore> core, boost::asio::ip::tcp::socket socket);

  // From any thread.
  void start();
  // Only says that there are too many connections.
  void start_refusing();
  // Ends after the request that is under way, if any.
  void drain();
  // Ends now.
  void abort();

  // For the exchange; on the strand, all but post().
  void post(std::function<void()> work);
  void reply(HttpReply reply);
  void begin_stream(std::string_view content_type);
  void write(std::string_view bytes);
  void end_stream();
  std::size_t unsent() const { return sending_.size() - sent_ + queued_.size(); }
  // The service let go of its exchange without a reply.
  void abandoned(std::size_t request_number);

  HttpCore& core() { return *core_; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Phase {
    kHandshake,  // of TLS
    kIdle,       // between requests
    kHead,       // reading a request's head
    kBody,       // reading its body
    kReply,      // the service is at it
    kFlush,      // all is said, not all is sent
    kLinger,     // nothing more is said; waits for the client's end
    kClosed,
  };
  // What is known of the request that is under way.
  struct Answer {
    AccessEntry entry;
    Clock::time_point began;
    std::string cors_origin;
    bool is_http_1_0 = false;
    bool is_head_only = false;
    bool keeps_alive = false;
    bool is_chunked = false;
  };

  void configure_socket();
  void handshake();
  void read();
  void on_read(const boost::system::error_code& code, std::size_t bytes);
  void on_input_end();
  void become_idle();
  void advance();
  bool charge_body();
  void uncharge_body();

  void begin_answer();
  bool admit();
  void preflight();
  void hand_over();
  void reject(const ApiError& error);
  void finish_answer();
  void write_log(bool was_aborted);
  std::string cors_origin_for(std::string_view origin) const;
  HttpReplyHead reply_head(int status) const;

  void send(std::string_view bytes);
  void pump();
  void on_written(const boost::system::error_code& code, std::size_t bytes);

  void tick();
  void check_time();
  void lose();
  void linger();
  void close();
  bool is_closed() const { return phase_ == Phase::kClosed; }

  std::shared_ptr<HttpCore> core_;  // first: outlives what is bound to its context
  boost::asio::ip::tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  boost::asio::steady_timer timer_;
  std::string client_;

  Phase phase_ = Phase::kIdle;
  Clock::time_point deadline_ = Clock::time_point::max();  // of the phase
  bool input_ended_ = false;
  std::array<char, 8192> input_;
  std::string in_;  // read and not taken yet; behind a request, the next ones
  std::optional<HttpReader> reader_;
  std::size_t body_bytes_ = 0;  // of the reader, counted in the core

  std::size_t request_number_ = 0;
  Answer answer_;
  std::weak_ptr<HttpExchange> exchange_;

  std::string sending_;
  std::size_t sent_ = 0;  // of sending_
  std::string queued_;
  bool is_writing_ = false;
  Clock::time_point stalls_at_;
};

}  // namespace outrider
