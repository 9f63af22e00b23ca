// Ends a text at the first of several strings, although the text comes in pieces.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outrider {

class StopMatcher {
 public:
  // All are UTF-8, so what comes out is never cut inside a character. Empty ones are ignored.
  explicit StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
    std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
  }

  // What of the text so far is certain to come before any stop string. The string that is complete
  // first ends the text (of two that end together the longer) and is not part of it; nothing comes
  // out behind it. The text does not depend on how it is cut into pieces.
  std::string push(std::string_view text);
  // At the end, or before something that is no text: what was held back as a possible beginning.
  std::string flush();

  bool stopped() const { return matched_.has_value(); }
  const std::optional<std::string>& matched() const { return matched_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::optional<std::string> matched_;
};

}  // namespace outrider
