// Stop strings: where a text ends because it contains one, wherever token borders fall.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outrider {

class StopText {
 public:
  // Empty strings are ignored.
  explicit StopText(std::vector<std::string> stops);

  // Takes the next piece of the text and returns what is certain to be part of it: everything up to
  // a stop string, less an end that might be the beginning of one. After a stop, nothing.
  std::string push(std::string_view piece);
  // The text ended without a stop: what was held back.
  std::string flush();

  // The stop string that ended the text; of several that end at the same character the one that
  // begins first.
  const std::optional<std::string>& found() const { return found_; }
  bool has_stops() const { return !stops_.empty(); }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::optional<std::string> found_;
};

}  // namespace outrider
