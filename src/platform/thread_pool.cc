#include "platform/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "core/contract.h"

namespace outrider {
namespace {

// Between two jobs of a step there are microseconds, between two steps of an idle server there are
// hours: spin first, then sleep. 2000 pauses are about 50 us; more only burns a core that the
// system could use.
constexpr int kSpinsBeforeSleep = 2000;

// About a millisecond.
constexpr std::uint32_t kPausesBeforeYield = 40000;

// Some tens of cycles in which the other thread of a core has it to itself. Arm's own hint for
// that, yield, does nothing on nearly all of its cores; a barrier for instructions takes some time.
void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#else
  std::this_thread::yield();
#endif
}

}  // namespace

void Patience::wait() {
  if (pauses_ < kPausesBeforeYield) {
    ++pauses_;
    pause_briefly();
  } else {
    std::this_thread::yield();
  }
}

struct ThreadPool::State {
  Task task = nullptr;
  void* context = nullptr;
  std::atomic<std::uint64_t> started{0};  // jobs handed out so far
  std::atomic<std::uint32_t> running{0};  // workers still inside the current job
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<std::thread> workers;

  void work(std::uint32_t thread) {
    std::uint64_t seen = 0;
    while (true) {
      await_job(seen);
      if (stop.load(std::memory_order_acquire)) return;
      ++seen;
      task(context, thread);
      running.fetch_sub(1, std::memory_order_release);
    }
  }

  void await_job(std::uint64_t seen) {
    for (int spin = 0; spin < kSpinsBeforeSleep; ++spin) {
      if (started.load(std::memory_order_acquire) != seen) return;
      pause_briefly();
    }
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return started.load(std::memory_order_acquire) != seen; });
  }

  void announce() {
    {
      const std::lock_guard lock(mutex);
      started.fetch_add(1, std::memory_order_release);
    }
    wake.notify_all();
  }
};

ThreadPool::ThreadPool(std::uint32_t threads)
    : threads_(std::max(1u, threads)), state_(std::make_unique<State>()) {
  for (std::uint32_t thread = 1; thread < threads_; ++thread) {
    state_->workers.emplace_back([this, thread] { state_->work(thread); });
  }
}

ThreadPool::~ThreadPool() {
  state_->stop.store(true, std::memory_order_release);
  state_->announce();
  for (std::thread& worker : state_->workers) worker.join();
}

void ThreadPool::run(Task task, void* context) {
  require(state_->running.load(std::memory_order_acquire) == 0, "one job at a time");
  if (threads_ > 1) {
    state_->task = task;
    state_->context = context;
    state_->running.store(threads_ - 1, std::memory_order_relaxed);
    state_->announce();
  }
  task(context, 0);
  for (Patience patience; state_->running.load(std::memory_order_acquire) != 0;) patience.wait();
}

Range share_of(std::size_t count, std::uint32_t thread, std::uint32_t threads, std::size_t grain) {
  require(thread < threads && grain > 0, "a share belongs to one of the threads");
  const std::size_t units = divide_up(count, grain);
  const std::size_t begin = units * thread / threads * grain;
  const std::size_t end = units * (thread + 1) / threads * grain;
  return {std::min(begin, count), std::min(end, count)};
}

std::uint32_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
    return std::max(1u, static_cast<std::uint32_t>(CPU_COUNT(&set)));
  }
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace outrider
