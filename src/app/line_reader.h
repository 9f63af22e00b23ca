// Lines that somebody types, or that come through a pipe.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "platform/interrupt.h"

namespace outrider {

struct TypedLine {
  enum class Kind {
    kText,
    kInterrupted,  // Ctrl-C: what was typed is to be forgotten
    kEnd,          // of the input
  };
  Kind kind = Kind::kText;
  std::string text{};  // of kText, without the line break
};

class LineReader {
 public:
  virtual ~LineReader() = default;
  // Shows `prompt` where somebody is looking.
  virtual TypedLine read(const std::string& prompt) = 0;
  // What was typed can be called up again later, in another run too.
  virtual void remember(const std::string& text) = 0;
};

// Edits lines if standard input and output are terminals, with a history kept in `history`. The
// watch outlives the reader.
std::unique_ptr<LineReader> make_line_reader(InterruptWatch& watch,
                                             std::optional<std::filesystem::path> history);

// A message of one or more lines: a line that ends in a backslash goes on in the next, and between
// lines that begin and end with """ everything belongs to it. An interrupt inside forgets it all.
TypedLine read_message(LineReader& reader, const std::string& prompt);

}  // namespace outrider
