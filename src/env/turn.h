// Turn: one task at a time does something that has pauses in it. First come, first served.
#pragma once

#include "env/event.h"
#include "env/task.h"

namespace weir::env {

// Belongs to one core. The caller gives back what it took, on every path.
class Turn {
 public:
  explicit Turn(Core& core) noexcept : next_(core) {}
  [[nodiscard]] Task<void> take() {
    if (!taken_) {
      taken_ = true;
      co_return;
    }
    static_cast<void>(co_await next_.wait());  // handed over: taken_ stays set
  }
  void give_back() noexcept {
    WEIR_ASSERT(taken_);
    if (next_.has_waiters()) {
      next_.notify_one();
    } else {
      taken_ = false;
    }
  }

 private:
  Event next_;
  bool taken_ = false;
};

}  // namespace weir::env
