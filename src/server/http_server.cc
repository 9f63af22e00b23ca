#include "server/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "platform/open_files.h"
#include "server/http_core.h"
#include "server/http_session.h"
#include "server/http_tls.h"

namespace outrider {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

// Connections beyond the limit that are told so at a time; others are closed without a word.
constexpr std::size_t kRefusalsMax = 64;
// Of the files that this process may have open, those that are not for connections.
constexpr std::size_t kOtherFiles = 64;
// Between attempts to take a connection where none can be had, for want of file descriptors.
constexpr auto kAcceptPause = 100ms;

}  // namespace

// Takes connections and knows when to stop; on a strand of its own.
class HttpListener : public std::enable_shared_from_this<HttpListener> {
 public:
  HttpListener(const HttpOptions& options, Service& service, AccessLog log)
      : core_(std::make_shared<HttpCore>(options, service, std::move(log))),
        strand_(asio::make_strand(core_->io)),
        acceptor_(strand_),
        timer_(strand_),
        signals_(strand_) {}

  Result<void> open();
  void run();
  void stop();
  void join();
  void end();

  const tcp::endpoint& endpoint() const { return endpoint_; }
  const HttpCore& core() const { return *core_; }

 private:
  Result<void> listen(const tcp::endpoint& endpoint);
  void accept();
  void take(tcp::socket socket);
  void wait_for_signal();
  void stop_here();
  void finish_if_empty();

  std::shared_ptr<HttpCore> core_;
  asio::strand<asio::io_context::executor_type> strand_;
  tcp::acceptor acceptor_;
  asio::steady_timer timer_;  // after an accept that failed; of draining
  asio::signal_set signals_;
  tcp::endpoint endpoint_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  std::vector<std::thread> threads_;
  std::size_t connections_max_ = 0;
  bool is_stopping_ = false;
};

Result<void> HttpListener::open() {
  const std::size_t files = raise_open_files();
  connections_max_ = std::min(core_->options.limits.connections,
                              files > 2 * kOtherFiles ? files - kOtherFiles : kOtherFiles);
  const HttpOptions& options = core_->options;
  if (options.tls_certificate_file.empty() != options.tls_key_file.empty()) {
    return Error{ErrorCode::kBadRequest, "TLS needs both a certificate file and a key file"};
  }
  if (!options.tls_certificate_file.empty()) {
    auto tls = make_tls(options.tls_certificate_file, options.tls_key_file);
    if (!tls) return tls.error();
    core_->tls = std::move(*tls);
  }
  error_code code;
  tcp::resolver resolver(core_->io);
  const auto found =
      resolver.resolve(options.address, std::to_string(options.port), tcp::resolver::passive, code);
  if (code || found.empty()) {
    return Error{ErrorCode::kBadRequest,
                 fmt::format("{}: no address of this machine is called that", options.address)};
  }
  return listen(found.begin()->endpoint());
}

Result<void> HttpListener::listen(const tcp::endpoint& endpoint) {
  error_code code;
  acceptor_.open(endpoint.protocol(), code);
  if (!code) acceptor_.set_option(tcp::acceptor::reuse_address(true), code);
  if (!code) acceptor_.bind(endpoint, code);
  if (!code) acceptor_.listen(asio::socket_base::max_listen_connections, code);
  if (!code) endpoint_ = acceptor_.local_endpoint(code);
  if (!code) return {};
  return Error{ErrorCode::kBadRequest,
               fmt::format("{} port {}: cannot listen there: {}", core_->options.address,
                           endpoint.port(), code.message())};
}

void HttpListener::run() {
  core_->when_empty = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      asio::post(self->strand_, [self] { self->finish_if_empty(); });
    }
  };
  work_.emplace(core_->io.get_executor());
  if (core_->options.stops_on_signals) {
    error_code ignored;
    signals_.add(SIGINT, ignored);
    signals_.add(SIGTERM, ignored);
    wait_for_signal();
  }
  accept();
  const std::size_t count = std::max<std::size_t>(core_->options.threads, 1);
  threads_.reserve(count);
  for (std::size_t i = 0; i < count; i++) {
    threads_.emplace_back([core = core_] { core->io.run(); });
  }
}

void HttpListener::accept() {
  acceptor_.async_accept(asio::make_strand(core_->io),
                         [self = shared_from_this()](const error_code& code, tcp::socket socket) {
                           if (self->is_stopping_) return;
                           if (!code) {
                             self->take(std::move(socket));
                             return self->accept();
                           }
                           self->timer_.expires_after(kAcceptPause);
                           self->timer_.async_wait([self](const error_code&) {
                             if (!self->is_stopping_) self->accept();
                           });
                         });
}

void HttpListener::take(tcp::socket socket) {
  const std::size_t open = core_->connections();
  if (open >= connections_max_ + kRefusalsMax) return;
  const auto session = std::make_shared<HttpSession>(core_, std::move(socket));
  core_->add(session);
  if (open >= connections_max_) {
    session->start_refusing();
  } else {
    session->start();
  }
}

void HttpListener::wait_for_signal() {
  signals_.async_wait([self = shared_from_this()](const error_code& code, int) {
    if (code) return;
    self->wait_for_signal();  // first: a server without connections ends at once, and the wait too
    self->stop_here();
  });
}

void HttpListener::stop() {
  core_->post(strand_, [self = shared_from_this()] { self->stop_here(); });
}

void HttpListener::stop_here() {
  if (is_stopping_) return core_->abort_all();
  is_stopping_ = true;
  core_->is_draining = true;
  error_code ignored;
  acceptor_.close(ignored);
  core_->drain_all();
  timer_.expires_after(core_->options.limits.drain_time);
  timer_.async_wait([self = shared_from_this()](const error_code& code) {
    if (!code) self->core_->abort_all();
  });
  finish_if_empty();
}

void HttpListener::finish_if_empty() {
  if (!is_stopping_ || core_->connections() > 0) return;
  timer_.cancel();
  error_code ignored;
  signals_.cancel(ignored);
  work_.reset();
}

void HttpListener::join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void HttpListener::end() {
  stop();
  stop();
  join();
  core_->end();
}

HttpServer::HttpServer(std::shared_ptr<HttpListener> listener) : listener_(std::move(listener)) {}
HttpServer::HttpServer(HttpServer&&) noexcept = default;

HttpServer::~HttpServer() {
  if (listener_ != nullptr) listener_->end();
}

Result<HttpServer> HttpServer::start(const HttpOptions& options, Service& service) {
  auto log = AccessLog::open(options.access_log, options.access_log_file);
  if (!log) return log.error();
  auto listener = std::make_shared<HttpListener>(options, service, std::move(*log));
  const auto opened = listener->open();
  if (!opened) return opened.error();
  listener->run();
  return HttpServer(std::move(listener));
}

std::uint16_t HttpServer::port() const {
  return listener_->endpoint().port();
}

std::string HttpServer::url() const {
  const auto& endpoint = listener_->endpoint();
  const bool is_v6 = endpoint.address().is_v6();
  return fmt::format("{}://{}{}{}:{}", listener_->core().tls.has_value() ? "https" : "http",
                     is_v6 ? "[" : "", endpoint.address().to_string(), is_v6 ? "]" : "",
                     endpoint.port());
}

bool HttpServer::is_loopback() const {
  return listener_->endpoint().address().is_loopback();
}

std::size_t HttpServer::connections() const {
  return listener_->core().connections();
}

void HttpServer::stop() {
  listener_->stop();
}

void HttpServer::wait() {
  listener_->join();
}

}  // namespace outrider
