#include "env/timer_queue.h"

namespace weir::env {

TimerQueue::~TimerQueue() {
  // Timers of coroutines that were cut off when the loop stopped may outlive the queue.
  for (Timer* timer : heap_) timer->heap_position_ = Timer::not_armed;
}

void TimerQueue::arm(Timer& timer, MonotonicTime deadline) {
  if (timer.heap_position_ == Timer::not_armed) {
    heap_.push_back(nullptr);
    place(timer, heap_.size() - 1);
  }
  timer.deadline_ = deadline;
  timer.arm_order_ = next_arm_order_++;
  move_up(timer.heap_position_);
  move_down(timer.heap_position_);
}

void TimerQueue::disarm(Timer& timer) noexcept {
  if (timer.heap_position_ == Timer::not_armed) return;
  const std::size_t hole = timer.heap_position_;
  WEIR_ASSERT_NOTE(hole < heap_.size() && heap_[hole] == &timer, "the timer is armed on another core");
  timer.heap_position_ = Timer::not_armed;
  Timer& last = *heap_.back();
  heap_.pop_back();
  if (&last == &timer) return;
  place(last, hole);
  move_up(hole);
  move_down(last.heap_position_);
}

std::size_t TimerQueue::expire(MonotonicTime now) {
  const std::uint64_t armed_since = next_arm_order_;
  std::size_t fired = 0;
  while (!heap_.empty()) {
    Timer& first = *heap_.front();
    if (first.deadline_ > now || first.arm_order_ >= armed_since) break;
    disarm(first);
    ++fired;
    first.on_expiry();
  }
  return fired;
}

void TimerQueue::move_up(std::size_t position) noexcept {
  Timer& moving = *heap_[position];
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!before(moving, *heap_[parent])) break;
    place(*heap_[parent], position);
    position = parent;
  }
  place(moving, position);
}

void TimerQueue::move_down(std::size_t position) noexcept {
  Timer& moving = *heap_[position];
  for (;;) {
    std::size_t child = 2 * position + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
    if (!before(*heap_[child], moving)) break;
    place(*heap_[child], position);
    position = child;
  }
  place(moving, position);
}

}  // namespace weir::env
