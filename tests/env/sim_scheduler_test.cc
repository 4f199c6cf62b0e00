#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "env/core.h"
#include "env/event.h"
#include "env/sim/simulation.h"
#include "env/task_group.h"
#include "gtest/gtest.h"
#include "tests/support/simulation_test.h"

namespace weir::env {
namespace {

using test::for_each_seed;
using test::run_simulation;

// Two tasks on each of several cores, with sleeps, posts, files and random numbers between them.
Task<void> work_for_a_while(Core& home, Core& core, std::vector<std::uint32_t>& order) {
  co_await core.enter();
  for (int round = 0; round < 5; ++round) {
    order.push_back(core.index());
    co_await core.yield();
    co_await core.sleep_for(microseconds(core.random_u64() % 50));
    const auto file = co_await core.files().open("f" + std::to_string(core.index()), OpenMode::open_or_create);
    const BytesView part = as_bytes("text");
    if (file) static_cast<void>(co_await (*file)->write_at(0, {&part, 1}, Durability::synced));
  }
  co_await home.enter();
}

struct BusyRun {
  std::uint64_t trace_hash = 0;
  std::vector<std::uint32_t> order;
};

BusyRun run_busy(std::uint64_t seed) {
  BusyRun run;
  Simulation simulation({.seed = seed, .cores = 3});
  const int code = simulation.run([&]() -> Task<int> {
    Core& home = simulation.core(0);
    TaskGroup group(home);
    for (std::uint32_t i = 0; i < 6; ++i) group.spawn(work_for_a_while(home, simulation.core(i % 3), run.order));
    co_await group.wait();
    co_return 7;
  });
  EXPECT_EQ(code, 7);
  run.trace_hash = simulation.trace_hash();
  return run;
}

TEST(Simulation, EqualSeedsReplayToTheLastDecision) {
  for_each_seed(1, 20, [](std::uint64_t seed) {
    const BusyRun first = run_busy(seed);
    const BusyRun second = run_busy(seed);
    EXPECT_EQ(first.trace_hash, second.trace_hash);
    EXPECT_EQ(first.order, second.order);
  });
}

TEST(Simulation, DifferentSeedsTakeDifferentWays) {
  std::set<std::uint64_t> hashes;
  std::set<std::vector<std::uint32_t>> orders;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const BusyRun run = run_busy(seed);
    hashes.insert(run.trace_hash);
    orders.insert(run.order);
  }
  EXPECT_EQ(hashes.size(), 20U);
  EXPECT_GT(orders.size(), 10U);
}

TEST(Simulation, OneCoreRunsWhatIsPostedInOrder) {
  for_each_seed(1, 20, [](std::uint64_t seed) {
    run_simulation(seed, [](Core& core) -> Task<void> {
      std::vector<int> order;
      TaskGroup group(core);
      const auto append_later = [](Core& on, std::vector<int>& to, int number) -> Task<void> {
        co_await on.yield();
        to.push_back(number);
      };
      for (int i = 0; i < 8; ++i) group.spawn(append_later(core, order, i));
      co_await group.wait();
      EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
    });
  });
}

TEST(Simulation, SeedsReorderWhatRunsOnDifferentCores) {
  std::set<std::vector<std::uint32_t>> orders;
  for (std::uint64_t seed = 1; seed <= 64; ++seed) {
    std::vector<std::uint32_t> order;
    Simulation simulation({.seed = seed, .cores = 3});
    static_cast<void>(simulation.run([&]() -> Task<int> {
      Core& home = simulation.core(0);
      TaskGroup group(home);
      const auto note_core = [](Core& back, Core& on, std::vector<std::uint32_t>& to) -> Task<void> {
        co_await on.enter();
        to.push_back(on.index());
        co_await back.enter();
      };
      for (const std::uint32_t i : {1U, 2U, 1U, 2U}) group.spawn(note_core(home, simulation.core(i), order));
      co_await group.wait();
      co_return 0;
    }));
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 6U);  // four steps, two of each core: 4!/(2!·2!)
}

TEST(Simulation, TimeStandsStillUntilTheNextTimerAndThenJumpsThere) {
  run_simulation(3, [](Core& core) -> Task<void> {
    const MonotonicTime start = core.now();
    for (int i = 0; i < 100; ++i) co_await core.yield();
    EXPECT_EQ(core.now(), start);
    co_await core.sleep_for(hours(24 * 365));
    EXPECT_EQ(core.now(), start + hours(24 * 365));
  });
}

TEST(Simulation, TimersFireInOrderOfDeadlineAndThenOfArming) {
  run_simulation(4, [](Core& core) -> Task<void> {
    std::vector<int> order;
    TaskGroup group(core);
    const auto append_after = [](Core& on, std::vector<int>& to, Duration delay, int number) -> Task<void> {
      co_await on.sleep_for(delay);
      to.push_back(number);
    };
    group.spawn(append_after(core, order, seconds(3), 3));
    group.spawn(append_after(core, order, seconds(1), 1));
    group.spawn(append_after(core, order, seconds(2), 2));
    group.spawn(append_after(core, order, seconds(1), 11));
    co_await group.wait();
    EXPECT_EQ(order, (std::vector<int>{1, 11, 2, 3}));
  });
}

TEST(Simulation, AnEventWaitsForItsDeadlineOrItsNotification) {
  run_simulation(5, [](Core& core) -> Task<void> {
    Event event(core);
    const MonotonicTime start = core.now();
    EXPECT_FALSE(co_await event.wait_until(start + seconds(1)));
    EXPECT_EQ(core.now(), start + seconds(1));
    TaskGroup group(core);
    const auto notify_after = [](Core& on, Event& what) -> Task<void> {
      co_await on.sleep_for(milliseconds(10));
      what.notify_all();
    };
    group.spawn(notify_after(core, event));
    EXPECT_TRUE(co_await event.wait_until(start + hours(1)));
    EXPECT_EQ(core.now(), start + seconds(1) + milliseconds(10));
    co_await group.wait();
  });
}

TEST(Simulation, TheWallClockFollowsVirtualTimeAndStepsOnDemand) {
  Simulation simulation({.seed = 6, .wall_clock_start = wall_time_ms(1'000'000)});
  static_cast<void>(simulation.run([&]() -> Task<int> {
    Core& core = simulation.core(0);
    EXPECT_EQ(unix_milliseconds(core.wall_now()), 1'000'000);
    co_await core.sleep_for(milliseconds(2'500));
    EXPECT_EQ(unix_milliseconds(core.wall_now()), 1'002'500);
    const MonotonicTime before = core.now();
    simulation.step_wall_clock(-seconds(10));
    EXPECT_EQ(unix_milliseconds(core.wall_now()), 992'500);
    EXPECT_EQ(core.now(), before);
    simulation.step_wall_clock(hours(1));
    EXPECT_EQ(unix_milliseconds(core.wall_now()), 4'592'500);
    co_return 0;
  }));
}

TEST(Simulation, BlockingWorkRunsAndTakesVirtualTime) {
  std::set<Duration> durations;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    run_simulation(seed, [&durations](Core& core) -> Task<void> {
      const MonotonicTime start = core.now();
      bool ran = false;
      co_await core.run_blocking([&ran] { ran = true; });
      EXPECT_TRUE(ran);
      EXPECT_TRUE(core.is_current());
      durations.insert(core.now() - start);
    });
  }
  EXPECT_EQ(durations.size(), 5U);
}

TEST(Simulation, AWaitThatNothingCanEndIsReportedAsADeadlock) {
  Simulation simulation({.seed = 8});
  const Outcome outcome = simulation.run_to_outcome([&]() -> Task<int> {
    Event never(simulation.core(0));
    co_await never.wait();
    co_return 0;
  });
  EXPECT_EQ(outcome, Outcome::deadlocked);
  EXPECT_TRUE(simulation.report().contains("seed 8")) << simulation.report();
  EXPECT_TRUE(simulation.report().contains("deadlocked")) << simulation.report();
}

TEST(Simulation, ARunThatNeverEndsReachesTheStepLimit) {
  Simulation simulation({.seed = 9, .steps_max = 1000});
  const Outcome outcome = simulation.run_to_outcome([&]() -> Task<int> {
    for (;;) co_await simulation.core(0).yield();
  });
  EXPECT_EQ(outcome, Outcome::step_limit_reached);
  EXPECT_EQ(simulation.steps(), 1000U);
}

TEST(SimulationDeathTest, RunEndsTheProcessOnADeadlockAndNamesTheSeed) {
  const auto run_into_deadlock = [] {
    Simulation simulation({.seed = 77});
    return simulation.run([&]() -> Task<int> {
      Event never(simulation.core(0));
      co_await never.wait();
      co_return 0;
    });
  };
  EXPECT_DEATH(static_cast<void>(run_into_deadlock()), "seed 77 deadlocked");
}

TEST(Simulation, NothingRunsAfterStop) {
  for_each_seed(1, 20, [](std::uint64_t seed) {
    bool went_on = false;
    int destroyed = 0;
    struct Witness {
      int& destroyed;
      ~Witness() { ++destroyed; }
    };
    {
      Simulation simulation({.seed = seed, .cores = 2});
      const Outcome outcome = simulation.run_to_outcome([&]() -> Task<int> {
        const Witness witness{destroyed};
        TaskGroup group(simulation.core(0));
        const auto stop_at_once = [](Simulation& what) -> Task<void> {
          what.stop();
          co_return;
        };
        co_await simulation.core(0).sleep_for(milliseconds(1));
        group.spawn(stop_at_once(simulation));
        co_await simulation.core(0).yield();
        went_on = true;
        co_await group.wait();
        co_return 0;
      });
      EXPECT_EQ(outcome, Outcome::crashed);
    }
    EXPECT_FALSE(went_on);
    EXPECT_EQ(destroyed, 0);
  });
}

TEST(Simulation, StepsTakeTimeAndLeaveATraceWhereAsked) {
  std::vector<std::string> lines;
  const SimulationOptions options{.seed = 10,
                                  .step_duration_max = microseconds(1),
                                  .trace = [&](std::string_view line) { lines.emplace_back(line); }};
  run_simulation(options, [](Core& core) -> Task<void> {
    const MonotonicTime start = core.now();
    while (core.now() < start + microseconds(20)) co_await core.yield();  // ends, since time does not stand still
    static_cast<void>(co_await core.files().open("some_file", OpenMode::open_or_create));
  });
  EXPECT_GE(lines.size(), 20U);
  EXPECT_TRUE(std::ranges::any_of(lines, [](const std::string& line) { return line.contains("create some_file"); }));
}

TEST(Simulation, APausedMachineDoesNothingWhileTimeGoesOn) {
  Simulation simulation({.seed = 11});
  SimulatedMachine& other = simulation.add_machine({.name = "other", .address = "10.0.0.2"});
  std::vector<std::int64_t> beats;  // milliseconds of virtual time
  const int code = simulation.run([&]() -> Task<int> {
    const auto beat = [](Core& core, std::vector<std::int64_t>& to) -> Task<void> {
      for (int i = 0; i < 6; ++i) {
        co_await core.sleep_for(milliseconds(10));
        to.push_back(core.now().time_since_epoch() / milliseconds(1));
      }
    };
    other.start([&] { return beat(other.core(0), beats); });
    co_await simulation.core(0).sleep_for(milliseconds(25));
    other.pause(milliseconds(100));
    for (int i = 0; i < 200; ++i) co_await simulation.core(0).sleep_for(milliseconds(1));
    co_return 0;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(beats, (std::vector<std::int64_t>{10, 20, 125, 135, 145, 155}));
}

TEST(Simulation, AKilledMachineNeverRunsAgainAndOthersGoOn) {
  Simulation simulation({.seed = 12});
  SimulatedMachine& other = simulation.add_machine({.name = "other", .address = "10.0.0.2"});
  int beats = 0;
  const int code = simulation.run([&]() -> Task<int> {
    const auto beat = [](Core& core, int& count) -> Task<void> {
      for (;;) {
        co_await core.sleep_for(milliseconds(10));
        ++count;
      }
    };
    other.start([&] { return beat(other.core(0), beats); });
    co_await simulation.core(0).sleep_for(milliseconds(35));
    other.kill();
    EXPECT_FALSE(other.is_alive());
    co_await simulation.core(0).sleep_for(seconds(1));
    co_return 5;
  });
  EXPECT_EQ(code, 5);
  EXPECT_EQ(beats, 3);
}

}  // namespace
}  // namespace weir::env
