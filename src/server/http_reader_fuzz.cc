// Any bytes whatever become requests or an error; the first byte says how large the pieces are that
// they come in. Requests that a connection would take mean the same however they are cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/contract.h"
#include "server/http_reader.h"

namespace {

using outrider::HttpReader;
using outrider::require;

struct Outcome {
  HttpReader::State state = HttpReader::State::kHead;
  std::string path;
  std::string body;
};

Outcome read(std::string_view text, std::size_t step) {
  outrider::HttpLimits limits;
  limits.head_bytes = 512;
  limits.body_bytes = 1024;
  HttpReader reader(limits);
  std::string waiting;
  for (; !text.empty(); text.remove_prefix(std::min(step, text.size()))) {
    waiting += text.substr(0, step);
    for (;;) {
      const std::size_t taken = reader.take(waiting);
      require(taken <= waiting.size(), "no more is taken than there is");
      waiting.erase(0, taken);
      if (taken == 0 || waiting.empty()) break;
    }
    require(reader.body().size() <= limits.body_bytes, "bodies are bounded");
    const bool is_over = reader.state() >= HttpReader::State::kDone;
    require(is_over || waiting.size() <= limits.head_bytes, "what waits is bounded");
    if (is_over) break;
  }
  if (reader.state() == HttpReader::State::kFailed) {
    require(reader.error().status >= 400 && !reader.error().message.empty(), "errors are told");
  }
  return {reader.state(), reader.head().path, std::move(reader.body())};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome cut = read(text, data[0] % 64u + 1);
  if (cut.state != HttpReader::State::kDone) return 0;
  const Outcome whole = read(text, text.size());
  require(whole.state == cut.state && whole.path == cut.path && whole.body == cut.body,
          "a request means the same however it is cut");
  return 0;
}
