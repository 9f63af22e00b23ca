// Any tokens whatever give events in UTF-8, the same ones however the tokens are split.
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>

#include "text/reply_parser.h"
#include "text/reply_test_vocabulary.h"
#include "text/utf8.h"

namespace {

using outrider::ReplyEvent;

void require_utf8(std::string_view text) {
  std::string copy;
  outrider::require(outrider::take_characters(text, copy) == 0 && text.empty(),
                    "an event's text is UTF-8");
}

// All text of one kind, all calls, all warnings: what a client has in the end.
std::string joined(const std::vector<ReplyEvent>& events) {
  std::string parts[4];
  for (const ReplyEvent& event : events) {
    std::string& part = parts[static_cast<std::size_t>(event.kind)];
    part += event.text;
    require_utf8(event.text);
    if (event.kind == ReplyEvent::Kind::kToolCall) {
      const std::string arguments = boost::json::serialize(event.arguments);
      require_utf8(arguments);
      part += arguments;
    }
  }
  return parts[0] + '\0' + parts[1] + '\0' + parts[2] + '\0' + parts[3];
}

}  // namespace

// The text with its control tokens as tokens; its first byte says how many tokens a step has.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace outrider;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ReplyParser::Options options{.starts_in_thinking = data[0] >= 128};
  ReplyParser whole(reply_vocabulary(), options);
  ReplyParser stepwise(reply_vocabulary(), options);
  std::vector<ReplyEvent> at_once;
  std::vector<ReplyEvent> all;
  std::vector<ReplyEvent> step;
  std::size_t count = 0;
  for (const TokenId id : reply_tokens(text)) {
    whole.push(id, at_once);
    stepwise.push(id, step);
    if (++count % (data[0] % 8 + 1u) != 0) continue;
    all.insert(all.end(), step.begin(), step.end());
    step.clear();
  }
  whole.finish(at_once);
  stepwise.finish(step);
  all.insert(all.end(), step.begin(), step.end());
  require(joined(at_once) == joined(all), "a reply does not depend on its steps");
  return 0;
}
