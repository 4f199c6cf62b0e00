// Event: coroutines of one core wait for it, others of the same core set it off. Not for crossing cores.
#pragma once

#include <coroutine>

#include "base/time.h"
#include "env/core.h"

namespace weir::env {

// A wait list. notify_all() wakes everyone who waits now; there is no memory of past notifications, so check the
// condition before waiting (single-threaded per core: nothing can slip in between). Woken coroutines are posted, not
// run inline, in the order in which they came.
class Event {
 public:
  explicit Event(Core& core) noexcept : core_(core) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { WEIR_ASSERT(first_ == nullptr); }

  // co_await event.wait() / event.wait_until(deadline): true when notified, false when the deadline came first.
  [[nodiscard]] auto wait() noexcept { return Waiter(*this, no_deadline); }
  [[nodiscard]] auto wait_until(MonotonicTime deadline) noexcept { return Waiter(*this, deadline); }

  void notify_all() noexcept {
    while (first_ != nullptr) wake(*first_);
  }
  void notify_one() noexcept {
    if (first_ != nullptr) wake(*first_);
  }
  [[nodiscard]] bool has_waiters() const noexcept { return first_ != nullptr; }

 private:
  class Waiter final : public Timer {
   public:
    Waiter(Event& event, MonotonicTime deadline) noexcept : event_(event), deadline_(deadline) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) {
      node_.resume = awaiting;
      event_.append(*this);
      if (deadline_ != no_deadline) event_.core_.arm(*this, deadline_);
    }
    bool await_resume() const noexcept { return notified_; }
    void on_expiry() override {
      event_.remove(*this);
      event_.core_.post(node_);
    }

   private:
    friend class Event;
    Event& event_;
    MonotonicTime deadline_;
    PostNode node_;
    Waiter* previous_ = nullptr;
    Waiter* next_ = nullptr;
    bool notified_ = false;
  };

  void append(Waiter& waiter) noexcept {
    waiter.previous_ = last_;
    (last_ != nullptr ? last_->next_ : first_) = &waiter;
    last_ = &waiter;
  }
  void remove(Waiter& waiter) noexcept {
    (waiter.previous_ != nullptr ? waiter.previous_->next_ : first_) = waiter.next_;
    (waiter.next_ != nullptr ? waiter.next_->previous_ : last_) = waiter.previous_;
  }
  void wake(Waiter& waiter) noexcept {
    remove(waiter);
    if (waiter.deadline_ != no_deadline) core_.disarm(waiter);
    waiter.notified_ = true;
    core_.post(waiter.node_);
  }

  Core& core_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

}  // namespace weir::env
