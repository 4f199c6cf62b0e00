#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "env/event.h"
#include "env/runtime.h"
#include "env/task_group.h"

namespace weir::env {
namespace {

std::unique_ptr<Runtime> make(std::uint32_t cores) {
  return make_real_runtime({.cores = cores, .blocking_threads = 2});
}

Task<int> answer(Runtime& runtime) {
  EXPECT_TRUE(runtime.core(0).is_current());
  co_return 42;
}

TEST(RealRuntime, RunReturnsTheExitCodeOfMain) {
  const auto runtime = make(2);
  EXPECT_EQ(runtime->core_count(), 2U);
  EXPECT_FALSE(runtime->core(0).is_current());
  EXPECT_EQ(runtime->run([&] { return answer(*runtime); }), 42);
}

Task<int> end_elsewhere(Runtime& runtime) {
  co_await runtime.core(1).enter();
  co_return 7;
}

TEST(RealRuntime, MainMayEndOnAnotherCore) {
  const auto runtime = make(2);
  EXPECT_EQ(runtime->run([&] { return end_elsewhere(*runtime); }), 7);
}

Task<void> hop(Runtime& runtime, std::uint32_t rounds, std::vector<std::uint64_t>& visits) {
  for (std::uint32_t i = 0; i < rounds; ++i) {
    Core& core = runtime.core(static_cast<std::uint32_t>(i % runtime.core_count()));
    co_await core.enter();
    EXPECT_TRUE(core.is_current());
    // Only that core touches its counter, so a resumption on a wrong thread is a race that the sanitizer sees.
    ++visits[core.index()];
  }
  co_await runtime.core(0).enter();
}

Task<int> hop_many(Runtime& runtime, std::vector<std::uint64_t>& visits) {
  TaskGroup group(runtime.core(0));
  for (int i = 0; i < 64; ++i) group.spawn(hop(runtime, 1500, visits));
  co_await group.wait();
  co_return 0;
}

TEST(RealRuntime, EveryPostArrivesOnItsCore) {
  const auto runtime = make(3);
  std::vector<std::uint64_t> visits(3);
  EXPECT_EQ(runtime->run([&] { return hop_many(*runtime, visits); }), 0);
  EXPECT_EQ(visits[0], 64U * 500);
  EXPECT_EQ(visits[1], 64U * 500);
  EXPECT_EQ(visits[2], 64U * 500);
}

// One task at a time, so that both loops fall asleep between any two posts: a lost wake-up would hang here.
Task<int> ping_pong(Runtime& runtime) {
  for (int i = 0; i < 20'000; ++i) {
    co_await runtime.core(1).enter();
    co_await runtime.core(0).enter();
  }
  co_return 0;
}

TEST(RealRuntime, NoWakeUpIsLost) {
  const auto runtime = make(2);
  EXPECT_EQ(runtime->run([&] { return ping_pong(*runtime); }), 0);
}

Task<void> note_order(Core& there, int number, std::vector<int>& order) {
  co_await there.enter();
  order.push_back(number);
}

Task<int> post_in_order(Runtime& runtime, std::vector<int>& order) {
  co_await runtime.core(1).enter();
  for (int i = 0; i < 1000; ++i) spawn(note_order(runtime.core(0), i, order));
  co_await runtime.core(0).enter();
  // What core 1 posted before this task came over has run by now.
  EXPECT_EQ(order.size(), 1000U);
  co_return 0;
}

TEST(RealRuntime, PostsFromOneCoreKeepTheirOrder) {
  const auto runtime = make(2);
  std::vector<int> order;
  EXPECT_EQ(runtime->run([&] { return post_in_order(*runtime, order); }), 0);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

Task<void> wait_for(Core& core, Event& event, Duration patience, std::vector<bool>& outcomes) {
  outcomes.push_back(co_await event.wait_until(core.now() + patience));
}

Task<int> events(Core& core) {
  Event event(core);
  TaskGroup group(core);
  std::vector<bool> outcomes;
  group.spawn(wait_for(core, event, milliseconds(2), outcomes));
  group.spawn(wait_for(core, event, hours(1), outcomes));
  while (outcomes.empty()) co_await core.sleep_for(milliseconds(1));
  EXPECT_TRUE(event.has_waiters());
  event.notify_all();
  EXPECT_FALSE(event.has_waiters());
  co_await group.wait();
  EXPECT_EQ(outcomes, (std::vector{false, true}));
  co_return 0;
}

TEST(RealRuntime, EventTellsNotificationFromDeadline) {
  const auto runtime = make(1);
  EXPECT_EQ(runtime->run([&] { return events(runtime->core(0)); }), 0);
}

Task<void> sleep_and_note(Core& core, MonotonicTime until, int name, std::vector<int>& woken) {
  co_await core.sleep_until(until);
  EXPECT_GE(core.now(), until);
  woken.push_back(name);
}

Task<int> sleepers(Core& core) {
  std::vector<int> woken;
  TaskGroup group(core);
  const MonotonicTime start = core.now() + milliseconds(2);
  group.spawn(sleep_and_note(core, start + milliseconds(2), 3, woken));
  group.spawn(sleep_and_note(core, start, 1, woken));
  group.spawn(sleep_and_note(core, start + milliseconds(1), 2, woken));
  co_await group.wait();
  EXPECT_EQ(woken, (std::vector{1, 2, 3}));
  co_return 0;
}

TEST(RealRuntime, SleepersWakeInOrderAndNeverEarly) {
  const auto runtime = make(1);
  EXPECT_EQ(runtime->run([&] { return sleepers(runtime->core(0)); }), 0);
}

Task<void> spin(Core& core, const bool& stop) {
  while (!stop) co_await core.yield();
}

// A task that is always ready must hold up neither timers nor other cores' posts nor the blocking pool.
Task<int> stay_fair(Runtime& runtime) {
  Core& core = runtime.core(0);
  bool stop = false;
  TaskGroup group(core);
  group.spawn(spin(core, stop));
  co_await core.sleep_for(milliseconds(1));
  co_await runtime.core(1).enter();
  co_await core.enter();
  bool ran = false;
  co_await core.run_blocking([&ran] { ran = true; });
  EXPECT_TRUE(ran);
  stop = true;
  co_await group.wait();
  co_return 0;
}

TEST(RealRuntime, ABusyTaskStarvesNobody) {
  const auto runtime = make(2);
  EXPECT_EQ(runtime->run([&] { return stay_fair(*runtime); }), 0);
}

Task<void> block(Core& core, std::atomic<int>& inside, std::atomic<int>& most, int& done) {
  co_await core.run_blocking([&] {
    const int now = inside.fetch_add(1) + 1;
    int seen = most.load();
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    inside.fetch_sub(1);
  });
  EXPECT_TRUE(core.is_current());
  ++done;
}

Task<int> block_many(Core& core, MetricsRegistry& metrics) {
  std::atomic<int> inside = 0, most = 0;
  int done = 0;
  TaskGroup group(core);
  for (int i = 0; i < 500; ++i) group.spawn(block(core, inside, most, done));
  co_await group.wait();
  EXPECT_EQ(done, 500);
  EXPECT_LE(most.load(), 2);
  EXPECT_NE(metrics.prometheus_text().find("weir_env_blocking_jobs 0\n"), std::string::npos);
  co_return 0;
}

TEST(RealRuntime, BlockingWorkRunsOnTheFixedThreadsAndComesBack) {
  MetricsRegistry metrics;
  const auto runtime = make_real_runtime({.cores = 1, .blocking_threads = 2, .metrics = &metrics});
  EXPECT_EQ(runtime->run([&] { return block_many(runtime->core(0), metrics); }), 0);
}

int nice_of_this_thread() { return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())); }

// How long this thread asks to run at a stretch. 0: the kernel does not tell.
std::uint64_t slice_ns_of_this_thread() {
  std::array<std::uint64_t, 6> attributes{};  // struct sched_attr, version 0
  EXPECT_EQ(syscall(SYS_sched_getattr, 0, attributes.data(), sizeof attributes, 0U), 0);
  return attributes[3];
}

Task<int> on_every_loop(Runtime& runtime) {
  const int before = nice_of_this_thread();
  EXPECT_EQ(runtime.core_count(), 2U);
  EXPECT_EQ(runtime.loop_count(), 3U);
  Core* const background = runtime.background_core();
  EXPECT_TRUE(background != nullptr && background == &runtime.core(2));
  if (background == nullptr) co_return 1;
  EXPECT_EQ(background->index(), 2U);
  EXPECT_FALSE(background->is_current());
  for (int i = 0; i < 100; ++i) {
    co_await background->enter();
    EXPECT_TRUE(background->is_current());
    EXPECT_EQ(nice_of_this_thread(), before + 10) << "what its process has, and ten more";
    const std::uint64_t slice_ns = slice_ns_of_this_thread();
    EXPECT_TRUE(slice_ns == 0 || slice_ns == 100'000'000) << slice_ns;
    co_await background->sleep_for(microseconds(10));
    co_await runtime.core(static_cast<std::uint32_t>(i) % 2).enter();
    EXPECT_EQ(nice_of_this_thread(), before) << "the others' priority stays";
    EXPECT_LT(slice_ns_of_this_thread(), 100'000'000U);
  }
  co_await runtime.core(0).enter();
  co_return 0;
}

TEST(RealRuntime, TheBackgroundCoreIsALoopWhoseThreadGivesWay) {
  const auto runtime = make_real_runtime({.cores = 2, .blocking_threads = 1, .background_core = true});
  EXPECT_EQ(runtime->run([&] { return on_every_loop(*runtime); }), 0);
}

TEST(RealRuntime, HasNoBackgroundCoreUnlessItIsAskedFor) {
  const auto runtime = make(2);
  EXPECT_EQ(runtime->background_core(), nullptr);
  EXPECT_EQ(runtime->loop_count(), 2U);
}

Task<int> random_values(Core& core) {
  std::array<std::byte, 64> a{}, b{};
  core.random_bytes(a);
  core.random_bytes(b);
  EXPECT_NE(a, b);
  EXPECT_NE(core.random_u64(), core.random_u64());
  EXPECT_GT(unix_seconds(core.wall_now()), 1'700'000'000);
  co_return 0;
}

TEST(RealRuntime, RandomnessAndWallTimeAreReal) {
  const auto runtime = make(1);
  EXPECT_EQ(runtime->run([&] { return random_values(runtime->core(0)); }), 0);
}

}  // namespace
}  // namespace weir::env
