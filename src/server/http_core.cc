#include "server/http_core.h"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "core/random_seed.h"
#include "server/http_session.h"

namespace outrider {

HttpCore::HttpCore(const HttpOptions& options_in, Service& service_in, AccessLog log_in)
    : options(options_in),
      service(service_in),
      keys(options_in.api_keys),
      log(std::move(log_in)),
      id_seed_(random_seed()) {}

std::string HttpCore::new_id() {
  // Unique within the server by the number, and over servers by the seed.
  return fmt::format("req_{:016x}{:08x}", id_seed_, ids_.fetch_add(1));
}

void HttpCore::post(const boost::asio::any_io_executor& where, std::function<void()> work) {
  const std::shared_lock lock(end_mutex_);
  if (has_ended_) return;
  boost::asio::post(where, std::move(work));
}

void HttpCore::end() {
  {
    const std::unique_lock lock(end_mutex_);
    has_ended_ = true;
  }
  // Nobody waits in here any more, but handlers hold connections, which hold this.
  io.restart();
  io.poll();
}

void HttpCore::add(const std::shared_ptr<HttpSession>& session) {
  const std::lock_guard lock(sessions_mutex_);
  sessions_.emplace(session.get(), session);
}

void HttpCore::remove(const HttpSession* session) {
  bool is_empty = false;
  {
    const std::lock_guard lock(sessions_mutex_);
    is_empty = sessions_.erase(session) > 0 && sessions_.empty();
  }
  if (is_empty) when_empty();
}

std::size_t HttpCore::connections() const {
  const std::lock_guard lock(sessions_mutex_);
  return sessions_.size();
}

void HttpCore::drain_all() {
  const std::lock_guard lock(sessions_mutex_);
  for (const auto& [key, session] : sessions_) {
    if (const auto held = session.lock()) held->drain();
  }
}

void HttpCore::abort_all() {
  const std::lock_guard lock(sessions_mutex_);
  for (const auto& [key, session] : sessions_) {
    if (const auto held = session.lock()) held->abort();
  }
}

}  // namespace outrider
