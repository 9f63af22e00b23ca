// What all connections of a server share.
#pragma once
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "server/access_log.h"
#include "server/api_keys.h"
#include "server/exchange.h"
#include "server/http_options.h"

namespace outrider {

class HttpSession;

// Held by the listener and by every connection, and so by every exchange that a service keeps: it
// may outlive the server, whose end it then knows.
class HttpCore {
 public:
  HttpCore(const HttpOptions& options, Service& service, AccessLog log);

  const HttpOptions options;
  Service& service;
  const ApiKeys keys;
  const AccessLog log;
  boost::asio::io_context io;
  std::optional<boost::asio::ssl::context> tls;
  std::atomic<std::size_t> bodies_bytes = 0;  // of all requests that are held
  std::atomic<bool> is_draining = false;      // no connection is kept for another request

  std::string new_id();

  // Runs `work` there, unless the server has ended: then it runs never. From any thread.
  void post(const boost::asio::any_io_executor& where, std::function<void()> work);
  // The server's threads are gone. What was posted and did not run yet runs here.
  void end();

  // Connections, which remove themselves when they are closed.
  void add(const std::shared_ptr<HttpSession>& session);
  void remove(const HttpSession* session);
  std::size_t connections() const;
  void drain_all();
  void abort_all();
  // Called whenever the last connection is gone.
  std::function<void()> when_empty;

 private:
  const std::uint64_t id_seed_;
  std::atomic<std::uint64_t> ids_ = 0;
  std::shared_mutex end_mutex_;  // shared by who posts
  bool has_ended_ = false;
  mutable std::mutex sessions_mutex_;
  std::unordered_map<const HttpSession*, std::weak_ptr<HttpSession>> sessions_;
};

}  // namespace outrider
