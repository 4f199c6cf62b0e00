// RealCore: one event loop on one thread, over Asio's epoll reactor.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "env/core.h"
#include "env/file.h"
#include "env/network.h"
#include "env/real/blocking_pool.h"
#include "env/real/operation_memory.h"
#include "env/real/post_queue.h"
#include "env/real/read_turns.h"
#include "env/timer_queue.h"

namespace weir::env::real {

class RealCore final : public Core {
 public:
  RealCore(std::uint32_t index, BlockingPool& pool);
  ~RealCore() override;

  [[nodiscard]] std::uint32_t index() const noexcept override { return index_; }
  [[nodiscard]] MonotonicTime now() const noexcept override;
  [[nodiscard]] WallTime wall_now() const noexcept override;
  [[nodiscard]] bool is_current() const noexcept override;
  [[nodiscard]] std::uint64_t random_u64() noexcept override;
  void random_bytes(MutableBytes out) noexcept override;
  void post(PostNode& node) noexcept override;
  void post_last(PostNode& node) noexcept override;
  void arm(Timer& timer, MonotonicTime deadline) override { timers_.arm(timer, deadline); }
  void disarm(Timer& timer) noexcept override { timers_.disarm(timer); }
  [[nodiscard]] Task<void> run_blocking(UniqueFunction<void()> work) override;
  [[nodiscard]] FileSystem& files() noexcept override { return *files_; }
  [[nodiscard]] Network& network() noexcept override { return *network_; }

  // Runs the loop on the calling thread until stop(). `first` runs on the loop before anything else; may be empty.
  void run(UniqueFunction<void()> first);
  // Any thread.
  void stop() noexcept;

  // co_await core.blocking([&] { ... }): as run_blocking, without allocating.
  template <class Work>
  [[nodiscard]] auto blocking(Work work) noexcept(std::is_nothrow_move_constructible_v<Work>) {
    return BlockingCall<Work>(*this, std::move(work));
  }
  [[nodiscard]] BlockingPool& pool() noexcept { return pool_; }
  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  [[nodiscard]] ReadTurns& read_turns() noexcept { return read_turns_; }

  // Every completion handler calls this first: the loop is awake, whoever posts need not wake it.
  void woke() noexcept;

 private:
  template <class Work>
  class BlockingCall final : public BlockingJob {
   public:
    BlockingCall(RealCore& home, Work work) : home_(home), work_(std::move(work)) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept {
      node_.resume = awaiting;
      home_.pool_.submit(*this);
    }
    void await_resume() const noexcept {}
    void run() noexcept override {
      work_();
      home_.post(node_);
    }

   private:
    RealCore& home_;
    Work work_;
    PostNode node_;
  };
  class WakeHandler;

  void post_from_elsewhere(PostNode& node) noexcept;
  void wake() noexcept;
  void take_posted_from_elsewhere() noexcept;
  void run_posted();
  void poll_ready();
  void wait_ready();
  [[nodiscard]] bool may_sleep() noexcept;

  const std::uint32_t index_;
  BlockingPool& pool_;
  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<Network> network_;
  TimerQueue timers_;
  ReadTurns read_turns_{*this};
  std::uint64_t random_state_;

  PostQueue posted_;
  PostQueue posted_last_;  // these go on after the next look at the sockets
  // Between awake_ going down before a wait and woke().
  bool sleeping_ = false;
  // A poster found the loop asleep: its wake-up is in Asio's queue, or will be any moment.
  bool wake_under_way_ = false;
  OperationMemory wake_memory_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> stay_open_;

  // Written by other threads; on a line of their own.
  alignas(64) std::atomic<PostNode*> posted_from_elsewhere_{nullptr};  // newest first
  std::atomic<bool> awake_{true};
  std::atomic<bool> stopping_{false};
};

}  // namespace weir::env::real
