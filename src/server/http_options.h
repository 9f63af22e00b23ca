// What the HTTP side of the server is told when it starts.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace outrider {

// What one client, and all of them together, may take. Who goes beyond is told so in the words of
// the API it used, or dropped where it can no longer be told.
struct HttpLimits {
  using Time = std::chrono::milliseconds;

  std::size_t head_bytes = 16 << 10;     // request line and header fields
  std::size_t body_bytes = 16 << 20;     // of one request
  std::size_t bodies_bytes = 256 << 20;  // of all requests that are held
  std::size_t connections = 1000;
  std::size_t unsent_bytes = 256 << 10;  // of a stream; who reads slower than that is dropped
  Time head_time{10'000};                // from a request's first byte to its last header field
  Time body_time{60'000};                // from there to the last byte of its body
  Time idle_time{75'000};                // between two requests; longer than clients keep theirs
  Time stall_time{10'000};               // without the client taking a single byte
  Time drain_time{30'000};               // for what runs when the server is told to stop
};

enum class LogFormat { kOff, kText, kJson };

struct HttpOptions {
  std::string address = "127.0.0.1";  // a name or an address of this machine
  std::uint16_t port = 0;             // 0 for any free one
  std::size_t threads = 2;
  std::string tls_certificate_file;  // PEM, the chain; with a key file, or neither
  std::string tls_key_file;
  std::vector<std::string> api_keys;      // none: no key is asked for
  std::vector<std::string> cors_origins;  // none: CORS is off; "*": any
  LogFormat access_log = LogFormat::kOff;
  std::string access_log_file;    // empty: standard error
  bool stops_on_signals = false;  // SIGINT and SIGTERM call stop()
  HttpLimits limits;
};

}  // namespace outrider
