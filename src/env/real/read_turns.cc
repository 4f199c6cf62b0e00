#include "env/real/read_turns.h"

#include <sys/epoll.h>

#include <array>

namespace weir::env::real {

ReadTurns::ReadTurns(Core& core) : core_(core), watch_(::epoll_create1(EPOLL_CLOEXEC)) {}

ReadTurns::~ReadTurns() { core_.disarm(*this); }

bool ReadTurns::add(int descriptor, Waiter& waiter) noexcept {
  // Edges: what has been told of and not yet read is not told again, and the reader looks before it waits.
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data = {.ptr = &waiter}};
  return ::epoll_ctl(watch_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void ReadTurns::remove(int descriptor, Waiter& waiter) noexcept {
  epoll_event ignored{};
  ::epoll_ctl(watch_.get(), EPOLL_CTL_DEL, descriptor, &ignored);
  end_wait(waiter);
}

void ReadTurns::begin_wait(Waiter& waiter, std::coroutine_handle<> awaiting) {
  WEIR_ASSERT_NOTE(!waiter.waiting_, "two coroutines wait for the same turn");
  waiter.node_.resume = awaiting;
  waiter.waiting_ = true;
  ++waiters_;
  if (armed_) return;
  armed_ = true;
  core_.arm(*this, core_.now() + Connection::turn_interval);
}

void ReadTurns::end_wait(Waiter& waiter) noexcept {
  if (!waiter.waiting_) return;
  waiter.waiting_ = false;
  --waiters_;
  core_.post(waiter.node_);
}

void ReadTurns::on_expiry() {
  // Nobody runs before all are told: a waiter cannot go away in between.
  std::array<epoll_event, 128> events;
  int count = 0;
  do {
    count = ::epoll_wait(watch_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) end_wait(*static_cast<Waiter*>(events[static_cast<std::size_t>(i)].data.ptr));
  } while (count == static_cast<int>(events.size()));
  armed_ = waiters_ != 0;
  if (armed_) core_.arm(*this, core_.now() + Connection::turn_interval);
}

}  // namespace weir::env::real
