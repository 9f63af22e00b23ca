// One reply on its way from the engine's thread to whoever asked for it.
#pragma once
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/request.h"

namespace outrider {

// A token of a reply, with alternatives of its own.
struct CertainToken {
  TokenId token;
  float log_probability = 0;
  std::vector<TokenLogProb> alternatives{};  // likeliest first
};

struct ReplyNews {
  std::vector<CertainToken> tokens{};
  std::optional<Finish> finish{};  // nothing comes behind it
  bool overflowed = false;         // the reply was cut because nobody took its tokens
};

// Bounded, so that a reader who does not come costs no memory; the engine never waits for one.
class ReplyQueue {
 public:
  // `tell` is called on the engine's thread when there is news and all that was before was taken.
  // It must return soon and not take the news itself; it is let go with the finish.
  ReplyQueue(std::size_t tokens_max, std::function<void()> tell)
      : tokens_max_(tokens_max), tell_(std::move(tell)) {}

  // The engine's side. False, and nothing is kept, where there is no room for all of the tokens.
  bool push(std::span<const GeneratedToken> tokens);
  void finish(const Finish& finish);

  // The asker's side, from any thread.
  ReplyNews take();

 private:
  std::size_t tokens_max_;
  std::mutex mutex_;
  std::function<void()> tell_;
  ReplyNews news_;
  bool told_ = false;
};

}  // namespace outrider
