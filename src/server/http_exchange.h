// An exchange over one connection.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "server/exchange.h"

namespace outrider {

class HttpSession;

class HttpExchange final : public Exchange {
 public:
  // Takes the charge for the request's body, which the core counts, and returns it at its end.
  HttpExchange(std::shared_ptr<HttpSession> session, std::size_t number, HttpRequest request);
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;
  ~HttpExchange() override;

  const HttpRequest& request() const override { return request_; }
  void post(std::function<void()> work) override;
  void reply(HttpReply reply) override;
  void begin_stream(std::string content_type) override;
  void write(std::string bytes) override;
  void end_stream() override;
  std::size_t unsent() const override;
  bool gone() const override { return is_gone_; }
  void on_gone(std::function<void()> work) override;

  // The connection lost its client.
  void lose();

 private:
  enum class Said { kNothing, kPart, kAll };
  void tell_gone();

  std::shared_ptr<HttpSession> session_;
  std::size_t number_;  // of the request on its connection
  HttpRequest request_;
  Said said_ = Said::kNothing;
  bool is_gone_ = false;
  std::function<void()> on_gone_;
};

}  // namespace outrider
