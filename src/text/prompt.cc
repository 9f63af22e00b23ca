#include "text/prompt.h"

#include <fmt/format.h>

namespace outrider {
namespace {

constexpr std::string_view kOpenTurn = "<|turn>";
constexpr std::string_view kOpenChannel = "<|channel>";
constexpr std::string_view kThoughtHead = "thought\n";

}  // namespace

Result<ChatPrompt> encode_chat(const Tokenizer& tokenizer, std::span<const ChatSegment> segments) {
  ChatPrompt prompt;
  std::vector<TokenId>& tokens = prompt.tokens;
  for (const ChatSegment& segment : segments) {
    if (segment.is_template) {
      const auto token = tokenizer.vocabulary().find(segment.text);
      if (!token) {
        return Error{
            ErrorCode::kBadModelFile,
            fmt::format("the model's vocabulary has no token {}, which its chat format needs",
                        segment.text)};
      }
      // A turn ends where the next begins; before the first there is <bos> alone.
      if (segment.text == kOpenTurn && tokens.size() > 1) {
        prompt.turn_ends.push_back(static_cast<std::uint32_t>(tokens.size()));
      }
      tokens.push_back(*token);
      continue;
    }
    const std::vector<TokenId> plain = tokenizer.encode(segment.text);
    tokens.insert(tokens.end(), plain.begin(), plain.end());
  }
  const std::size_t count = segments.size();
  prompt.starts_in_thinking = count >= 2 && segments[count - 2].is_template &&
                              segments[count - 2].text == kOpenChannel &&
                              segments[count - 1].text == kThoughtHead;
  return prompt;
}

}  // namespace outrider
