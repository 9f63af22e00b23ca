// Where a prompt comes from: text, a file, a message or a conversation in the chat format, token
// ids.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/id.h"
#include "core/result.h"
#include "model/model.h"
#include "text/chat.h"
#include "text/tokenizer.h"

namespace CLI {
class App;
}

namespace outrider {

struct PromptOptions {
  std::string text = {};
  std::string file = {};      // "-": standard input
  std::string messages = {};  // file of a conversation as JSON; "-": standard input
  std::string tokens = {};
  std::string system = {};
  bool chat = false;
  bool thinking = false;
};

void add_prompt_options(CLI::App& app, PromptOptions& options);

// The prompt with <bos> in front. kBadRequest if none or more than one was given, or if a
// conversation is not what conversation_from_json takes.
Result<std::vector<TokenId>> prompt_tokens(const PromptOptions& options, const Tokenizer& tokenizer,
                                           const TargetModel& target);

// The chat format of a model: what its template shows, else what its shape suggests.
ChatOptions chat_options_for(const TargetModel& target);

}  // namespace outrider
