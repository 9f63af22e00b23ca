#include "app/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace outrider {
namespace {

constexpr std::chrono::milliseconds kTerminalInterval(200);
constexpr std::chrono::milliseconds kLineInterval(2000);

std::string human_seconds(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  return fmt::format("{} min {:02} s", whole / 60, whole % 60);
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  if (bytes < 1000000) return fmt::format("{:.0f} kB", value / 1e3);
  if (bytes < 1000000000) return fmt::format("{:.0f} MB", value / 1e6);
  return fmt::format("{:.2f} GB", value / 1e9);
}

Progress::Progress(std::string what, std::uint64_t total_bytes, bool quiet)
    : what_(std::move(what)),
      total_bytes_(std::max<std::uint64_t>(total_bytes, 1)),
      quiet_(quiet),
      on_terminal_(isatty(STDERR_FILENO) != 0),
      start_(Clock::now()),
      next_(start_ + (on_terminal_ ? kTerminalInterval : kLineInterval)) {}

Progress::~Progress() {
  if (shown_ && on_terminal_) fmt::print(stderr, "\n");
}

void Progress::add(std::uint64_t bytes) {
  done_bytes_ += bytes;
  if (quiet_) return;
  const Clock::time_point now = Clock::now();
  const bool last = shown_ && done_bytes_ >= total_bytes_;
  if (now < next_ && !last) return;
  next_ = now + (on_terminal_ ? kTerminalInterval : kLineInterval);
  show(now);
}

void Progress::show(Clock::time_point now) {
  const double seconds = std::max(std::chrono::duration<double>(now - start_).count(), 1e-3);
  const double rate = static_cast<double>(done_bytes_) / seconds;
  const double left = static_cast<double>(total_bytes_ - std::min(done_bytes_, total_bytes_));
  const std::string line = fmt::format(
      "{}: {:3.0f} %, {} of {}, {}/s, {} left", what_,
      100 * static_cast<double>(done_bytes_) / static_cast<double>(total_bytes_),
      human_bytes(done_bytes_), human_bytes(total_bytes_),
      human_bytes(static_cast<std::uint64_t>(rate)), human_seconds(left / std::max(rate, 1.0)));
  // The escape clears what a longer line before left behind.
  if (on_terminal_) {
    fmt::print(stderr, "\r{}\x1b[K", line);
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
  shown_ = true;
}

}  // namespace outrider
