// BlockingPool: the fixed threads that run what may block: file calls and the like.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "base/metrics.h"

namespace weir::env::real {

// One piece of work. Lives in its caller's coroutine frame, so that the queue needs no memory of its own.
class BlockingJob {
 public:
  BlockingJob() = default;
  BlockingJob(const BlockingJob&) = delete;
  BlockingJob& operator=(const BlockingJob&) = delete;
  virtual ~BlockingJob() = default;
  // On a thread of the pool. The pool does not touch the job any more once this has started.
  virtual void run() noexcept = 0;

 private:
  friend class BlockingPool;
  BlockingJob* next_ = nullptr;
};

// First come, first served. The queue is as long as there are coroutines that wait for it: each holds at most one job,
// and what bounds them bounds the queue. Not on the way of single records: a batch is one job.
class BlockingPool {
 public:
  // `waiting` follows the length of the queue; may be null.
  explicit BlockingPool(Gauge* waiting) noexcept : waiting_(waiting) {}
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  ~BlockingPool() { stop(); }

  // Throws std::system_error when the system gives no more threads.
  void start(std::uint32_t threads);
  // Runs what is queued to its end, then ends the threads.
  void stop() noexcept;
  // The job must live until it has run. After stop() it runs at once, on the caller's thread. Any thread.
  void submit(BlockingJob& job) noexcept;

 private:
  void work() noexcept;
  BlockingJob* take();

  Gauge* const waiting_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  BlockingJob* first_ = nullptr;  // these four under mutex_
  BlockingJob* last_ = nullptr;
  std::uint32_t idle_threads_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::env::real
