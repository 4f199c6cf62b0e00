#include "env/real/read_turns.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <utility>

namespace weir::env::real {
namespace {

// Of 128 connections each, in one turn; the others are told in the next.
constexpr int portions_max = 64;

}  // namespace

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
  if (waiter.ready_) *std::ranges::find(ready_, &waiter) = nullptr;
  waiter.waiting_ = waiter.ready_ = false;
  --waiters_;
  core_.post(waiter.node_);
}

void ReadTurns::look() {
  std::array<epoll_event, 128> events;
  for (int portion = 0; portion < portions_max; ++portion) {
    const int count = ::epoll_wait(watch_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      auto& waiter = *static_cast<Waiter*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (!waiter.waiting_ || waiter.ready_) continue;
      waiter.ready_ = true;
      ready_.push_back(&waiter);
    }
    if (count < static_cast<int>(events.size())) break;
  }
}

void ReadTurns::on_expiry() {
  if (ready_.empty()) look();
  // One at a time: the core serves what else is ready before the timer fires again.
  while (next_ready_ < ready_.size()) {
    Waiter* const waiter = std::exchange(ready_[next_ready_++], nullptr);
    if (waiter == nullptr) continue;
    waiter->ready_ = false;
    end_wait(*waiter);
    break;
  }
  const bool more = next_ready_ < ready_.size();
  if (!more) {
    ready_.clear();
    next_ready_ = 0;
  }
  armed_ = more || waiters_ != 0;
  if (armed_) core_.arm(*this, core_.now() + (more ? Duration(0) : Connection::turn_interval));
}

}  // namespace weir::env::real
