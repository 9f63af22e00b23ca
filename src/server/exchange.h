// One HTTP request and its client's way back: where transport and service meet.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/api_error.h"

namespace outrider {

struct HttpRequest {
  std::string method;  // as the client wrote it; HEAD arrives as GET, and loses its reply's body
  std::string path;    // without the query
  std::string query;   // what follows '?', as it was sent
  std::string body;
  std::string id;  // the client's x-request-id, or one made here
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers{};  // beside those of every reply
};

// Lives as long as anybody holds it; the connection may be gone long before. Either one reply(),
// or one begin_stream(), any number of write() and one end_stream().
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const HttpRequest& request() const = 0;

  // Runs `work` soon on one of the HTTP side's threads, never two of one exchange at a time. The
  // only member that any thread may call; all others belong into handle() and into such work.
  virtual void post(std::function<void()> work) = 0;

  // What is said to a client that is gone goes nowhere.
  virtual void reply(HttpReply reply) = 0;
  virtual void begin_stream(std::string content_type) = 0;
  virtual void write(std::string bytes) = 0;
  virtual void end_stream() = 0;

  // Bytes written that the client's side has not taken yet.
  virtual std::size_t unsent() const = 0;
  // The client hung up, took too long, or the server is being stopped.
  virtual bool gone() const = 0;
  // Runs once if that happens before the reply is complete; replaces what was set before.
  virtual void on_gone(std::function<void()> work) = 0;
};

// Answers requests. Called on the HTTP side's threads, for several requests at once.
class Service {
 public:
  virtual ~Service() = default;
  // Must not block; what takes longer ends in `exchange->post`.
  virtual void handle(std::shared_ptr<Exchange> exchange) = 0;
};

// In whose shapes errors on this path are told, also those that never reach a service.
ApiKind api_of_path(const std::string& path);

}  // namespace outrider
