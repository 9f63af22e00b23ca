// Tells a waiting person how far a long job is: on a terminal one line that changes, elsewhere a
// line every two seconds. Short jobs say nothing.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace outrider {

class Progress {
 public:
  // `what` is done to `total_bytes`; `quiet` says nothing at all.
  Progress(std::string what, std::uint64_t total_bytes, bool quiet);
  ~Progress();  // ends the changing line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // That many bytes more are done. From one thread.
  void add(std::uint64_t bytes);

 private:
  using Clock = std::chrono::steady_clock;
  void show(Clock::time_point now);

  std::string what_;
  std::uint64_t total_bytes_;
  std::uint64_t done_bytes_ = 0;
  bool quiet_;
  bool on_terminal_;
  bool shown_ = false;
  Clock::time_point start_;
  Clock::time_point next_;
};

// "1.24 GB", "350 MB", "12 kB".
std::string human_bytes(std::uint64_t bytes);

}  // namespace outrider
