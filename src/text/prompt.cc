#include "text/prompt.h"

#include <fmt/format.h>

namespace outrider {

Result<std::vector<TokenId>> encode_chat(const Tokenizer& tokenizer,
                                         std::span<const ChatSegment> segments) {
  std::vector<TokenId> tokens;
  for (const ChatSegment& segment : segments) {
    if (segment.is_template) {
      const auto token = tokenizer.vocabulary().find(segment.text);
      if (!token) {
        return Error{
            ErrorCode::kBadModelFile,
            fmt::format("the model's vocabulary has no token {}, which its chat format needs",
                        segment.text)};
      }
      tokens.push_back(*token);
      continue;
    }
    const std::vector<TokenId> plain = tokenizer.encode(segment.text);
    tokens.insert(tokens.end(), plain.begin(), plain.end());
  }
  return tokens;
}

}  // namespace outrider
