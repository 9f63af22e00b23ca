#include "text/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace outrider {

std::string StopMatcher::push(std::string_view text) {
  if (stopped()) return {};
  held_.append(text);
  std::size_t begin = std::string::npos;
  std::size_t end = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    const std::size_t behind = at + stop.size();
    if (behind > end || (behind == end && at >= begin)) continue;
    begin = at;
    end = behind;
    matched_ = stop;
  }
  if (stopped()) {
    held_.resize(begin);
    return std::exchange(held_, {});
  }
  std::size_t kept = 0;  // bytes at the end that may begin a stop string
  for (const std::string& stop : stops_) {
    for (std::size_t size = std::min(stop.size() - 1, held_.size()); size > kept; --size) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, size))) kept = size;
    }
  }
  std::string ready = held_.substr(0, held_.size() - kept);
  held_.erase(0, ready.size());
  return ready;
}

std::string StopMatcher::flush() {
  return std::exchange(held_, {});
}

}  // namespace outrider
