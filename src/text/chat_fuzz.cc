// Any JSON whatever becomes a conversation or an error, and any conversation renders.
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>

#include "text/chat.h"

namespace {

void render_every_way(const outrider::Conversation& conversation) {
  using namespace outrider;
  for (unsigned bits = 0; bits < 64; ++bits) {
    const ChatOptions options{
        .family = (bits & 1) != 0 ? ChatFamily::kSmall : ChatFamily::kLarge,
        .revision = (bits & 2) != 0 ? ChatRevision::kMay : ChatRevision::kJuly,
        .enable_thinking = (bits & 4) != 0,
        .preserve_thinking = (bits & 8) != 0,
        .add_generation_prompt = (bits & 16) != 0,
        .reopen_closed_turn = (bits & 32) != 0};
    bool was_plain = false;
    for (const ChatSegment& segment : render_chat(conversation, options)) {
      require(!segment.text.empty(), "a piece has text");
      require(!was_plain || segment.is_template, "plain text is in one piece");
      was_plain = !segment.is_template;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const boost::json::string_view text(reinterpret_cast<const char*>(data), size);
  boost::json::parse_options options;
  options.max_depth = 2 * outrider::kChatDepthMax;  // so that our own bound is met
  boost::json::error_code failure;
  const boost::json::value request = boost::json::parse(text, failure, {}, options);
  outrider::detect_family({text.data(), text.size()});
  if (failure) return 0;
  const outrider::Result<outrider::Conversation> loaded = outrider::conversation_from_json(request);
  if (loaded) render_every_way(*loaded);
  return 0;
}
