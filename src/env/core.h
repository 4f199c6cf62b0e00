// Core: one event loop. Everything that a component needs from the outside world comes through here: time, timers,
// randomness, files, network, and the way to other cores. There is a real implementation (env/real, Asio) and a
// simulated one (env/sim, seeded, many cores in one thread).
//
// Threading: a Core's members may be called only by code running on that core, except where it says "any thread".
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "base/time.h"
#include "base/unique_function.h"
#include "env/task.h"

namespace weir::env {

class FileSystem;
class Network;

// A suspended coroutine on its way to a core. Lives inside the awaiter, so that posting allocates nothing.
struct PostNode {
  std::atomic<PostNode*> next{nullptr};
  std::coroutine_handle<> resume;
};

// A timer that its owner embeds. Never fires after disarm(); may be armed again from on_expiry().
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  // The owner disarms first: destroying an armed timer is a bug.
  virtual ~Timer() { WEIR_ASSERT_NOTE(heap_position_ == not_armed, "a timer must be disarmed before it goes"); }
  virtual void on_expiry() = 0;

 private:
  friend class TimerQueue;
  MonotonicTime deadline_{};
  std::uint64_t arm_order_ = 0;
  std::size_t heap_position_ = not_armed;
  static constexpr std::size_t not_armed = static_cast<std::size_t>(-1);
};

class Core {
 public:
  Core() = default;
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;
  virtual ~Core() = default;

  [[nodiscard]] virtual std::uint32_t index() const noexcept = 0;  // any thread
  [[nodiscard]] virtual MonotonicTime now() const noexcept = 0;    // any thread
  [[nodiscard]] virtual WallTime wall_now() const noexcept = 0;    // any thread
  [[nodiscard]] virtual bool is_current() const noexcept = 0;      // any thread: is the caller on this core?

  // Random numbers for jitter and choices; in a simulation they follow the seed.
  [[nodiscard]] virtual std::uint64_t random_u64() noexcept = 0;
  // Random bytes fit for keys and tokens; in a simulation they follow the seed.
  virtual void random_bytes(MutableBytes out) noexcept = 0;

  // Resumes node.resume on this core, after what was posted before it. The node must live until then. Any thread.
  virtual void post(PostNode& node) noexcept = 0;
  // The same, but after all that is ready now: what was posted, and what has come in on sockets. On this core only.
  virtual void post_last(PostNode& node) noexcept { post(node); }

  // Arms `timer` for `deadline`; a timer already armed moves. Timers fire in order of deadline, then of arming.
  virtual void arm(Timer& timer, MonotonicTime deadline) = 0;
  virtual void disarm(Timer& timer) noexcept = 0;

  // Runs `work`, which may block, outside the loop (a fixed pool of threads; inline in a simulation), and resumes the
  // caller on this core when it is done.
  [[nodiscard]] virtual Task<void> run_blocking(UniqueFunction<void()> work) = 0;

  [[nodiscard]] virtual FileSystem& files() noexcept = 0;
  [[nodiscard]] virtual Network& network() noexcept = 0;

  // co_await core.enter(): go on on this core. Free when already there. Any thread.
  [[nodiscard]] auto enter() noexcept {
    struct Awaiter {
      Core& core;
      PostNode node;
      [[nodiscard]] bool await_ready() const noexcept { return core.is_current(); }
      void await_suspend(std::coroutine_handle<> awaiting) noexcept {
        node.resume = awaiting;
        core.post(node);
      }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this, {}};
  }

  // co_await core.yield(): lets everything that is ready run first, as post_last. On this core only.
  [[nodiscard]] auto yield() noexcept {
    struct Awaiter {
      Core& core;
      PostNode node;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> awaiting) noexcept {
        node.resume = awaiting;
        core.post_last(node);
      }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this, {}};
  }

  // co_await core.sleep_until(t). On this core only.
  [[nodiscard]] auto sleep_until(MonotonicTime deadline) noexcept {
    struct Awaiter final : Timer {
      Core& core;
      MonotonicTime wake_at;
      std::coroutine_handle<> awaiting;
      Awaiter(Core& on, MonotonicTime at) : core(on), wake_at(at) {}
      [[nodiscard]] bool await_ready() const noexcept { return wake_at <= core.now(); }
      void await_suspend(std::coroutine_handle<> handle) {
        awaiting = handle;
        core.arm(*this, wake_at);
      }
      void await_resume() const noexcept {}
      void on_expiry() override { awaiting.resume(); }
    };
    return Awaiter(*this, deadline);
  }
  [[nodiscard]] auto sleep_for(Duration duration) noexcept { return sleep_until(now() + duration); }
};

// Runs `function` (which returns a Task) on `there` and comes back to `here` with its result. The caller is on `here`.
template <class Function>
auto call_on(Core& here, Core& there, Function function) -> decltype(function()) {
  co_await there.enter();
  if constexpr (std::is_same_v<decltype(function()), Task<void>>) {
    co_await function();
    co_await here.enter();
  } else {
    auto result = co_await function();
    co_await here.enter();
    co_return result;
  }
}

}  // namespace weir::env
