#include "env/real/blocking_pool.h"

#include <pthread.h>

namespace weir::env::real {

void BlockingPool::start(std::uint32_t threads) {
  threads_.reserve(threads);
  for (std::uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

void BlockingPool::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void BlockingPool::submit(BlockingJob& job) noexcept {
  bool wake = false;
  {
    std::unique_lock lock(mutex_);
    if (stopping_) {
      // At the very end, when only closing what is left remains to be done.
      lock.unlock();
      return job.run();
    }
    job.next_ = nullptr;
    (last_ != nullptr ? last_->next_ : first_) = &job;
    last_ = &job;
    wake = idle_threads_ != 0;
  }
  if (waiting_ != nullptr) waiting_->add(1);
  if (wake) arrived_.notify_one();
}

BlockingJob* BlockingPool::take() {
  std::unique_lock lock(mutex_);
  while (first_ == nullptr) {
    if (stopping_) return nullptr;
    ++idle_threads_;
    arrived_.wait(lock);
    --idle_threads_;
  }
  BlockingJob* const job = first_;
  first_ = job->next_;
  if (first_ == nullptr) last_ = nullptr;
  return job;
}

void BlockingPool::work() noexcept {
  pthread_setname_np(pthread_self(), "weir-blocking");
  while (BlockingJob* const job = take()) {
    if (waiting_ != nullptr) waiting_->add(-1);
    job->run();
  }
}

}  // namespace weir::env::real
