// TaskGroup: spawned tasks that someone waits for before what they use goes away.
#pragma once

#include <cstddef>
#include <utility>

#include "env/event.h"
#include "env/task.h"

namespace weir::env {

// Belongs to one core. wait() returns once every task spawned through the group has ended.
class TaskGroup {
 public:
  explicit TaskGroup(Core& core) noexcept : core_(core), idle_(core) {}
  ~TaskGroup() { WEIR_ASSERT_NOTE(running_ == 0, "a task group must be waited for before it goes"); }

  // Starts `task` at once. It must end on this group's core.
  void spawn(Task<void> task) {
    ++running_;
    env::spawn(run(std::move(task)));
  }
  [[nodiscard]] std::size_t running() const noexcept { return running_; }
  [[nodiscard]] Task<void> wait() {
    while (running_ != 0) co_await idle_.wait();
  }

 private:
  Task<void> run(Task<void> task) {
    co_await std::move(task);
    co_await core_.enter();
    if (--running_ == 0) idle_.notify_all();
  }

  Core& core_;
  Event idle_;
  std::size_t running_ = 0;
};

}  // namespace weir::env
