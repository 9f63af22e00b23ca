// Requests and replies as they should be.
#include "server/http_server.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <string>

#include "server/http_test_client.h"

namespace outrider {
namespace {

// Replies with what arrived.
void echo(const std::shared_ptr<Exchange>& exchange) {
  const HttpRequest& request = exchange->request();
  HttpReply reply;
  reply.body =
      fmt::format("{} {} [{}] {}", request.method, request.path, request.query, request.body);
  reply.headers.emplace_back("X-Test", "yes");
  exchange->reply(std::move(reply));
}

// As many parts as the path says: /3
void stream(const std::shared_ptr<Exchange>& exchange) {
  exchange->begin_stream("text/event-stream");
  const int count = std::stoi(exchange->request().path.substr(1));
  for (int i = 0; i < count; i++) exchange->write(fmt::format("data: {}\n\n", i));
  exchange->end_stream();
}

TEST(HttpServer, request_reaches_the_service_and_its_reply_the_client) {
  TestService service(echo);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  const TestReply reply = client.ask(post("/a/b?c=d&e", "body", "X-Request-Id: mine-1\r\n"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "POST /a/b [c=d&e] body");
  EXPECT_EQ(reply.field("content-type"), "application/json");
  EXPECT_EQ(reply.field("x-test"), "yes");
  EXPECT_EQ(reply.field("x-request-id"), "mine-1");
  EXPECT_EQ(reply.field("request-id"), "mine-1");
}

TEST(HttpServer, connection_serves_one_request_after_the_other) {
  TestService service(echo);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  for (int i = 0; i < 5; i++) {
    EXPECT_EQ(client.ask(get(fmt::format("/{}", i))).body, fmt::format("GET /{} [] ", i));
  }
  EXPECT_EQ(server.connections(), 1u);
}

TEST(HttpServer, requests_sent_ahead_are_answered_in_order) {
  TestService service(echo);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  client.send(get("/1") + post("/2", "two") + get("/3"));
  EXPECT_EQ(client.read_reply().body, "GET /1 [] ");
  EXPECT_EQ(client.read_reply().body, "POST /2 [] two");
  EXPECT_EQ(client.read_reply().body, "GET /3 [] ");
}

TEST(HttpServer, stream_arrives_in_chunks_and_the_connection_stays) {
  TestService service(stream);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  for (int round = 0; round < 2; round++) {
    const TestReply reply = client.ask(get("/3"));
    EXPECT_TRUE(reply.is_whole);
    EXPECT_EQ(reply.body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
    EXPECT_EQ(reply.field("content-type"), "text/event-stream");
    EXPECT_EQ(reply.field("cache-control"), "no-cache");
    EXPECT_EQ(reply.field("x-accel-buffering"), "no");
  }
}

TEST(HttpServer, stream_without_parts_is_whole) {
  TestService service(stream);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  const TestReply reply = client.ask(get("/0"));
  EXPECT_TRUE(reply.is_whole);
  EXPECT_EQ(reply.body, "");
}

TEST(HttpServer, old_clients_get_streams_that_end_with_the_connection) {
  TestService service(stream);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  const TestReply reply = client.ask("GET /2 HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(reply.is_whole);
  EXPECT_EQ(reply.field("transfer-encoding"), "");
  EXPECT_EQ(reply.body, "data: 0\n\ndata: 1\n\n");
}

TEST(HttpServer, old_clients_may_keep_their_connection) {
  TestService service(echo);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  const std::string request = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(client.ask(request).field("connection"), "keep-alive");
  EXPECT_EQ(client.ask("GET / HTTP/1.0\r\n\r\n").field("connection"), "close");
  EXPECT_TRUE(client.read_to_end());
}

TEST(HttpServer, connection_ends_where_the_client_wants_it) {
  TestService service(echo);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  EXPECT_EQ(client.ask(get("/", "Connection: close\r\n")).field("connection"), "close");
  EXPECT_TRUE(client.read_to_end());
}

TEST(HttpServer, head_gets_the_length_without_the_body) {
  TestService service(echo);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  client.send("HEAD /x HTTP/1.1\r\nHost: test\r\n\r\n");
  const TestReply reply = client.read_reply(false);
  EXPECT_EQ(reply.field("content-length"), std::to_string(std::string("GET /x [] ").size()));
  EXPECT_EQ(client.ask(get("/y")).body, "GET /y [] ");
}

TEST(HttpServer, head_of_a_stream_is_its_head) {
  TestService service(stream);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  client.send("HEAD /5 HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_EQ(client.read_reply(false).status, 200);
  EXPECT_EQ(client.ask(get("/1")).body, "data: 0\n\n");
}

TEST(HttpServer, chunks_of_a_request_are_one_body) {
  TestService service(echo);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  const std::string head = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
  const TestReply reply =
      client.ask(head + "3;name=value\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n");
  EXPECT_EQ(reply.body, "POST / [] abcde");
  EXPECT_EQ(client.ask(get("/next")).body, "GET /next [] ");
}

TEST(HttpServer, bytes_may_come_one_by_one) {
  TestService service(echo);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  const std::string request =
      "POST /slow HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  for (const char c : request) client.send({&c, 1});
  EXPECT_EQ(client.read_reply().body, "POST /slow [] abcde");
}

TEST(HttpServer, client_that_asks_first_is_told_to_go_on) {
  TestService service(echo);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  const std::string whole = post("/", "body", "Expect: 100-continue\r\n");
  client.send(whole.substr(0, whole.size() - 4));
  EXPECT_EQ(client.read_reply(false).status, 100);
  EXPECT_EQ(client.ask("body").body, "POST / [] body");
}

TEST(HttpServer, reply_from_another_thread_is_posted) {
  std::vector<std::thread> threads;
  std::mutex mutex;
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    const std::lock_guard lock(mutex);
    threads.emplace_back([exchange] {
      exchange->post([exchange] { exchange->begin_stream("text/plain"); });
      for (int i = 0; i < 100; i++)
        exchange->post([exchange, i] { exchange->write(std::to_string(i % 10)); });
      exchange->post([exchange] { exchange->end_stream(); });
    });
  });
  {
    const HttpServer server = start_server({}, service);
    TestClient client(server.port());
    for (int i = 0; i < 3; i++) {
      EXPECT_EQ(client.ask(get("/")).body.substr(0, 12), "012345678901");
    }
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(HttpServer, request_that_the_service_drops_is_a_failure_of_the_server) {
  TestService service([](const std::shared_ptr<Exchange>&) {});
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  EXPECT_EQ(client.ask(post("/v1/chat/completions", "{}")).status, 500);
  EXPECT_EQ(client.ask(get("/")).status, 500);
}

TEST(HttpServer, targets_may_name_the_server) {
  TestService service(echo);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  EXPECT_EQ(client.ask(get("http://host:80/path?query")).body, "GET /path [query] ");
  EXPECT_EQ(client.ask(get("http://host")).body, "GET / [] ");
}

TEST(HttpServer, port_in_use_is_said) {
  TestService service(echo);
  const HttpServer server = start_server({}, service);
  HttpOptions options;
  options.port = server.port();
  const auto second = HttpServer::start(options, service);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find(std::to_string(server.port())), std::string::npos);
}

TEST(HttpServer, unknown_address_is_said) {
  TestService service(echo);
  HttpOptions options;
  options.address = "not an address";
  const auto server = HttpServer::start(options, service);
  ASSERT_FALSE(server);
  EXPECT_NE(server.error().message.find("not an address"), std::string::npos);
}

}  // namespace
}  // namespace outrider
