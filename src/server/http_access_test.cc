// Who may ask, from which pages, and what is written down about it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>

#include "server/access_log.h"
#include "server/api_keys.h"
#include "server/http_server.h"
#include "server/http_test_client.h"

namespace outrider {
namespace {

namespace fs = std::filesystem;

void say_ok(const std::shared_ptr<Exchange>& exchange) {
  HttpReply reply;
  reply.body = "ok";
  exchange->reply(std::move(reply));
}

// A file of this test's own that is gone afterwards.
class TestFile {
 public:
  explicit TestFile(const std::string& name, const std::string& text = "")
      : path_(fs::temp_directory_path() /
              (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) +
               std::to_string(std::random_device()()) + name)) {
    std::ofstream(path_) << text;
  }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;
  ~TestFile() { fs::remove(path_); }
  std::string path() const { return path_.string(); }
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path_).rdbuf();
    return all.str();
  }

 private:
  fs::path path_;
};

TEST(HttpKeys, only_a_known_key_is_served) {
  HttpOptions options;
  options.api_keys = {"first", "second"};
  TestService service(say_ok);
  const HttpServer server = start_server(options, service);
  TestClient client(server.port());
  const std::string path = "/v1/models";
  EXPECT_EQ(client.ask(get(path, "Authorization: Bearer first\r\n")).status, 200);
  EXPECT_EQ(client.ask(get(path, "x-api-key: second\r\n")).status, 200);
  for (const std::string fields : {"", "Authorization: Bearer firs\r\n", "x-api-key: \r\n",
                                   "Authorization: Bearer first2\r\n", "x-api-key: third\r\n"}) {
    const TestReply reply = client.ask(get(path, fields));
    EXPECT_EQ(reply.status, 401) << fields;
    EXPECT_EQ(reply.field("www-authenticate"), "Bearer");
    EXPECT_NE(reply.body.find("authentication_error"), std::string::npos);
  }
}

TEST(HttpKeys, refusal_speaks_the_words_of_the_api) {
  HttpOptions options;
  options.api_keys = {"key"};
  TestService service(say_ok);
  const HttpServer server = start_server(options, service);
  const auto refusal = [&](const std::string& path) {
    TestClient client(server.port());
    return client.ask(post(path, "{}")).body;
  };
  EXPECT_TRUE(refusal("/v1/messages").starts_with("{\"type\":\"error\""));
  EXPECT_NE(refusal("/v1/chat/completions").find("invalid_api_key"), std::string::npos);
  EXPECT_NE(refusal("/completion").find("\"code\":401"), std::string::npos);
}

TEST(HttpKeys, health_needs_none) {
  HttpOptions options;
  options.api_keys = {"key"};
  TestService service(say_ok);
  const HttpServer server = start_server(options, service);
  TestClient client(server.port());
  for (const std::string path : {"/health", "/health/live", "/health/ready"}) {
    EXPECT_EQ(client.ask(get(path)).status, 200) << path;
  }
  for (const std::string path : {"/health/x", "/metrics", "//health", "/health/../props"}) {
    EXPECT_EQ(client.ask(get(path)).status, 401) << path;
  }
}

TEST(ApiKeys, file_holds_one_a_line) {
  const TestFile file("keys", "# ours\n\nfirst\n  second  \r\n#third\n");
  const auto keys = read_api_keys(file.path());
  ASSERT_TRUE(keys);
  EXPECT_EQ(*keys, (std::vector<std::string>{"first", "second"}));
}

TEST(ApiKeys, errors_name_file_and_line) {
  const TestFile bad("bad", "good\n\ntwo words\n"), empty("empty", "# none\n");
  const auto of_bad = read_api_keys(bad.path());
  ASSERT_FALSE(of_bad);
  EXPECT_NE(of_bad.error().message.find(bad.path() + ":3"), std::string::npos);
  EXPECT_EQ(of_bad.error().message.find("two words"), std::string::npos);
  EXPECT_FALSE(read_api_keys(empty.path()));
  EXPECT_FALSE(read_api_keys("/no/such/file"));
}

TEST(HttpIds, sane_ones_return_and_others_are_replaced) {
  TestService service([](const std::shared_ptr<Exchange>& exchange) {
    HttpReply reply;
    reply.body = exchange->request().id;
    exchange->reply(std::move(reply));
  });
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  std::string last;
  for (const std::string fields : {"", "X-Request-Id: two words\r\n", "X-Request-Id: \r\n"}) {
    const TestReply reply = client.ask(get("/", fields));
    EXPECT_TRUE(reply.body.starts_with("req_")) << reply.body;
    EXPECT_EQ(reply.field("x-request-id"), reply.body);
    EXPECT_NE(reply.body, last);
    last = reply.body;
  }
  EXPECT_EQ(client.ask(get("/", "X-REQUEST-ID: a-1\r\n")).body, "a-1");
  // Errors bear it too.
  const TestReply error = client.ask(get("/", "X-Request-Id: a-2\r\nExpect: tea\r\n"));
  EXPECT_EQ(error.field("x-request-id"), "a-2");
}

TEST(HttpCors, off_unless_it_is_switched_on) {
  TestService service(say_ok);
  const HttpServer server = start_server({}, service);
  TestClient client(server.port());
  const TestReply reply = client.ask(get("/", "Origin: http://page\r\n"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("access-control-allow-origin"), "");
}

TEST(HttpCors, listed_origins_may_ask) {
  HttpOptions options;
  options.cors_origins = {"http://page", "http://other"};
  options.api_keys = {"key"};
  TestService service(say_ok);
  const HttpServer server = start_server(options, service);
  TestClient client(server.port());
  const auto preflight = [&](const std::string& origin) {
    client.send("OPTIONS /v1/models HTTP/1.1\r\nHost: h\r\nOrigin: " + origin +
                "\r\nAccess-Control-Request-Method: POST\r\n"
                "Access-Control-Request-Headers: authorization, content-type\r\n\r\n");
    return client.read_reply();
  };
  const TestReply allowed = preflight("http://page");
  EXPECT_EQ(allowed.status, 204);
  EXPECT_EQ(allowed.field("access-control-allow-origin"), "http://page");
  EXPECT_EQ(allowed.field("access-control-allow-headers"), "authorization, content-type");
  EXPECT_NE(allowed.field("access-control-allow-methods").find("POST"), std::string::npos);
  EXPECT_EQ(allowed.field("vary"), "Origin");
  const TestReply denied = preflight("http://elsewhere");
  EXPECT_EQ(denied.status, 204);
  EXPECT_EQ(denied.field("access-control-allow-origin"), "");
  EXPECT_EQ(denied.field("access-control-allow-methods"), "");
  const TestReply reply =
      client.ask(get("/v1/models", "Origin: http://other\r\nx-api-key: key\r\n"));
  EXPECT_EQ(reply.field("access-control-allow-origin"), "http://other");
  // Pages may also read why they were refused.
  const TestReply refused = client.ask(get("/v1/models", "Origin: http://page\r\n"));
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.field("access-control-allow-origin"), "http://page");
}

TEST(HttpCors, star_means_any) {
  HttpOptions options;
  options.cors_origins = {"*"};
  TestService service(say_ok);
  const HttpServer server = start_server(options, service);
  TestClient client(server.port());
  const TestReply reply = client.ask(get("/", "Origin: http://any\r\n"));
  EXPECT_EQ(reply.field("access-control-allow-origin"), "*");
}

TEST(AccessLog, line_cannot_be_forged) {
  AccessEntry entry;
  entry.id = "id";
  entry.client = "127.0.0.1";
  entry.method = "GET";
  entry.path = "/a\nb \"\xff{}%";
  entry.status = 200;
  entry.bytes = 5;
  entry.ms = 1.25;
  entry.was_aborted = true;
  const std::string text = text_line(entry);
  EXPECT_EQ(text.substr(text.find(' ')),
            " id 127.0.0.1 GET /a\\x0ab\\x20\"\\xff{}% 200 5 B 1.2 ms aborted");
  const std::string json = json_line(entry);
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_NE(json.find("\"path\":\"/a\\nb \\\"\xef\xbf\xbd{}%\""), std::string::npos) << json;
  EXPECT_NE(json.find("\"aborted\":true"), std::string::npos);
}

TEST(AccessLog, each_request_is_one_line_without_bodies_and_keys) {
  const TestFile file("log");
  HttpOptions options;
  options.access_log = LogFormat::kText;
  options.access_log_file = file.path();
  options.api_keys = {"the-key"};
  TestService service(say_ok);
  {
    HttpServer server = start_server(options, service);
    TestClient client(server.port());
    const std::string key = "Authorization: Bearer the-key\r\n";
    client.ask(post("/one?secret=1", "the-body", "X-Request-Id: id-1\r\n" + key));
    client.ask("OPTIONS * HTTP/1.1\r\nHost: h\r\nX-Request-Id: id-3\r\n\r\n");
    client.ask(get("/two", "x-api-key: wrong-key\r\nX-Request-Id: id-2\r\n"));
    client.ask("nonsense\r\n\r\n");
    client.read_to_end();
    client.close();
    server.stop();
    server.wait();
  }
  const std::string log = file.text();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 4) << log;
  EXPECT_NE(log.find(" id-1 127.0.0.1 POST /one 200 2 B "), std::string::npos) << log;
  EXPECT_NE(log.find(" id-2 127.0.0.1 GET /two 401 "), std::string::npos) << log;
  EXPECT_NE(log.find(" id-3 127.0.0.1 OPTIONS * 204 0 B "), std::string::npos) << log;
  EXPECT_NE(log.find(" 127.0.0.1 - - 400 "), std::string::npos) << log;
  for (const char* word : {"key", "body", "secret"}) EXPECT_EQ(log.find(word), std::string::npos);
}

TEST(AccessLog, aborted_requests_are_marked) {
  const TestFile file("log");
  HttpOptions options;
  options.access_log = LogFormat::kJson;
  options.access_log_file = file.path();
  TestSignal began, gone;
  std::shared_ptr<Exchange> held;
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    exchange->on_gone([&] { gone.set(); });
    held = exchange;
    began.set();
  });
  const HttpServer server = start_server(options, service);
  {
    TestClient client(server.port());
    client.send(get("/"));
    ASSERT_TRUE(began.wait());
  }
  ASSERT_TRUE(gone.wait());
  held.reset();
  EXPECT_NE(file.text().find("\"status\":499"), std::string::npos) << file.text();
  EXPECT_NE(file.text().find("\"aborted\":true"), std::string::npos) << file.text();
}

TEST(AccessLog, file_that_cannot_be_written_is_said) {
  HttpOptions options;
  options.access_log = LogFormat::kText;
  options.access_log_file = "/dev/null/log";
  TestService service(say_ok);
  const auto server = HttpServer::start(options, service);
  ASSERT_FALSE(server);
  EXPECT_NE(server.error().message.find("/dev/null/log"), std::string::npos);
}

}  // namespace
}  // namespace outrider
