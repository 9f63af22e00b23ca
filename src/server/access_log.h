// One line per request: who asked for what, and what became of it. Never bodies, never keys.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "core/result.h"
#include "server/http_options.h"

namespace spdlog {
class logger;
}

namespace outrider {

struct AccessEntry {
  std::chrono::system_clock::time_point began;
  std::string id;
  std::string client;  // its address
  std::string method;  // this and the path as the client sent them; empty if that was not HTTP
  std::string path;
  int status = 0;            // 499 if the client was gone before there was one
  std::size_t bytes = 0;     // of the body
  double ms = 0;             // until the last byte was handed on, or the client was gone
  bool was_aborted = false;  // by the client or by the server's end
};

// Without a line end. What a client sent is escaped, so that it cannot look like another line.
std::string text_line(const AccessEntry& entry);
std::string json_line(const AccessEntry& entry);

class AccessLog {
 public:
  // An empty file name means standard error. Errors: a file that cannot be written.
  static Result<AccessLog> open(LogFormat format, const std::string& file);
  bool is_on() const { return format_ != LogFormat::kOff; }
  // From any thread.
  void write(const AccessEntry& entry) const;

 private:
  AccessLog() = default;
  LogFormat format_ = LogFormat::kOff;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace outrider
