// How the server ends.
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "server/http_server.h"
#include "server/http_test_client.h"

namespace outrider {
namespace {

using namespace std::chrono_literals;

// Holds every exchange until it is told to go on.
class Holding {
 public:
  void answer(const std::shared_ptr<Exchange>& exchange) {
    exchange->on_gone([this] { gone.set(); });
    exchange->begin_stream("text/plain");
    exchange->write("begun ");
    held_ = exchange;
    began.set();
  }
  void finish() {
    held_->post([exchange = held_] {
      exchange->write("ended");
      exchange->end_stream();
    });
    held_.reset();
  }
  const std::shared_ptr<Exchange>& held() const { return held_; }
  TestSignal began, gone;

 private:
  std::shared_ptr<Exchange> held_;
};

TEST(HttpStop, stop_waits_for_what_runs_and_takes_nothing_new) {
  Holding holding;
  TestService service([&](const auto& exchange) { holding.answer(exchange); });
  HttpServer server = start_server({}, service);
  TestClient client(server.port()), idle(server.port());
  client.send(get("/"));
  ASSERT_TRUE(holding.began.wait());
  server.stop();
  // Idle connections end first, and nobody listens any more.
  EXPECT_TRUE(idle.read_to_end());
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket late(io);
  boost::system::error_code code;
  late.connect({boost::asio::ip::address_v4::loopback(), server.port()}, code);
  EXPECT_TRUE(code);
  holding.finish();
  EXPECT_EQ(client.read_reply().body, "begun ended");
  EXPECT_TRUE(client.read_to_end());
  client.close();
  server.wait();
  EXPECT_EQ(server.connections(), 0u);
}

TEST(HttpStop, second_stop_does_not_wait) {
  Holding holding;
  TestService service([&](const auto& exchange) { holding.answer(exchange); });
  HttpServer server = start_server({}, service);
  TestClient client(server.port());
  client.send(get("/"));
  ASSERT_TRUE(holding.began.wait());
  server.stop();
  server.stop();
  EXPECT_TRUE(holding.gone.wait());
  EXPECT_TRUE(client.read_to_end());
  server.wait();
}

TEST(HttpStop, what_does_not_end_is_ended_after_the_drain_time) {
  Holding holding;
  HttpOptions options;
  options.limits.drain_time = 100ms;
  TestService service([&](const auto& exchange) { holding.answer(exchange); });
  HttpServer server = start_server(options, service);
  TestClient client(server.port());
  client.send(get("/"));
  ASSERT_TRUE(holding.began.wait());
  server.stop();
  EXPECT_TRUE(holding.gone.wait());
  server.wait();
}

TEST(HttpStop, exchange_may_outlive_the_server) {
  Holding holding;
  TestService service([&](const auto& exchange) { holding.answer(exchange); });
  {
    HttpServer server = start_server({}, service);
    TestClient client(server.port());
    client.send(get("/"));
    ASSERT_TRUE(holding.began.wait());
  }
  EXPECT_TRUE(holding.held()->gone());
  // Goes nowhere, also from a thread that does not know yet.
  bool has_run = false;
  holding.held()->post([&] { has_run = true; });
  holding.finish();
  EXPECT_FALSE(has_run);
}

TEST(HttpStop, server_ends_with_clients_in_every_state) {
  for (int round = 0; round < 20; round++) {
    std::vector<std::shared_ptr<Exchange>> held;
    std::mutex mutex;
    TestService service([&](const std::shared_ptr<Exchange>& exchange) {
      if (exchange->request().path == "/quick") return exchange->reply({});
      exchange->begin_stream("text/plain");
      const std::lock_guard lock(mutex);
      held.push_back(exchange);
    });
    HttpServer server = start_server({}, service);
    TestClient idle(server.port()), head(server.port()), body(server.port());
    TestClient streaming(server.port()), quick(server.port());
    head.send("GET / HT");
    body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
    streaming.send(get("/"));
    quick.send(get("/quick"));
    if (round % 2 == 0) server.stop();
  }
}

TEST(HttpStop, signals_stop_it) {
  Holding holding;
  HttpOptions options;
  options.stops_on_signals = true;
  TestService service([&](const auto& exchange) { holding.answer(exchange); });
  HttpServer server = start_server(options, service);
  TestClient client(server.port()), idle(server.port());
  client.send(get("/"));
  ASSERT_TRUE(holding.began.wait());
  std::raise(SIGTERM);
  EXPECT_TRUE(idle.read_to_end());
  EXPECT_FALSE(holding.gone.wait(0ms));
  std::raise(SIGTERM);
  EXPECT_TRUE(holding.gone.wait());
  server.wait();
}

TEST(HttpStop, a_signal_ends_a_server_that_nobody_uses) {
  HttpOptions options;
  options.stops_on_signals = true;
  TestService service([](const auto&) {});
  HttpServer server = start_server(options, service);
  std::raise(SIGTERM);
  server.wait();
}

}  // namespace
}  // namespace outrider
