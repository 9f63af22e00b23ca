// Ctrl-C as something to ask about instead of the end of the process.
#pragma once
#include <memory>

namespace outrider {

// While one lives, an interrupt is noted, and a read that waits for a terminal is cut short. At
// most one at a time.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  // Whether there was an interrupt since the last call.
  bool take();

 private:
  struct Previous;
  std::unique_ptr<Previous> previous_;
};

}  // namespace outrider
