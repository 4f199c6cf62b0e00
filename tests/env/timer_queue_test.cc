#include "env/timer_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <tuple>
#include <vector>

namespace weir::env {
namespace {

MonotonicTime at(std::int64_t ns) { return MonotonicTime(nanoseconds(ns)); }

class RecordingTimer final : public Timer {
 public:
  RecordingTimer(int name, std::vector<int>& fired) : name_(name), fired_(fired) {}
  void on_expiry() override {
    fired_.push_back(name_);
    if (then) then();
  }
  std::function<void()> then;

 private:
  int name_;
  std::vector<int>& fired_;
};

TEST(TimerQueue, FiresByDeadlineThenByOrderOfArming) {
  TimerQueue queue;
  std::vector<int> fired;
  RecordingTimer a(1, fired), b(2, fired), c(3, fired), d(4, fired);
  queue.arm(a, at(20));
  queue.arm(b, at(10));
  queue.arm(c, at(20));
  queue.arm(d, at(30));
  queue.arm(a, at(20));  // armed anew: after c now
  EXPECT_EQ(queue.next_deadline(), at(10));
  EXPECT_EQ(queue.expire(at(9)), 0U);
  EXPECT_EQ(queue.expire(at(20)), 3U);
  EXPECT_EQ(fired, (std::vector{2, 3, 1}));
  queue.disarm(d);
  queue.disarm(d);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.next_deadline(), no_deadline);
}

TEST(TimerQueue, WhatIsArmedWhileFiringWaitsForTheNextTurn) {
  TimerQueue queue;
  std::vector<int> fired;
  RecordingTimer again(1, fired), victim(2, fired);
  again.then = [&] {
    queue.arm(again, at(0));
    queue.disarm(victim);
  };
  queue.arm(again, at(5));
  queue.arm(victim, at(6));
  EXPECT_EQ(queue.expire(at(10)), 1U);
  EXPECT_EQ(fired, (std::vector{1}));
  EXPECT_EQ(queue.next_deadline(), at(0));
  EXPECT_EQ(queue.expire(at(10)), 1U);
  queue.disarm(again);
}

// Against the plainest possible model: a list that is sorted at every look.
RC_GTEST_PROP(TimerQueue, BehavesLikeASortedList, ()) {
  TimerQueue queue;
  std::vector<int> fired, expected;
  std::deque<RecordingTimer> timers;
  for (int i = 0; i < 20; ++i) timers.emplace_back(i, fired);
  std::vector<std::tuple<std::int64_t, int, int>> model;  // deadline, order, name
  const auto steps = *rc::gen::container<std::vector<std::tuple<int, int, int>>>(
      rc::gen::tuple(rc::gen::inRange(0, 5), rc::gen::inRange(0, 20), rc::gen::inRange(0, 50)));
  int order = 0;
  for (const auto& [action, name, when] : steps) {
    const auto same = [&](const auto& entry) { return std::get<2>(entry) == name; };
    if (action == 0) {
      queue.disarm(timers[static_cast<std::size_t>(name)]);
      std::erase_if(model, same);
    } else if (action == 1) {
      queue.expire(at(when));
      std::ranges::sort(model);
      while (!model.empty() && std::get<0>(model.front()) <= when) {
        expected.push_back(std::get<2>(model.front()));
        model.erase(model.begin());
      }
    } else {
      queue.arm(timers[static_cast<std::size_t>(name)], at(when));
      std::erase_if(model, same);
      model.emplace_back(when, order++, name);
    }
    RC_ASSERT(fired == expected);
    RC_ASSERT(queue.empty() == model.empty());
    if (!model.empty()) RC_ASSERT(queue.next_deadline() == at(std::get<0>(*std::ranges::min_element(model))));
  }
  for (RecordingTimer& timer : timers) queue.disarm(timer);
}

TEST(TimerQueueDeathTest, AnArmedTimerMustNotGo) {
  TimerQueue queue;
  std::vector<int> fired;
  EXPECT_DEATH(
      {
        RecordingTimer timer(1, fired);
        queue.arm(timer, at(1));
      },
      "disarmed before it goes");
}

}  // namespace
}  // namespace weir::env
