// MemoryCore and MemoryConnection: the least of env that connection code needs, so that a fuzzer runs it hundreds of
// thousands of times a second. No files, no network, no randomness; time moves only when told to.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <utility>

#include "env/core.h"
#include "env/event.h"
#include "env/network.h"
#include "env/timer_queue.h"

namespace weir::testing {

class MemoryCore final : public env::Core {
 public:
  // Runs everything that is ready, and what becomes ready by that.
  void run() {
    while (!ready_.empty()) {
      env::PostNode* node = ready_.front();
      ready_.pop_front();
      node->resume.resume();
    }
  }
  // run(), letting `duration` pass; timers fire at their own moment.
  void run_for(Duration duration) {
    const MonotonicTime end = now_ + duration;
    run();
    while (timers_.next_deadline() <= end) {
      now_ = std::max(now_, timers_.next_deadline());
      timers_.expire(now_);
      run();
    }
    now_ = end;
  }

  [[nodiscard]] std::uint32_t index() const noexcept override { return 0; }
  [[nodiscard]] MonotonicTime now() const noexcept override { return now_; }
  [[nodiscard]] WallTime wall_now() const noexcept override {
    return wall_time_ms(1'795'446'689'000) + std::chrono::duration_cast<milliseconds>(now_.time_since_epoch());
  }
  [[nodiscard]] bool is_current() const noexcept override { return true; }
  [[nodiscard]] std::uint64_t random_u64() noexcept override { return random_state_ += 0x9e3779b97f4a7c15U; }
  void random_bytes(MutableBytes out) noexcept override {
    for (std::byte& byte : out) byte = static_cast<std::byte>(random_u64() >> 56U);
  }
  void post(env::PostNode& node) noexcept override { ready_.push_back(&node); }
  void arm(env::Timer& timer, MonotonicTime deadline) override { timers_.arm(timer, deadline); }
  void disarm(env::Timer& timer) noexcept override { timers_.disarm(timer); }
  [[nodiscard]] env::Task<void> run_blocking(UniqueFunction<void()> work) override {
    work();
    co_return;
  }
  [[nodiscard]] env::FileSystem& files() noexcept override { absent(); }
  [[nodiscard]] env::Network& network() noexcept override { absent(); }

 private:
  [[noreturn]] static void absent() { assertion_failed("a memory core has no files and no network", "", 0, ""); }

  std::deque<env::PostNode*> ready_;
  env::TimerQueue timers_;
  MonotonicTime now_{seconds(1)};
  std::uint64_t random_state_ = 0;
};

// One direction of a connection. Holds any number of bytes.
struct MemoryPipe {
  explicit MemoryPipe(env::Core& core) : changed(core) {}
  std::string bytes;
  std::size_t taken = 0;
  bool ended = false;
  env::Event changed;

  void put(std::string_view more) {
    bytes.append(more);
    changed.notify_all();
  }
  void end() {
    ended = true;
    changed.notify_all();
  }
  [[nodiscard]] std::string take_all() {
    taken = 0;
    return std::exchange(bytes, {});
  }
};

// One end of a connection: reads what the test puts into `incoming`, writes into `outgoing`.
class MemoryConnection final : public env::Connection {
 public:
  MemoryConnection(MemoryPipe& incoming, MemoryPipe& outgoing,
                   std::size_t read_bytes_max = std::numeric_limits<std::size_t>::max())
      : incoming_(incoming), outgoing_(outgoing), read_bytes_max_(read_bytes_max) {}

  [[nodiscard]] env::Task<Result<std::size_t>> read_some(MutableBytes out, MonotonicTime deadline) override {
    interrupted_ = false;
    while (incoming_.taken == incoming_.bytes.size()) {
      if (interrupted_) co_return fail(ErrorCode::timeout, "interrupted");
      if (closed_) co_return fail(ErrorCode::closed, "closed here");
      if (incoming_.ended) co_return std::size_t{0};
      if (!co_await incoming_.changed.wait_until(deadline)) co_return fail(ErrorCode::timeout, "read");
    }
    if (closed_) co_return fail(ErrorCode::closed, "closed here");
    const std::size_t bytes = std::min({out.size(), incoming_.bytes.size() - incoming_.taken, read_bytes_max_});
    std::copy_n(as_bytes(incoming_.bytes).begin() + static_cast<std::ptrdiff_t>(incoming_.taken), bytes, out.begin());
    incoming_.taken += bytes;
    if (incoming_.taken == incoming_.bytes.size()) static_cast<void>(incoming_.take_all());
    co_return bytes;
  }
  [[nodiscard]] env::Task<Result<void>> write_all(std::span<const BytesView> parts, MonotonicTime) override {
    if (closed_ || outgoing_.ended) co_return fail(ErrorCode::closed, "closed");
    for (const BytesView part : parts) outgoing_.bytes.append(as_text(part));
    outgoing_.changed.notify_all();
    co_return Result<void>();
  }
  void interrupt_read() noexcept override {
    interrupted_ = true;
    incoming_.changed.notify_all();
  }
  void close() noexcept override {
    closed_ = true;
    incoming_.changed.notify_all();
    outgoing_.end();
  }
  [[nodiscard]] const env::Endpoint& peer() const noexcept override { return peer_; }
  [[nodiscard]] bool is_closed() const noexcept { return closed_; }

 private:
  MemoryPipe& incoming_;
  MemoryPipe& outgoing_;
  std::size_t read_bytes_max_;
  bool closed_ = false;
  bool interrupted_ = false;
  env::Endpoint peer_{"127.0.0.1", 50'000};
};

}  // namespace weir::testing
