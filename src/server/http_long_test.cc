// What only shows in numbers: memory stays flat whatever clients do.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <random>
#include <string>

#include "server/http_reader_test_requests.h"
#include "server/http_server.h"
#include "server/http_test_client.h"

namespace outrider {
namespace {

// Of this process, in pages; 0 where the system does not say.
std::size_t resident_pages() {
  std::size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident;
}

constexpr std::size_t kGrowthPages = 4 << 8;  // 4 MiB in pages of 4 KiB

void say_ok(const std::shared_ptr<Exchange>& exchange) {
  if (exchange->request().path != "/stream") return exchange->reply({});
  exchange->begin_stream("text/event-stream");
  for (int i = 0; i < 20; i++) exchange->write("data: some text\n\n");
  exchange->end_stream();
}

// Runs `round` often, and compares memory behind the first tenth and at the end.
template <class Round>
void expect_flat(int rounds, const Round& round) {
  std::size_t early = 0;
  for (int i = 0; i < rounds; i++) {
    round(i);
    if (::testing::Test::HasFailure()) return;
    if (i == rounds / 10) early = resident_pages();
  }
  EXPECT_LT(resident_pages(), early + kGrowthPages);
}

TEST(HttpLong, ten_thousand_malformed_requests) {
  TestService service(say_ok);
  const HttpServer server = start_server({}, service);
  TestClient other(server.port());
  std::mt19937 random(1);
  const auto samples = sample_requests();
  expect_flat(10'000, [&](int round) {
    const std::string text = damaged(samples[random() % samples.size()], random);
    TestClient client(server.port());
    client.send(text);
    client.end_sending();
    EXPECT_TRUE(client.read_to_end());
    EXPECT_TRUE(client.text().empty() || client.text().starts_with("HTTP/1.1 ")) << text;
    EXPECT_TRUE(round % 100 != 0 || other.ask(get("/")).status == 200);
  });
}

TEST(HttpLong, ten_thousand_requests_of_which_many_are_abandoned) {
  TestService service(say_ok);
  const HttpServer server = start_server({}, service);
  std::mt19937 random(2);
  expect_flat(10'000, [&](int) {
    TestClient client(server.port());
    const std::string whole = post(random() % 2 == 0 ? "/stream" : "/", std::string(5000, 'x'));
    switch (random() % 4) {
      case 0:
        client.send(whole.substr(0, random() % whole.size()));
        client.reset();
        break;
      case 1:
        client.send(whole);
        client.reset();
        break;
      case 2:
        client.send(whole);
        client.read_until("HTTP/1.1");
        client.close();
        break;
      default:
        EXPECT_EQ(client.ask(whole).status, 200);
        EXPECT_EQ(client.ask(whole).status, 200);
        break;
    }
  });
  while (server.connections() > 0) std::this_thread::yield();
}

TEST(HttpLong, forty_slow_readers_and_a_quick_one) {
  std::atomic<int> gone = 0;
  // Endless, and as fast as it goes, for all but the quick one.
  std::function<void(const std::shared_ptr<Exchange>&)> pour = [&](const auto& exchange) {
    if (exchange->gone()) return;
    exchange->write(std::string(1 << 10, 'x'));
    exchange->post([&pour, exchange] { pour(exchange); });
  };
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    if (exchange->request().path != "/slow") return say_ok(exchange);
    exchange->on_gone([&] { gone++; });
    exchange->begin_stream("text/event-stream");
    pour(exchange);
  });
  const HttpServer server = start_server({}, service);
  TestClient quick(server.port());
  expect_flat(20, [&](int) {
    std::vector<std::unique_ptr<TestClient>> slow;
    const int before = gone;
    for (int i = 0; i < 40; i++) {
      slow.push_back(std::make_unique<TestClient>(server.port(), 4096));
      slow.back()->send(get("/slow"));
    }
    while (gone < before + 40) EXPECT_EQ(quick.ask(get("/stream")).status, 200);
  });
}

}  // namespace
}  // namespace outrider
