// Interrupt: says that a command is to end before it is done. Belongs to one core.
#pragma once

#include "env/event.h"
#include "env/task.h"

namespace weir::cli {

class Interrupt {
 public:
  explicit Interrupt(env::Core& core) noexcept : core_(core), requested_event_(core) {}

  // May be called more than once. Who sleeps wakes up.
  void request() noexcept {
    requested_ = true;
    requested_event_.notify_all();
  }
  [[nodiscard]] bool is_requested() const noexcept { return requested_; }
  // Returns early when interrupted.
  [[nodiscard]] env::Task<void> sleep_until(MonotonicTime time) {
    if (!requested_ && time > core_.now()) static_cast<void>(co_await requested_event_.wait_until(time));
  }

 private:
  env::Core& core_;
  env::Event requested_event_;
  bool requested_ = false;
};

}  // namespace weir::cli
