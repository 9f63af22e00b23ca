#include "server/reply_queue.h"

#include <utility>

namespace outrider {

bool ReplyQueue::push(std::span<const GeneratedToken> tokens) {
  {
    const std::lock_guard lock(mutex_);
    if (news_.tokens.size() + tokens.size() > tokens_max_) {
      news_.overflowed = true;
      return false;
    }
    for (const GeneratedToken& token : tokens) {
      news_.tokens.push_back({token.token,
                              token.log_probability,
                              {token.alternatives.begin(), token.alternatives.end()}});
    }
    if (std::exchange(told_, true)) return true;
  }
  tell_();
  return true;
}

void ReplyQueue::finish(const Finish& finish) {
  std::function<void()> tell;
  {
    const std::lock_guard lock(mutex_);
    news_.finish = finish;
    tell = std::exchange(tell_, nullptr);
    if (std::exchange(told_, true)) return;
  }
  tell();
}

ReplyNews ReplyQueue::take() {
  const std::lock_guard lock(mutex_);
  told_ = false;
  const bool overflowed = news_.overflowed;
  ReplyNews taken = std::exchange(news_, {});
  news_.overflowed = overflowed;
  return taken;
}

}  // namespace outrider
