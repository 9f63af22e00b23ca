// The text side of a prompt: the pieces it is collected in, and Python's idea of spaces and
// numbers, which the chat template relies on.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/chat.h"

namespace outrider {

// Collects pieces, joining plain text to plain text.
class ChatWriter {
 public:
  void control(std::string_view token);
  void media(std::string_view token, std::size_t media_index);
  void plain(std::string_view text);
  void quoted(std::string_view text);  // between two `<|"|>`

  std::vector<ChatSegment> take() && { return std::move(segments_); }

 private:
  std::vector<ChatSegment> segments_;
};

// Writes a comma before everything but the first.
class ChatSeparator {
 public:
  explicit ChatSeparator(ChatWriter& out) : out_(out) {}
  void operator()() {
    if (!is_first_) out_.plain(",");
    is_first_ = false;
  }

 private:
  ChatWriter& out_;
  bool is_first_ = true;
};

// What Python's str.strip() leaves: whitespace is Unicode's, in UTF-8.
std::string_view trim_unicode(std::string_view text);

// What Python's str() prints for a float: the shortest digits that read back the same, with a point
// or an exponent (1.0, 1.5, 1e-05, 1e+20).
std::string python_float(double value);

}  // namespace outrider
