#include "platform/interrupt.h"

#include <signal.h>

#include <atomic>

#include "core/contract.h"

namespace outrider {
namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");
bool watched = false;

}  // namespace

struct InterruptWatch::Previous {
  struct sigaction action;
};

InterruptWatch::InterruptWatch() : previous_(std::make_unique<Previous>()) {
  require(!watched, "one watch over interrupts at a time");
  watched = true;
  interrupted = false;
  struct sigaction action = {};  // without SA_RESTART: reads come back
  action.sa_handler = [](int) { interrupted = true; };
  sigaction(SIGINT, &action, &previous_->action);
}

InterruptWatch::~InterruptWatch() {
  sigaction(SIGINT, &previous_->action, nullptr);
  watched = false;
}

bool InterruptWatch::take() {
  return interrupted.exchange(false);
}

}  // namespace outrider
