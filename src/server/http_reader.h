// Reads one HTTP/1.x request from bytes as they come.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "server/api_error.h"
#include "server/http_options.h"

namespace outrider {

// What a request says before its body.
struct HttpHead {
  std::string method;  // as sent
  std::string path;
  std::string query;
  bool is_http_1_0 = false;
  bool keeps_alive = true;
  bool expects_continue = false;
  std::string id;      // x-request-id, empty unless it is one to repeat
  std::string key;     // of "Authorization: Bearer" or x-api-key
  std::string origin;  // of a browser's page
  // Access-Control-Request-Method and -Headers: what a preflight asks for.
  std::string asks_method;
  std::string asks_headers;
};

// Believes nothing about its input. Refuses what two readers could understand differently (two
// lengths, a length beside chunks, unknown transfer codings), since a proxy may be the other one.
class HttpReader {
 public:
  enum class State { kHead, kBody, kDone, kFailed };

  explicit HttpReader(const HttpLimits& limits);
  ~HttpReader();

  // Takes bytes of this request from the front of `bytes` and returns how many; the rest has to be
  // there again, with more behind it, the next time. Stops behind the head once, so that it can be
  // answered before the body is read.
  std::size_t take(std::string_view bytes);

  State state() const;
  // While in kFailed: the status and the sentence for the client.
  const ApiError& error() const;
  // Complete from kBody on; path and method may be known earlier, else they are empty.
  const HttpHead& head() const;
  // What came of the body so far. To be moved from in kDone.
  std::string& body();

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace outrider
