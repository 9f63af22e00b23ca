// The thread that runs the engine. Requests and cancellations reach it through a mailbox, replies
// leave it through queues; it waits for nobody, and sleeps when there is nothing to do.
#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "server/engine_state.h"
#include "server/reply_queue.h"

namespace outrider {

struct EngineJob {
  Request request;
  std::shared_ptr<ReplyQueue> reply;
};

// What somebody may do on the engine's thread.
struct EngineThreadHooks {
  // Hears of a step that failed; what ran then has failed with it, and the thread goes on.
  std::function<void(const Error&)> failed{};
  // Behind the last step: what was learnt may be kept.
  std::function<void(Engine&)> ended{};
};

class EngineThread {
 public:
  // `runtime` and `vocabulary` outlive it. `prepare` may change the engine before its first step.
  EngineThread(Runtime& runtime, const Vocabulary* vocabulary, EngineOptions options,
               const std::function<void(Engine&)>& prepare = {}, EngineThreadHooks hooks = {});
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // All of the jobs or none. kBadRequest for what can never be done, kExhausted when so many
  // requests wait that there is no room for these, kDevice once the thread is to stop. Each reply
  // that was taken on hears of its finish, whatever happens.
  Result<std::vector<TicketId>> post(std::vector<EngineJob> jobs);
  // Nobody wants the reply any more. Unknown or over: nothing happens.
  void cancel(TicketId ticket) { withdraw(ticket, false); }
  // The same where what came is all that was wanted: counts as a reply that ended itself.
  void end(TicketId ticket) { withdraw(ticket, true); }

  EngineState state() const;

  // Cancels everything, and comes back when the thread is gone. Jobs are refused from then on. To
  // be called before the last holder lets go, since replies under way may be what holds it.
  void stop();

 private:
  class Reply;
  struct Withdrawal {
    TicketId ticket;
    bool is_complete;
  };
  struct Running {
    const Reply* reply;
    const ActiveRequest* request;
  };
  struct Mail {
    std::vector<std::pair<TicketId, EngineJob>> jobs;
    std::vector<Withdrawal> withdrawals;
    bool stop = false;
  };

  void withdraw(TicketId ticket, bool is_complete);
  void run();
  Mail take_mail();
  void begin(TicketId ticket, EngineJob job);
  void step();
  void publish();
  void show_slots();
  void count(const Reply& reply);
  void deliver_finishes();

  Runtime& runtime_;
  Engine engine_;
  std::uint32_t places_;  // requests that may run or wait
  EngineThreadHooks hooks_;

  mutable std::mutex mutex_;
  std::condition_variable news_;
  Mail mail_;
  bool stopping_ = false;
  std::uint64_t next_ticket_ = 1;
  std::uint32_t taken_ = 0;  // places
  EngineState state_;

  // The engine thread's own.
  std::vector<std::unique_ptr<Reply>> replies_;
  EngineState current_;
  std::vector<Running> running_;  // scratch

  std::mutex join_mutex_;
  std::thread thread_;
};

// The engine that requests go to now. It can be replaced while requests are under way: those keep
// the engine they went to until they are over.
class EngineHandle {
 public:
  explicit EngineHandle(std::shared_ptr<EngineThread> engine) : engine_(std::move(engine)) {}

  std::shared_ptr<EngineThread> get() const {
    const std::lock_guard lock(mutex_);
    return engine_;
  }
  // The one before, which its holder stops.
  std::shared_ptr<EngineThread> replace(std::shared_ptr<EngineThread> engine) {
    const std::lock_guard lock(mutex_);
    return std::exchange(engine_, std::move(engine));
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<EngineThread> engine_;
};

}  // namespace outrider
