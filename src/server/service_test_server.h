// A service over the nano pair or a scripted backend, and exchanges without a network.
#pragma once
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cpu/backend.h"
#include "engine/runtime.h"
#include "server/service.h"
#include "text/tokenizer.h"

namespace outrider {

// Plays the HTTP side: work that is posted runs in whoever waits for the reply.
class FakeExchange final : public Exchange {
 public:
  explicit FakeExchange(HttpRequest request) : request_(std::move(request)) {}

  const HttpRequest& request() const override { return request_; }
  void post(std::function<void()> work) override {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    changed_.notify_all();
  }
  void reply(HttpReply reply) override {
    EXPECT_FALSE(is_done) << "one reply to a request";
    EXPECT_FALSE(is_stream) << "a stream is under way";
    status = reply.status;
    body = std::move(reply.body);
    content_type = std::move(reply.content_type);
    headers = std::move(reply.headers);
    is_done = true;
  }
  void begin_stream(std::string type) override {
    EXPECT_FALSE(is_done || is_stream);
    content_type = std::move(type);
    is_stream = true;
  }
  void write(std::string bytes) override {
    EXPECT_TRUE(is_stream && !is_done);
    EXPECT_FALSE(bytes.empty());
    ++writes;
    body += bytes;
  }
  void end_stream() override {
    EXPECT_TRUE(is_stream && !is_done);
    is_done = true;
  }
  std::size_t unsent() const override { return unsent_bytes; }
  bool gone() const override { return is_gone; }
  void on_gone(std::function<void()> work) override { on_gone_ = std::move(work); }

  // Runs one piece of work, waiting for it.
  void run_one() {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !work_.empty(); });
      work = std::move(work_.front());
      work_.pop_front();
    }
    work();
  }
  void run() {
    while (!is_done) run_one();
  }
  void hang_up() {
    is_gone = true;
    if (const auto work = std::exchange(on_gone_, nullptr)) work();
  }

  // Work that nobody waited for holds the exchange that it waits in.
  void forget_work() {
    const std::lock_guard lock(mutex_);
    work_.clear();
  }

  int status = 200;
  std::string body, content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  bool is_done = false, is_stream = false, is_gone = false;
  std::size_t writes = 0, unsent_bytes = 0;

 private:
  HttpRequest request_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  std::function<void()> on_gone_;
};

struct TestServer {
  TestServer(std::unique_ptr<Runtime> loaded, Vocabulary words, EngineOptions engine_options,
             AnswerLimits limits = {})
      : runtime(std::move(loaded)),
        vocabulary(std::move(words)),
        tokenizer(vocabulary),
        engine(std::make_shared<EngineThread>(*runtime, &vocabulary, engine_options)),
        handle(engine),
        service(handle, tokenizer,
                {.info = {.model = "nano",
                          .model_path = "target.gguf",
                          .build = "test",
                          .context = runtime->options().context,
                          .slots = engine_options.slots,
                          .drafts = runtime->drafts()},
                 .defaults = {.api = {.sampling = {.temperature = 0}},
                              .drafts = {.n_min = 3, .n_max = 3}},
                 .limits = limits}) {}

  ~TestServer() {
    engine->stop();
    for (const auto& exchange : asked) exchange->forget_work();
  }

  std::shared_ptr<FakeExchange> ask(std::string method, std::string path, std::string body = {}) {
    auto exchange = std::make_shared<FakeExchange>(HttpRequest{.method = std::move(method),
                                                               .path = std::move(path),
                                                               .query = {},
                                                               .body = std::move(body),
                                                               .id = "request-1"});
    asked.push_back(exchange);
    service.handle(exchange);
    return exchange;
  }
  std::shared_ptr<FakeExchange> done(std::string method, std::string path, std::string body = {}) {
    auto exchange = ask(std::move(method), std::move(path), std::move(body));
    exchange->run();
    return exchange;
  }
  boost::json::value get(std::string path) {
    const auto exchange = done("GET", std::move(path));
    EXPECT_EQ(exchange->status, 200) << exchange->body;
    return boost::json::parse(exchange->body);
  }
  boost::json::value post(std::string path, std::string body, int status = 200) {
    const auto exchange = done("POST", std::move(path), std::move(body));
    EXPECT_EQ(exchange->status, status) << exchange->body;
    EXPECT_EQ(exchange->content_type, "application/json");
    return boost::json::parse(exchange->body);
  }
  // The events of a stream: what stands behind "data: " of each.
  std::vector<std::string> stream(std::string path, std::string body) {
    const auto exchange = done("POST", std::move(path), std::move(body));
    EXPECT_TRUE(exchange->is_stream) << exchange->body;
    EXPECT_EQ(exchange->content_type, "text/event-stream");
    return events(exchange->body);
  }
  static std::vector<std::string> events(const std::string& body) {
    std::vector<std::string> found;
    std::size_t at = 0;
    while ((at = body.find("data: ", at)) != std::string::npos) {
      const std::size_t end = body.find("\n\n", at);
      found.push_back(body.substr(at + 6, end - at - 6));
      at = end;
    }
    return found;
  }

  std::unique_ptr<Runtime> runtime;
  Vocabulary vocabulary;
  Tokenizer tokenizer;
  std::shared_ptr<EngineThread> engine;
  EngineHandle handle;
  ModelService service;
  std::vector<std::shared_ptr<FakeExchange>> asked{};
};

// The trained pair, computing with one thread.
inline TestServer nano_server(std::uint32_t slots = 2, EngineOptions options = {},
                              AnswerLimits limits = {}) {
  const std::string folder = std::string(OUTRIDER_SOURCE_DIR) + "/models/nano/";
  auto runtime = Runtime::load(
      folder + "target.gguf", folder + "assistant.gguf",
      {.context = 1024, .sequences = slots, .chunk_rows = 64},
      [](const KvLayout& layout, const KvLimits& kv) -> Result<std::unique_ptr<Backend>> {
        auto backend = CpuBackend::create(layout, kv, {.threads = 1});
        if (!backend) return backend.error();
        return std::unique_ptr<Backend>(std::move(*backend));
      });
  require(runtime.has_value(), "the sample pair loads");
  auto vocabulary = vocabulary_from_gguf((*runtime)->target().file);
  require(vocabulary.has_value(), "the sample pair has a vocabulary");
  options.slots = slots;
  return {std::move(*runtime), std::move(*vocabulary), options, limits};
}

// One with two slots that a program's tests share.
inline TestServer& nano() {
  static TestServer server = nano_server();
  return server;
}

}  // namespace outrider
