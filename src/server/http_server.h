// The HTTP/1.1 side of the server: takes connections, hands requests to a Service.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/result.h"
#include "server/exchange.h"
#include "server/http_options.h"

namespace outrider {

class HttpListener;

// Listens from start() on, with threads of its own. Nothing that one client does costs another one
// more than its share of the machine.
class HttpServer {
 public:
  // `service` must outlive the server. Errors: an address that is unknown or in use, files that
  // cannot be read.
  static Result<HttpServer> start(const HttpOptions& options, Service& service);
  HttpServer(HttpServer&&) noexcept;
  HttpServer& operator=(HttpServer&&) = delete;
  // Stops at once and waits for that. Exchanges that the service still holds are gone.
  ~HttpServer();

  std::uint16_t port() const;
  // As in http://127.0.0.1:8080.
  std::string url() const;
  // Whether only this machine can reach it.
  bool is_loopback() const;
  std::size_t connections() const;

  // Takes no more connections, lets what runs finish within the drain time. Returns at once, from
  // whichever thread; a second call does not wait for what runs.
  void stop();
  // Until everything is finished that stop() waits for.
  void wait();

 private:
  explicit HttpServer(std::shared_ptr<HttpListener> listener);
  std::shared_ptr<HttpListener> listener_;
};

}  // namespace outrider
