// ReadTurns: connections of one core that wait for something to read without waking the core for it.
//
// Every readable socket that the loop watches wakes it, and to be woken costs more than a small request. The sockets in
// here are watched apart, and looked at together (Connection::turn_interval). Those that are ready are then served one
// after the other, and what else is ready on the core goes between any two.
#pragma once

#include <coroutine>
#include <cstddef>
#include <vector>

#include "env/core.h"
#include "env/network.h"
#include "env/real/descriptor.h"

namespace weir::env::real {

// Belongs to one core, and is used on it. Memory: a pointer for each connection that is ready at one turn.
class ReadTurns final : private Timer {
 public:
  // What one coroutine waits with. Lives until it has been resumed.
  class Waiter {
   public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() { WEIR_ASSERT_NOTE(!waiting_, "what a coroutine waits for went away under it"); }
    [[nodiscard]] bool waiting() const noexcept { return waiting_; }

   private:
    friend class ReadTurns;
    PostNode node_;
    bool waiting_ = false;
    bool ready_ = false;  // it is in ready_ of the turns
  };

  explicit ReadTurns(Core& core);
  ReadTurns(const ReadTurns&) = delete;
  ReadTurns& operator=(const ReadTurns&) = delete;
  ~ReadTurns() override;

  // Watches `descriptor` for `waiter`, until remove(). False when the system has no room for it.
  [[nodiscard]] bool add(int descriptor, Waiter& waiter) noexcept;
  // Its waiter, if it waits, goes on.
  void remove(int descriptor, Waiter& waiter) noexcept;

  // co_await turns.wait(waiter): until the first turn at which something has come in since the last one, or until
  // end_wait(). The caller has read all there was, and looks again.
  [[nodiscard]] auto wait(Waiter& waiter) noexcept {
    struct Awaiter {
      ReadTurns& turns;
      Waiter& waiter;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> awaiting) { turns.begin_wait(waiter, awaiting); }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this, waiter};
  }
  // Nothing happens when it does not wait.
  void end_wait(Waiter& waiter) noexcept;

 private:
  void begin_wait(Waiter& waiter, std::coroutine_handle<> awaiting);
  void look();
  void on_expiry() override;

  Core& core_;
  Descriptor watch_;
  std::vector<Waiter*> ready_;  // of this turn; null where one no longer waits
  std::size_t next_ready_ = 0;
  std::size_t waiters_ = 0;
  bool armed_ = false;
};

}  // namespace weir::env::real
