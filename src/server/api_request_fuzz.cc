// Any body whatever becomes a request or an error that names what is wrong; the first byte picks
// the endpoint. A conversation that was accepted renders.
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>

#include "server/api_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace outrider;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr ApiResult<ApiRequest> (*kParsers[])(std::string_view, const ApiDefaults&) = {
      parse_chat,         parse_completion,       parse_response,      parse_message,
      parse_count_tokens, parse_llama_completion, parse_apply_template};
  const std::size_t which = data[0] % 9u;
  if (which == 7) {
    if (auto read = parse_tokenize(body); !read) require(!read.error().message.empty(), "said");
    return 0;
  }
  if (which == 8) {
    if (auto read = parse_detokenize(body); !read) require(!read.error().message.empty(), "said");
    return 0;
  }
  ApiResult<ApiRequest> request = kParsers[which](body, {});
  if (!request) {
    require(request.error().status == 400 && !request.error().message.empty(), "errors are told");
    (void)error_body(ApiKind::kChat, request.error(), "r");
    return 0;
  }
  require(!request->prompts.empty(), "a request has a prompt");
  require(request->prompts.size() * request->choices <= kChoicesMax, "replies are bounded");
  for (const ApiPrompt& prompt : request->prompts) {
    const auto* conversation = std::get_if<Conversation>(&prompt);
    if (conversation != nullptr) (void)render_chat(*conversation, {});
  }
  return 0;
}
