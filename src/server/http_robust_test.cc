// What clients do that they should not, and what it costs the others.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>

#include "server/http_reader_test_requests.h"
#include "server/http_server.h"
#include "server/http_test_client.h"

namespace outrider {
namespace {

using namespace std::chrono_literals;

void say_ok(const std::shared_ptr<Exchange>& exchange) {
  HttpReply reply;
  reply.body = "{\"length\": " + std::to_string(exchange->request().body.size()) + "}";
  exchange->reply(std::move(reply));
}

// Writes without end, `bytes` at a time, whatever the client takes; or only what it takes.
void pour(const std::shared_ptr<Exchange>& exchange, std::size_t bytes, bool is_patient) {
  if (exchange->gone()) return;
  if (!is_patient || exchange->unsent() == 0) exchange->write(std::string(bytes, 'x'));
  exchange->post([exchange, bytes, is_patient] { pour(exchange, bytes, is_patient); });
}

// Begins a stream and keeps it open; `gone` is set when its client is.
class OpenStream {
 public:
  void answer(const std::shared_ptr<Exchange>& exchange) {
    exchange->on_gone([this] { gone.set(); });
    exchange->begin_stream("text/event-stream");
    exchange->write("data: begun\n\n");
    held_ = exchange;
  }
  void release() { held_.reset(); }
  TestSignal gone;

 private:
  std::shared_ptr<Exchange> held_;
};

TEST(HttpRobust, client_that_hangs_up_in_a_stream_is_gone_at_once) {
  for (const bool with_reset : {false, true}) {
    OpenStream stream;
    TestService service([&](const auto& exchange) { stream.answer(exchange); });
    const HttpServer server = start_server({}, service);
    TestClient client(server.port());
    client.send(get("/"));
    ASSERT_TRUE(client.read_until("data: begun"));
    if (with_reset) {
      client.reset();
    } else {
      client.close();
    }
    EXPECT_TRUE(stream.gone.wait());
    stream.release();
  }
}

TEST(HttpRobust, client_that_hangs_up_while_it_waits_is_gone_at_once) {
  TestSignal began, gone;
  std::shared_ptr<Exchange> held;
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    exchange->on_gone([&, exchange] {
      EXPECT_TRUE(exchange->gone());
      gone.set();
    });
    held = exchange;
    began.set();
  });
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  client.send(post("/v1/chat/completions", "{}"));
  ASSERT_TRUE(began.wait());
  client.close();
  EXPECT_TRUE(gone.wait());
  // What is said to it goes nowhere.
  TestSignal said;
  held->post([&] {
    held->reply({});
    said.set();
  });
  EXPECT_TRUE(said.wait());
  held.reset();
}

TEST(HttpRobust, client_that_ends_its_own_direction_is_gone_while_a_reply_is_under_way) {
  OpenStream stream;
  TestService service([&](const auto& exchange) { stream.answer(exchange); });
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  client.send(get("/"));
  ASSERT_TRUE(client.read_until("data: begun"));
  client.end_sending();
  EXPECT_TRUE(stream.gone.wait());
  stream.release();
}

TEST(HttpRobust, whoever_learns_late_that_a_client_is_gone_is_told_still) {
  TestSignal began, told;
  std::shared_ptr<Exchange> held;
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    held = exchange;
    began.set();
  });
  const HttpServer server = start_server({}, service);
  {
    TestClient client(server.port());
    client.send(get("/"));
    ASSERT_TRUE(began.wait());
  }
  while (server.connections() > 0) std::this_thread::yield();
  held->post([&] { held->on_gone([&] { told.set(); }); });
  EXPECT_TRUE(told.wait());
  held.reset();
}

TEST(HttpRobust, quick_reply_reaches_a_client_that_ended_its_own_direction) {
  TestService service(say_ok);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  client.send(get("/"));
  client.end_sending();
  // Unless its end was there first, in which case the connection just ends.
  ASSERT_TRUE(client.read_to_end());
  EXPECT_TRUE(client.text().empty() || client.text().starts_with("HTTP/1.1 200"));
}

TEST(HttpRobust, reader_that_leaves_too_much_unread_is_dropped_and_others_go_on) {
  TestSignal gone;
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    if (exchange->request().path != "/slow") return say_ok(exchange);
    exchange->on_gone([&] { gone.set(); });
    exchange->begin_stream("text/event-stream");
    pour(exchange, 16 << 10, false);
  });
  const HttpServer server = start_server({}, service);
  TestClient slow(server.port(), 4096);
  slow.send(get("/slow"));
  TestClient other(server.port());
  for (int i = 0; i < 50; i++) EXPECT_EQ(other.ask(get("/")).status, 200);
  EXPECT_TRUE(gone.wait());
  EXPECT_EQ(other.ask(get("/")).status, 200);
}

TEST(HttpRobust, reader_that_takes_nothing_any_more_is_dropped_and_another_stream_goes_on) {
  HttpOptions options;
  options.limits.stall_time = 300ms;
  TestSignal gone;
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    if (exchange->request().path == "/slow") exchange->on_gone([&] { gone.set(); });
    exchange->begin_stream("text/event-stream");
    pour(exchange, 16 << 10, true);
  });
  const HttpServer server = start_server(options, service);
  TestClient slow(server.port(), 4096);
  slow.send(get("/slow"));
  TestClient other(server.port());
  other.send(get("/"));
  std::size_t wanted = 0;
  while (!gone.wait(1ms)) {
    wanted += 100'000;
    ASSERT_TRUE(other.read_until([&](const std::string& all) { return all.size() > wanted; }));
  }
  ASSERT_TRUE(other.read_until([&](const auto& all) { return all.size() > wanted + 100'000; }));
}

TEST(HttpRobust, reader_that_is_only_slow_gets_everything) {
  constexpr std::size_t kBytes = 3 << 20;
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    HttpReply reply;
    reply.body = std::string(kBytes, 'x');
    exchange->reply(std::move(reply));
  });
  const HttpServer server = start_server({}, service);
  TestClient client(server.port(), 4096);
  EXPECT_EQ(client.ask(get("/")).body.size(), kBytes);
}

TEST(HttpRobust, slow_heads_and_bodies_end_with_408) {
  HttpOptions options;
  options.limits.head_time = 200ms;
  options.limits.body_time = 200ms;
  TestService service(say_ok);
  const HttpServer server = start_server(options, service);
  TestClient head(server.port()), body(server.port()), silent(server.port());
  head.send("GET / HTTP/1.1\r\nHost:");
  body.send("POST /v1/messages HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n{");
  const TestReply late_head = head.read_reply();
  EXPECT_EQ(late_head.status, 408);
  EXPECT_EQ(late_head.field("connection"), "close");
  const TestReply late_body = body.read_reply();
  EXPECT_EQ(late_body.status, 408);
  EXPECT_NE(late_body.body.find("\"type\":\"error\""), std::string::npos) << late_body.body;
  EXPECT_TRUE(head.read_to_end());
  EXPECT_TRUE(body.read_to_end());
  // Who never said anything is told nothing.
  EXPECT_TRUE(silent.read_to_end());
  EXPECT_EQ(silent.text(), "");
}

TEST(HttpRobust, dripping_does_not_extend_a_heads_time) {
  HttpOptions options;
  options.limits.head_time = 300ms;
  TestService service(say_ok);
  const HttpServer server = start_server(options, service);
  TestClient client(server.port());
  client.send("GET / HTTP/1.1\r\n");
  TestSignal never;
  while (server.connections() > 0 && client.send("A: b\r\n")) EXPECT_FALSE(never.wait(20ms));
  EXPECT_TRUE(client.read_to_end());
  EXPECT_TRUE(client.text().empty() || client.text().starts_with("HTTP/1.1 408"));
}

TEST(HttpRobust, idle_connections_end) {
  HttpOptions options;
  options.limits.idle_time = 200ms;
  TestService service(say_ok);
  const HttpServer server = start_server(options, service);
  TestClient client(server.port());
  EXPECT_EQ(client.ask(get("/")).status, 200);
  EXPECT_TRUE(client.read_to_end());
  EXPECT_EQ(client.text(), "");
}

TEST(HttpRobust, too_long_a_body_is_refused_before_it_is_sent) {
  HttpOptions options;
  options.limits.body_bytes = 1000;
  TestService service(say_ok);
  const HttpServer server = start_server(options, service);
  TestClient client(server.port());
  const TestReply reply = client.ask(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(reply.status, 413);
  EXPECT_NE(reply.body.find("invalid_request_error"), std::string::npos);
  EXPECT_TRUE(client.read_to_end());
}

TEST(HttpRobust, client_that_sends_too_long_a_body_all_the_same_reads_why) {
  HttpOptions options;
  options.limits.body_bytes = 1000;
  TestService service(say_ok);
  const HttpServer server = start_server(options, service);
  TestClient client(server.port());
  client.send(post("/v1/messages", std::string(300'000, 'x')));
  const TestReply reply = client.read_reply();
  EXPECT_EQ(reply.status, 413);
  EXPECT_NE(reply.body.find("request_too_large"), std::string::npos);
}

TEST(HttpRobust, too_long_a_head_is_refused) {
  TestService service(say_ok);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  const TestReply reply = client.ask(get("/v1/models", "A: " + std::string(20'000, 'a') + "\r\n"));
  EXPECT_EQ(reply.status, 431);
  EXPECT_NE(reply.body.find("16384"), std::string::npos) << reply.body;
}

TEST(HttpRobust, bodies_of_all_connections_together_are_bounded) {
  HttpOptions options;
  options.limits.bodies_bytes = 100'000;
  TestSignal began;
  std::shared_ptr<Exchange> held;
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    if (exchange->request().path != "/held") return say_ok(exchange);
    held = exchange;
    began.set();
  });
  const HttpServer server = start_server(options, service);
  TestClient holding(server.port()), client(server.port());
  holding.send(post("/held", std::string(90'000, 'x')));
  ASSERT_TRUE(began.wait());
  const TestReply reply = client.ask(post("/", std::string(20'000, 'x')));
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.field("retry-after"), "");
  held->post([exchange = held] { say_ok(exchange); });
  held.reset();
  EXPECT_EQ(holding.read_reply().body, "{\"length\": 90000}");
  EXPECT_EQ(holding.ask(post("/", std::string(90'000, 'x'))).status, 200);
}

TEST(HttpRobust, too_many_connections_are_refused_until_one_ends) {
  HttpOptions options;
  options.limits.connections = 2;
  TestService service(say_ok);
  const HttpServer server = start_server(options, service);
  auto first = std::make_unique<TestClient>(server.port());
  TestClient second(server.port());
  EXPECT_EQ(first->ask(get("/")).status, 200);
  EXPECT_EQ(second.ask(get("/")).status, 200);
  TestClient third(server.port());
  EXPECT_EQ(third.read_reply().status, 503);
  EXPECT_TRUE(third.read_to_end());
  third.close();
  first.reset();
  while (server.connections() > 1) std::this_thread::yield();
  TestClient fourth(server.port());
  EXPECT_EQ(fourth.ask(get("/")).status, 200);
}

TEST(HttpRobust, requests_sent_far_ahead_end_the_connection_behind_the_reply) {
  std::shared_ptr<Exchange> held;
  TestSignal began;
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    held = exchange;
    began.set();
  });
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  client.send(get("/"));
  ASSERT_TRUE(began.wait());
  // More than the kernel holds: the server has read beyond its limit when this is sent.
  for (int i = 0; i < 32; i++) ASSERT_TRUE(client.send(std::string(1 << 20, 'x')));
  TestSignal said;
  held->post([&] {
    held->reply({});
    said.set();
  });
  ASSERT_TRUE(said.wait());
  held.reset();
  EXPECT_EQ(client.read_reply().status, 200);
  EXPECT_TRUE(client.read_to_end());
  EXPECT_EQ(client.text(), "");
}

TEST(HttpRobust, malformed_requests_harm_nobody) {
  TestService service(say_ok);
  const HttpServer server = start_server({}, service);
  TestClient other(server.port());
  std::mt19937 random(11);
  const auto samples = sample_requests();
  for (int round = 0; round < 300; round++) {
    const std::string text = damaged(samples[random() % samples.size()], random);
    TestClient client(server.port());
    client.send(text);
    client.end_sending();
    EXPECT_TRUE(client.read_to_end());
    EXPECT_TRUE(client.text().empty() || client.text().starts_with("HTTP/1.1 ")) << text;
    EXPECT_TRUE(round % 50 != 0 || other.ask(get("/")).status == 200);
  }
  while (server.connections() > 1) std::this_thread::yield();
}

TEST(HttpRobust, five_hundred_streams_are_open_at_once) {
  constexpr std::size_t kStreams = 500;
  std::atomic<std::size_t> open = 0;
  std::mutex mutex;
  std::vector<std::shared_ptr<Exchange>> held;
  TestSignal all_open;
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    exchange->begin_stream("text/event-stream");
    exchange->write("data: " + exchange->request().path + "\n\n");
    const std::lock_guard lock(mutex);
    held.push_back(exchange);
    if (++open == kStreams) all_open.set();
  });
  const HttpServer server = start_server({}, service);
  boost::asio::io_context io;
  std::vector<boost::asio::ip::tcp::socket> sockets;
  for (std::size_t i = 0; i < kStreams; i++) {
    auto& socket = sockets.emplace_back(io);
    socket.connect({boost::asio::ip::address_v4::loopback(), server.port()});
    boost::asio::write(socket, boost::asio::buffer(get(fmt::format("/{}", i))));
  }
  ASSERT_TRUE(all_open.wait());
  EXPECT_EQ(server.connections(), kStreams);
  for (const auto& exchange : held) {
    exchange->post([exchange] {
      exchange->write("data: end of " + exchange->request().path + "\n\n");
      exchange->end_stream();
    });
  }
  held.clear();
  for (std::size_t i = 0; i < kStreams; i++) {
    std::string text;
    boost::asio::read_until(sockets[i], boost::asio::dynamic_buffer(text), "\r\n0\r\n\r\n");
    EXPECT_NE(text.find(fmt::format("data: end of /{}\n\n", i)), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace outrider
