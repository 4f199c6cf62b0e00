// The whole back end under a seed: directory, cell and journals on a simulated disk, through lives that end in crashes.
// The clients' knowledge (BackendModel) is held against what is there after each.
#include <map>

#include "gtest/gtest.h"
#include "tests/simulation/backend_actors.h"
#include "tests/simulation/backend_world.h"
#include "tests/support/simulation_test.h"

namespace weir::simulation {
namespace {

constexpr std::uint64_t lives_max = 6;

// How one life goes.
struct LifePlan {
  bool faults = false;  // of disk, metastore and clock, once it serves
  bool enforce_rates = false;
  bool crash_at_boundary = false;  // somewhere in the middle of an operation of the disk
  bool crash_in_time = false;      // at some moment
};

LifePlan plan_life(World& world) {
  return {.faults = world.random.below(3) != 0,
          .enforce_rates = world.random.below(4) == 0,
          .crash_at_boundary = world.random.below(3) == 0,
          .crash_in_time = world.random.below(2) == 0};
}

// Everything that the shards of the streams hold.
env::Task<std::map<ShardKey, std::vector<ReadRecord>>> read_everything(Process& process) {
  std::map<ShardKey, std::vector<ReadRecord>> all;
  for (const auto& stream : process.streams()) {
    for (const directory::Shard& shard : stream->shards) {
      const ShardKey key = stream->key_of(shard);
      std::vector<ReadRecord>& records = all[key];
      RecordIndex from;
      for (;;) {
        const cell::ReadReply reply = co_await process.cell->read(
            process.home, shard.lane, {.shard = key, .from = from, .records_max = 500, .bytes_max = mebibyte});
        if (reply.refusal == cell::Refusal::throttled) {
          co_await process.home.sleep_for(milliseconds(200));
          continue;
        }
        if (reply.refusal == cell::Refusal::not_mine) break;  // has just been deleted, or has expired
        EXPECT_EQ(reply.refusal, cell::Refusal::none) << reply.reason;
        if (reply.refusal != cell::Refusal::none) break;
        for (const ReadRecord& record : take_in(process, key, reply.result)) records.push_back(record);
        from = reply.result.next;
        if (reply.result.reached_end) break;
      }
    }
  }
  // What is no longer in the newest map need not be complete.
  std::erase_if(all, [&](const auto& entry) {
    const auto stream = process.routes.map()->find(entry.first.stream);
    return stream == nullptr || stream->find_shard(entry.first.shard) == nullptr;
  });
  co_return all;
}

env::Task<void> check_everything(Process& process) {
  process.world.model.note_clock(process.home.wall_now());
  for (const std::string& name : process.world.streams_wanted) {
    EXPECT_NE(process.routes.map()->find(scope.account, scope.region, name), nullptr) << name << " is lost";
  }
  const auto all = co_await read_everything(process);
  process.world.model.check_everything(all);
}

env::Task<void> be_busy(Process& process, bool faults) {
  env::TaskGroup actors(process.home);
  for (std::uint32_t i = 0; i < 2 * cores; ++i) {
    actors.spawn(write(process, process.simulation.core(i % cores)));
    actors.spawn(read(process, process.simulation.core(i % cores)));
  }
  actors.spawn(govern(process));
  if (faults) {
    process.metastore_faults = true;
    actors.spawn(misfortune(process));
  }
  co_await process.home.sleep_for(milliseconds(500) + process.some_time(3'000'000));
  process.stop_requested = true;
  co_await actors.wait();
}

env::Task<void> crash_later(Process& process) {
  co_await process.home.sleep_for(process.some_time(2'000'000));
  process.simulation.stop();
}

// Waits until every lane takes writes again, now that nothing fails any more.
env::Task<void> recover_fully(Process& process) {
  process.metastore_faults = false;
  process.world.disk.clear_faults();
  process.world.disk.set_capacity(disk_bytes);
  for (const cell::LaneMetrics& lane : process.cell_metrics.lanes) {
    for (int i = 0; i < 200 && lane.serving.value() == 0; ++i) co_await process.home.sleep_for(milliseconds(100));
    EXPECT_EQ(lane.serving.value(), 1) << "a lane did not come back";
  }
}

env::Task<int> live(Process& process, LifePlan plan) {
  const Result<void> opened = co_await process.open();
  EXPECT_TRUE(opened.has_value()) << opened.error().message;
  if (!opened.has_value()) co_return 1;
  co_await check_everything(process);
  if (plan.crash_in_time) env::spawn(crash_later(process));
  co_await be_busy(process, plan.faults);
  co_await recover_fully(process);
  co_await check_everything(process);
  process.world.commits_failed += process.cell_metrics.commits_failed.value();
  co_await process.close();
  co_return 0;
}

// Lives once, and leaves the world as the next life finds it.
void live_and_die(World& world, LifePlan plan) {
  world.disk.cancel_crash();
  world.disk.clear_faults();
  world.disk.set_capacity(disk_bytes);
  if (plan.crash_at_boundary) {
    const auto phase = env::all_crash_phases[world.random.below(3)];
    world.disk.crash_at(world.disk.boundaries_crossed() + world.random.below(world.random.below(3) == 0 ? 60 : 4'000),
                        phase);
  }
  env::Simulation simulation(
      {.seed = world.random.next(), .cores = cores, .disk = &world.disk, .wall_clock_start = world.wall_clock_start});
  // Cut off with everything it owns when the simulation crashes: never destroyed then, as Simulation says.
  auto* const process = new Process(simulation, world, plan.enforce_rates);
  const env::Outcome outcome = simulation.run_to_outcome([&] { return live(*process, plan); });
  world.model.note_clock(process->home.wall_now());
  world.wall_clock_start = process->home.wall_now();
  world.trace_hash = world.trace_hash * 31 + simulation.trace_hash();
  if (outcome == env::Outcome::finished) {
    delete process;
  } else {
    EXPECT_EQ(outcome, env::Outcome::crashed) << simulation.report();
    ++world.crashes;
    world.disk.crash(world.random.below(3) == 0 ? env::CrashMode::process : env::CrashMode::power_loss);
  }
  world.model.lose_answers();
  for (const Walk& walk : world.walks) world.model.check_walk(walk);
  world.walks.clear();
}

void run_world(World& world) {
  const std::uint64_t lives = 2 + world.random.below(lives_max - 1);
  for (std::uint64_t life = 0; life < lives && !testing::Test::HasFailure(); ++life) {
    live_and_die(world, plan_life(world));
  }
  if (!testing::Test::HasFailure()) live_and_die(world, {});  // a last one, undisturbed: everything must be there
}

// Design, section 6, invariants 1 to 4.
TEST(Backend, KeepsItsPromisesThroughCrashesFaultsAndClockSteps) {
  test::for_each_seed_isolated(1, 40, [](std::uint64_t seed) {
    World world(seed);
    run_world(world);
    EXPECT_GT(world.model.acknowledged(), 0U);
  });
}

void replay(std::uint64_t seed) {
  World first(seed);
  run_world(first);
  World second(seed);
  run_world(second);
  EXPECT_EQ(first.trace_hash, second.trace_hash);
  EXPECT_EQ(first.model.sent(), second.model.sent());
  EXPECT_EQ(first.model.acknowledged(), second.model.acknowledged());
}

TEST(Backend, ASeedReplaysBitForBit) { test::for_each_seed_isolated(1'001, 3, replay); }

// The order in which a hash table gives its entries depends on where it lies in memory.
TEST(Backend, TheSeedThatOnceDidNotReplayReplays) { test::for_kept_seeds({1'106}, replay); }

}  // namespace
}  // namespace weir::simulation
