// The head of a response.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrider {

struct HttpReplyHead {
  int status = 200;
  std::string_view content_type;  // empty: none
  std::optional<std::size_t> content_bytes;
  bool is_chunked = false;
  bool is_stream = false;  // not to be kept or held back by whoever passes it on
  bool keeps_alive = true;
  bool is_http_1_0 = false;      // of the client
  std::string_view id;           // x-request-id
  std::string_view cors_origin;  // whose pages may read the reply; empty: none beside the server's
  std::vector<std::pair<std::string, std::string>> fields;
};

// Status line and fields with the empty line behind them. Control characters in fields become
// spaces, so that none can end a line.
std::string head_text(const HttpReplyHead& head);

// One chunk of a chunked body.
std::string chunk_text(std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace outrider
