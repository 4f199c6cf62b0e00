// TimerQueue: the armed timers of one core, real or simulated.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "env/core.h"

namespace weir::env {

// A binary heap of timers that their owners embed, ordered by deadline and then by order of arming. Memory: one pointer
// per armed timer. One thread.
class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue();

  // Arms `timer` for `deadline`; one that is armed already moves, and counts as armed anew. O(log n).
  void arm(Timer& timer, MonotonicTime deadline);
  // Nothing happens when `timer` is not armed. O(log n).
  void disarm(Timer& timer) noexcept;

  // The earliest deadline, or no_deadline when nothing is armed.
  [[nodiscard]] MonotonicTime next_deadline() const noexcept {
    return heap_.empty() ? no_deadline : heap_.front()->deadline_;
  }
  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }

  // Fires every timer whose deadline is not after `now`, in order, each disarmed first. What gets armed while it runs
  // waits for the next call, so that timers which re-arm for the past cannot hold the loop. Returns how many fired.
  std::size_t expire(MonotonicTime now);

 private:
  // True when `a` fires before `b`.
  [[nodiscard]] static bool before(const Timer& a, const Timer& b) noexcept {
    return a.deadline_ != b.deadline_ ? a.deadline_ < b.deadline_ : a.arm_order_ < b.arm_order_;
  }
  void place(Timer& timer, std::size_t position) noexcept {
    heap_[position] = &timer;
    timer.heap_position_ = position;
  }
  void move_up(std::size_t position) noexcept;
  void move_down(std::size_t position) noexcept;

  std::vector<Timer*> heap_;
  std::uint64_t next_arm_order_ = 0;
};

}  // namespace weir::env
