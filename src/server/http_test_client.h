// A client that does what a test says, byte by byte, and never waits for ever.
#pragma once
#include <gtest/gtest.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/exchange.h"
#include "server/http_server.h"

namespace outrider {

// Far beyond what anything here takes on a busy machine; a test that waits so long has failed.
inline constexpr std::chrono::seconds kTestPatience{30};

struct TestReply {
  int status = 0;
  std::string head;  // with its lines' ends
  std::string body;  // chunks put together
  bool is_whole = false;

  // A field's value, by its name in lower case.
  std::string field(const std::string& name) const {
    std::string lower;
    for (const char c : head) lower.push_back(static_cast<char>(std::tolower(c)));
    const auto at = lower.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

class TestClient {
 public:
  using tcp = boost::asio::ip::tcp;

  // `receive_bytes` limits what the kernel takes for a client that does not read.
  explicit TestClient(std::uint16_t port, int receive_bytes = 0) : socket_(io_) {
    socket_.open(tcp::v4());
    if (receive_bytes > 0) {
      socket_.set_option(boost::asio::socket_base::receive_buffer_size(receive_bytes));
    }
    boost::system::error_code code;
    socket_.connect({boost::asio::ip::address_v4::loopback(), port}, code);
    EXPECT_FALSE(code) << code.message();
  }

  // From here on over TLS; whether that could be agreed on.
  bool begin_tls(boost::asio::ssl::context& context) {
    boost::system::error_code outcome = boost::asio::error::timed_out;
    tls_.emplace(socket_, context);
    tls_->async_handshake(boost::asio::ssl::stream_base::client,
                          [&](const auto& code) { outcome = code; });
    run();
    return !outcome;
  }

  // False where the server does not take it.
  bool send(std::string_view bytes) {
    boost::system::error_code outcome = boost::asio::error::timed_out;
    const auto handler = [&](const auto& code, std::size_t) { outcome = code; };
    if (tls_.has_value()) {
      boost::asio::async_write(*tls_, boost::asio::buffer(bytes), handler);
    } else {
      boost::asio::async_write(socket_, boost::asio::buffer(bytes), handler);
    }
    run();
    return !outcome;
  }

  // Reads until `is_enough` or the end; what came is in text().
  bool read_until(const std::function<bool(const std::string&)>& is_enough) {
    while (!is_enough(text_)) {
      if (!read_some()) return false;
    }
    return true;
  }
  bool read_until(std::string_view text) {
    return read_until([&](const std::string& all) { return all.find(text) != std::string::npos; });
  }
  // Whether the server ends the connection, in whatever way.
  bool read_to_end() {
    while (read_some()) {
    }
    return ended_;
  }

  // The next reply; the rest stays in text().
  TestReply read_reply(bool has_body = true) {
    TestReply reply;
    if (!read_until("\r\n\r\n")) return reply;
    const auto head_end = text_.find("\r\n\r\n") + 4;
    reply.head = text_.substr(0, head_end);
    text_.erase(0, head_end);
    reply.status = std::stoi(reply.head.substr(9, 3));
    if (!has_body || reply.status == 204) {
      reply.is_whole = true;
    } else if (reply.field("transfer-encoding") == "chunked") {
      reply.is_whole = read_chunks(reply.body);
    } else if (!reply.field("content-length").empty()) {
      reply.is_whole = take(std::stoul(reply.field("content-length")), reply.body);
    } else {
      reply.is_whole = read_to_end();
      reply.body = std::exchange(text_, "");
    }
    return reply;
  }
  TestReply ask(std::string_view request) {
    send(request);
    return read_reply();
  }

  const std::string& text() const { return text_; }
  void end_sending() { socket_.shutdown(tcp::socket::shutdown_send); }
  void close() { socket_.close(); }
  void reset() {
    socket_.set_option(boost::asio::socket_base::linger(true, 0));
    socket_.close();
  }

 private:
  void run() {
    io_.restart();
    io_.run_for(kTestPatience);
    if (!io_.stopped()) {
      socket_.cancel();
      io_.run();
      ADD_FAILURE() << "waited " << kTestPatience.count() << " s in vain";
    }
  }
  bool read_some() {
    if (ended_) return false;
    std::array<char, 16384> bytes;
    const auto handler = [&](const auto& code, std::size_t count) {
      text_.append(bytes.data(), count);
      ended_ = code && code != boost::asio::error::operation_aborted;
      failed_ = static_cast<bool>(code);
    };
    if (tls_.has_value()) {
      tls_->async_read_some(boost::asio::buffer(bytes), handler);
    } else {
      socket_.async_read_some(boost::asio::buffer(bytes), handler);
    }
    run();
    return !failed_;
  }
  bool take(std::size_t count, std::string& target) {
    if (!read_until([&](const std::string& all) { return all.size() >= count; })) return false;
    target += text_.substr(0, count);
    text_.erase(0, count);
    return true;
  }
  bool read_chunks(std::string& body) {
    for (;;) {
      if (!read_until("\r\n")) return false;
      const std::size_t size = std::stoul(text_, nullptr, 16);
      text_.erase(0, text_.find("\r\n") + 2);
      std::string chunk;
      if (!take(size + 2, chunk)) return false;
      body += chunk.substr(0, size);
      if (size == 0) return true;
    }
  }

  boost::asio::io_context io_;
  tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<tcp::socket&>> tls_;
  std::string text_;
  bool ended_ = false;
  bool failed_ = false;
};

inline std::string get(const std::string& target, const std::string& fields = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n";
}

inline std::string post(const std::string& target, const std::string& body,
                        const std::string& fields = "") {
  return "POST " + target +
         " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         fields + "\r\n" + body;
}

// Answers by a function of the test's.
class TestService final : public Service {
 public:
  using Answer = std::function<void(const std::shared_ptr<Exchange>&)>;
  explicit TestService(Answer answer) : answer_(std::move(answer)) {}
  void handle(std::shared_ptr<Exchange> exchange) override { answer_(exchange); }

 private:
  Answer answer_;
};

// Something that will happen, on whichever thread.
class TestSignal {
 public:
  void set() { promise_.set_value(); }
  bool wait(std::chrono::milliseconds patience = kTestPatience) {
    return future_.wait_for(patience) == std::future_status::ready;
  }

 private:
  std::promise<void> promise_;
  std::future<void> future_ = promise_.get_future();
};

inline HttpServer start_server(const HttpOptions& options, Service& service) {
  auto server = HttpServer::start(options, service);
  EXPECT_TRUE(server) << server.error().message;
  return std::move(*server);
}

}  // namespace outrider
