// The shipped pair, as it is served, and conversations to have with it.
#pragma once
#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "engine/golden_test_runtime.h"
#include "text/prompt.h"
#include "text/vocabulary.h"

namespace outrider {

inline std::unique_ptr<Runtime> load_nano(const RuntimeOptions& options,
                                          std::shared_ptr<DeferredCounts> deferred = {}) {
  const std::string folder = OUTRIDER_SOURCE_DIR "/models/nano/";
  return load({folder + "target.gguf", folder + "assistant.gguf"},
              {.integer_activations = true, .deferred = std::move(deferred), .runtime = options});
}

// Questions of the kinds that nano was trained on, each with a number of its own; every third
// behind a system prompt, and most behind up to six turns that others begin with as well.
inline Conversation nano_conversation(std::uint32_t number) {
  constexpr std::array kWords = {"river",  "lantern", "apple", "window",
                                 "garden", "silver",  "bridge"};
  const std::string word = kWords[number % kWords.size()];
  const std::array questions = {
      fmt::format("What is {} plus {}?", number, 7 * number % 50),
      fmt::format("Spell the word {} and count to {}.", word, number % 30 + 2),
      fmt::format("Count from {} to {}.", number, number + 8),
      fmt::format("Tell me a story about a {} and {} friends.", word, number % 40 + 2),
      fmt::format("Is {} greater than {}?", number, 200 - number),
      fmt::format("Write {} in capital letters, {} times.", word, number % 45 + 2),
      fmt::format("Give me JSON with the keys {} and {}.", word, number),
      fmt::format("What day is it {} days after Monday?", number)};
  Conversation conversation;
  const auto say = [&](ChatRole role, std::string text) {
    ChatMessage message;
    message.role = role;
    message.content = std::move(text);
    conversation.messages.push_back(std::move(message));
  };
  if (number % 3 == 0) say(ChatRole::kSystem, "You are a helpful assistant. Answer in English.");
  for (std::uint32_t turn = 0; turn < number % 7; ++turn) {
    say(ChatRole::kUser, fmt::format("What is {} plus {}?", turn + 3, 2 * turn));
    say(ChatRole::kAssistant, fmt::format("{} plus {} is {}.", turn + 3, 2 * turn, 3 * turn + 3));
  }
  say(ChatRole::kUser, questions[number % questions.size()]);
  return conversation;
}

// What the conversations become.
class NanoPrompts {
 public:
  explicit NanoPrompts(const Runtime& runtime)
      : vocabulary_(checked(vocabulary_from_gguf(runtime.target().file))),
        tokenizer_(vocabulary_) {}

  Request request(std::uint32_t number, std::uint32_t tokens_max) const {
    ChatPrompt prompt =
        checked(encode_chat(tokenizer_, render_chat(nano_conversation(number), ChatOptions{})));
    const auto ends = vocabulary_.end_of_generation();
    Request r{.prompt = std::move(prompt.tokens),
              .checkpoints = std::move(prompt.turn_ends),
              .tokens_max = tokens_max,
              .ends = {ends.begin(), ends.end()}};
    r.sampling.seed = number;
    return r;
  }

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  Tokenizer tokenizer_;
};

}  // namespace outrider
