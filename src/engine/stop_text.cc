#include "engine/stop_text.h"

#include <algorithm>
#include <utility>

namespace outrider {
namespace {

// The length of the longest end of `text` that is a proper beginning of `stop`.
std::size_t overlap(std::string_view text, std::string_view stop) {
  for (std::size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
    if (text.ends_with(stop.substr(0, length))) return length;
  }
  return 0;
}

}  // namespace

StopText::StopText(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopText::push(std::string_view piece) {
  if (found_) return {};
  if (stops_.empty()) return std::string(piece);
  held_ += piece;
  // The stop that is complete first ends the text, as it would had the text come by characters.
  std::size_t end = std::string::npos, begin = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    if (at + stop.size() < end || (at + stop.size() == end && at < begin)) {
      begin = at, end = at + stop.size();
      found_ = stop;
    }
  }
  std::size_t certain = begin;
  if (!found_) {
    certain = held_.size();
    for (const std::string& stop : stops_) {
      certain = std::min(certain, held_.size() - overlap(held_, stop));
    }
  }
  std::string text = held_.substr(0, certain);
  held_.erase(0, certain);
  return text;
}

std::string StopText::flush() {
  if (found_) return {};
  return std::exchange(held_, {});
}

}  // namespace outrider
