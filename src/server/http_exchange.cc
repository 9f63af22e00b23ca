#include "server/http_exchange.h"

#include <utility>

#include "server/http_session.h"

namespace outrider {

HttpExchange::HttpExchange(std::shared_ptr<HttpSession> session, std::size_t number,
                           HttpRequest request)
    : session_(std::move(session)), number_(number), request_(std::move(request)) {}

HttpExchange::~HttpExchange() {
  session_->core().bodies_bytes -= request_.body.size();
  if (said_ == Said::kAll || is_gone_) return;
  HttpSession& session = *session_;
  session.post([held = std::move(session_), number = number_] { held->abandoned(number); });
}

void HttpExchange::post(std::function<void()> work) {
  session_->post(std::move(work));
}

void HttpExchange::reply(HttpReply reply) {
  require(said_ == Said::kNothing, "an exchange is answered once");
  said_ = Said::kAll;
  on_gone_ = nullptr;
  if (!is_gone_) session_->reply(std::move(reply));
}

void HttpExchange::begin_stream(std::string content_type) {
  require(said_ == Said::kNothing, "an exchange is answered once");
  said_ = Said::kPart;
  if (!is_gone_) session_->begin_stream(content_type);
}

void HttpExchange::write(std::string bytes) {
  require(said_ == Said::kPart, "a stream is written between its begin and its end");
  if (!is_gone_) session_->write(bytes);
}

void HttpExchange::end_stream() {
  require(said_ == Said::kPart, "a stream ends once, after its begin");
  said_ = Said::kAll;
  on_gone_ = nullptr;
  if (!is_gone_) session_->end_stream();
}

std::size_t HttpExchange::unsent() const {
  return is_gone_ ? 0 : session_->unsent();
}

void HttpExchange::on_gone(std::function<void()> work) {
  if (said_ == Said::kAll) return;
  on_gone_ = std::move(work);
  if (is_gone_) tell_gone();
}

void HttpExchange::lose() {
  is_gone_ = true;
  tell_gone();
}

// Posted, not called: the client may be found gone in the middle of the service's own write().
void HttpExchange::tell_gone() {
  if (on_gone_ == nullptr) return;
  session_->post(std::exchange(on_gone_, nullptr));
}

}  // namespace outrider
