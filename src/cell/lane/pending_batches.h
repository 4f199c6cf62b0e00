// PendingBatches: records that were accepted and wait for the commit in flight to end, as the batches of the next ones,
// and the callers that wait for them.
//
// Threading: the lane's core.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "cell/cell_client.h"
#include "env/core.h"
#include "journal/fragment.h"

namespace weir::cell {

// co_await it: goes on, on the caller's core, once the batch that the caller's records are in has been settled. Lives
// in the caller's frame, so that waiting allocates nothing.
class CommitWaiter {
 public:
  explicit CommitWaiter(env::Core& caller) noexcept : caller_(caller) {}
  CommitWaiter(const CommitWaiter&) = delete;
  CommitWaiter& operator=(const CommitWaiter&) = delete;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept { node_.resume = awaiting; }
  void await_resume() const noexcept {}

  // How it ended; `none` means durable. Valid after the wait.
  [[nodiscard]] Refusal refusal() const noexcept { return refusal_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
  friend class PendingBatches;
  env::Core& caller_;
  env::PostNode node_;
  CommitWaiter* next_ = nullptr;
  Refusal refusal_ = Refusal::none;
  std::string reason_;
};

struct PendingBatch {
  std::vector<journal::Fragment> fragments;
  std::uint64_t number = 0;  // counts up from 1
  std::uint64_t stored_bytes = 0;
  std::uint64_t calls = 0;
  CommitWaiter* first_waiter = nullptr;
  CommitWaiter* last_waiter = nullptr;
};

class PendingBatches {
 public:
  PendingBatches(std::uint64_t batch_bytes_max, std::uint64_t bytes_max, std::uint64_t calls_max) noexcept
      : batch_bytes_max_(batch_bytes_max), bytes_max_(bytes_max), calls_max_(calls_max) {}

  // Whether a call that brings `stored_bytes` fits. Into an empty queue every call does.
  [[nodiscard]] bool has_room(std::uint64_t stored_bytes) const noexcept {
    return calls_ == 0 || (calls_ < calls_max_ && stored_bytes <= bytes_max_ && bytes_ <= bytes_max_ - stored_bytes);
  }

  // The batch that a call bringing at most `stored_bytes` joins, whole. Valid until the next call of this class.
  [[nodiscard]] PendingBatch& batch_for(std::uint64_t stored_bytes);
  // Puts a stamped fragment into `batch`, which batch_for() returned.
  void add(PendingBatch& batch, journal::Fragment fragment);
  // Ends the call: `waiter`, which must then be awaited at once, is told of the outcome.
  void wait(PendingBatch& batch, CommitWaiter& waiter) noexcept;

  [[nodiscard]] bool empty() const noexcept { return batches_.empty(); }
  // The oldest batch. It counts as pending until settle().
  [[nodiscard]] PendingBatch take();
  // Lets the callers of `batch`, which take() returned, go on.
  void settle(const PendingBatch& batch, Refusal refusal, const std::string& reason);

  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint64_t calls() const noexcept { return calls_; }
  // The number of the newest batch that was begun, and of the newest that was settled: equal when nothing is pending.
  [[nodiscard]] std::uint64_t newest_begun() const noexcept { return newest_begun_; }
  [[nodiscard]] std::uint64_t newest_settled() const noexcept { return newest_settled_; }

 private:
  std::uint64_t batch_bytes_max_;
  std::uint64_t bytes_max_;
  std::uint64_t calls_max_;
  std::deque<PendingBatch> batches_;
  std::uint64_t bytes_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t newest_begun_ = 0;
  std::uint64_t newest_settled_ = 0;
};

}  // namespace weir::cell
