#include "app/line_reader.h"

#include <histedit.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <fstream>
#include <iostream>
#include <system_error>

#include "platform/terminal.h"

namespace outrider {
namespace {

constexpr int kRemembered = 1000;
constexpr std::wint_t kInterruptKey = L'\x03';  // Ctrl-C
constexpr const char* kBlock = "\"\"\"";

class PipeReader final : public LineReader {
 public:
  explicit PipeReader(InterruptWatch& watch) : watch_(watch) {}

  TypedLine read(const std::string&) override {
    std::string text;
    if (!std::getline(std::cin, text)) return {TypedLine::Kind::kEnd};
    watch_.take();
    return {TypedLine::Kind::kText, std::move(text)};
  }
  void remember(const std::string&) override {}

 private:
  InterruptWatch& watch_;
};

// libedit on the terminal. Ctrl-C is a key while a line is typed: it comes in its place among the
// others, where a signal may come before a character typed earlier or just before the wait for the
// next, which then lasts. Between lines it is a signal, but one at which the terminal keeps what
// is written to it: a prompt is not lost. Ctrl-D between lines waits for the next line as any key
// does; were it the terminal's end of file, changing how the terminal reads would make a NUL of it.
class TerminalReader final : public LineReader {
 public:
  TerminalReader(InterruptWatch& watch, std::optional<std::filesystem::path> path)
      : watch_(watch), path_(std::move(path)) {
    // Without a locale of UTF-8, letters beyond ASCII could not be typed.
    std::setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
    std::setvbuf(stdin, nullptr, _IONBF, 0);
    edit_ = el_init("outrider", stdin, stdout, stderr);
    history_ = history_init();
    HistEvent event;
    history(history_, &event, H_SETSIZE, kRemembered);
    history(history_, &event, H_SETUNIQUE, 1);
    if (path_) history(history_, &event, H_LOAD, path_->c_str());
    el_set(edit_, EL_CLIENTDATA, this);
    el_set(edit_, EL_PROMPT, &TerminalReader::prompt_of);
    el_set(edit_, EL_EDITOR, "emacs");
    el_set(edit_, EL_HIST, history, history_);
    el_set(edit_, EL_GETCFN, &TerminalReader::next_of);
    el_source(edit_, nullptr);  // the user's own ~/.editrc
    el_set(edit_, EL_SETTY, "-x", "+noflsh", "eof=", nullptr);
  }
  ~TerminalReader() override {
    history_end(history_);
    el_end(edit_);
  }
  TerminalReader(const TerminalReader&) = delete;
  TerminalReader& operator=(const TerminalReader&) = delete;

  TypedLine read(const std::string& prompt) override {
    prompt_ = prompt;
    interrupted_ = false;
    // Before the prompt is seen: from then on keys are keys, Ctrl-D among them.
    el_set(edit_, EL_PREP_TERM, 1);
    el_set(edit_, EL_SETTY, "-d", "intr=", nullptr);
    watch_.take();
    int count = 0;
    const char* line = el_gets(edit_, &count);
    if (interrupted_) {
      el_reset(edit_);
      std::fputs("\n", stdout);
      return {TypedLine::Kind::kInterrupted};
    }
    if (line == nullptr || count <= 0) return {TypedLine::Kind::kEnd};
    std::string text(line, static_cast<std::size_t>(count));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return {TypedLine::Kind::kText, std::move(text)};
  }

  void remember(const std::string& text) override {
    if (text.empty()) return;
    HistEvent event;
    history(history_, &event, H_ENTER, text.c_str());
    if (!path_) return;
    std::error_code ignored;
    std::filesystem::create_directories(path_->parent_path(), ignored);
    history(history_, &event, H_SAVE, path_->c_str());
  }

 private:
  static TerminalReader& of(EditLine* edit) {
    void* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    return *static_cast<TerminalReader*>(self);
  }
  static char* prompt_of(EditLine* edit) { return of(edit).prompt_.data(); }
  static int next_of(EditLine* edit, wchar_t* character) { return of(edit).next(*character); }

  // 1 with a character, 0 at the end.
  int next(wchar_t& character) {
    for (;;) {
      const std::wint_t found = std::fgetwc(stdin);
      if (found != WEOF) {
        interrupted_ = found == kInterruptKey;
        character = static_cast<wchar_t>(found);
        return interrupted_ ? 0 : 1;
      }
      const bool failed = std::ferror(stdin) != 0;
      const int why = errno;
      std::clearerr(stdin);
      interrupted_ = watch_.take();  // a signal from elsewhere
      if (interrupted_ || !failed || (why != EINTR && why != EILSEQ)) return 0;
    }
  }

  InterruptWatch& watch_;
  std::optional<std::filesystem::path> path_;
  EditLine* edit_ = nullptr;
  History* history_ = nullptr;
  std::string prompt_;
  bool interrupted_ = false;
};

}  // namespace

std::unique_ptr<LineReader> make_line_reader(InterruptWatch& watch,
                                             std::optional<std::filesystem::path> history) {
  if (is_terminal(stdin) && is_terminal(stdout)) {
    return std::make_unique<TerminalReader>(watch, std::move(history));
  }
  return std::make_unique<PipeReader>(watch);
}

TypedLine read_message(LineReader& reader, const std::string& prompt) {
  const std::string more(prompt.size() - 2, '.');
  TypedLine message = reader.read(prompt);
  if (message.kind != TypedLine::Kind::kText) return message;
  const auto next = [&](std::string& line) {
    TypedLine read = reader.read(more + ". ");
    if (read.kind == TypedLine::Kind::kInterrupted) message = {read.kind};
    line = std::move(read.text);
    return read.kind == TypedLine::Kind::kText;
  };
  std::string line;
  if (message.text.starts_with(kBlock)) {
    message.text.erase(0, 3);
    while (!message.text.ends_with(kBlock) && next(line)) message.text += "\n" + line;
    if (message.text.ends_with(kBlock)) message.text.resize(message.text.size() - 3);
    if (message.text.starts_with('\n')) message.text.erase(0, 1);
    if (message.text.ends_with('\n')) message.text.pop_back();
  } else {
    while (message.text.ends_with('\\')) {
      message.text.back() = '\n';
      if (!next(line)) break;
      message.text += line;
    }
  }
  if (message.kind == TypedLine::Kind::kText) reader.remember(message.text);
  return message;
}

}  // namespace outrider
