// A fixed set of threads that run one job together and meet at its end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace outrider {

// The caller is thread 0 of the pool. One job at a time, started by one owner; a job must not start
// another.
class ThreadPool {
 public:
  // `threads` counts the caller; at least 1.
  explicit ThreadPool(std::uint32_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::uint32_t threads() const { return threads_; }

  // Calls task(thread) once on every thread, thread in [0, threads()), and returns when all are
  // done. Allocates nothing. `context` is passed through.
  using Task = void (*)(void* context, std::uint32_t thread);
  void run(Task task, void* context);

  template <class F>
  void run(F&& job) {
    run([](void* context,
           std::uint32_t thread) { (*static_cast<std::remove_reference_t<F>*>(context))(thread); },
        const_cast<void*>(static_cast<const void*>(&job)));
  }

 private:
  struct State;
  std::uint32_t threads_;
  std::unique_ptr<State> state_;
};

// The part of [0, count) that `thread` of `threads` works on: contiguous, in units of `grain`,
// nothing left out.
struct Range {
  std::size_t begin;
  std::size_t end;
};
Range share_of(std::size_t count, std::uint32_t thread, std::uint32_t threads,
               std::size_t grain = 1);

// How a thread waits for another that should be done any moment. Who yields on a busy machine gets
// its core back a time slice of some milliseconds later, so that comes only after about as long.
class Patience {
 public:
  void wait();

 private:
  std::uint32_t pauses_ = 0;
};

// Physical cores this process may run on, at least 1.
std::uint32_t usable_cores();

}  // namespace outrider
