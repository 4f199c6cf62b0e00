// The lanes of a cell, on the cores of a process.
#include "cell/local_cell.h"

#include <unistd.h>

#include <array>
#include <filesystem>

#include "gtest/gtest.h"
#include "tests/cell/lane_test_support.h"
#include "tests/support/simulation_test.h"

namespace weir::cell {
namespace {

constexpr std::uint32_t cores = 3;
constexpr std::uint32_t lanes = 4;

// Settings, metrics and epochs of one process.
struct Process {
  explicit Process(std::uint64_t epoch) : next_epoch(epoch) {
    must(settings_registry.set("limits.enforce_rates", "false"));
  }

  [[nodiscard]] LaneAccess access() {
    return {.claim_epoch = [this](LaneId) -> env::Task<Result<Epoch>> { return claim(next_epoch); },
            .open_store = open_file_stores(directory, 8)};
  }
  static env::Task<Result<Epoch>> claim(std::uint64_t epoch) { co_return Epoch{epoch}; }
  [[nodiscard]] env::Task<std::unique_ptr<LocalCell>> open(env::Runtime& runtime) {
    co_return must(co_await LocalCell::open(runtime, runtime.core(0), lanes, access(),
                                            {settings, journal_settings, metrics, journal_metrics}));
  }

  std::uint64_t next_epoch;
  std::string directory = "cell";
  SettingsRegistry settings_registry;
  MetricsRegistry metrics_registry;
  CellSettings settings{settings_registry};
  journal::JournalSettings journal_settings{settings_registry};
  CellMetrics metrics{metrics_registry, lanes};
  journal::JournalMetrics journal_metrics{metrics_registry};
};

// One stream with a shard on each lane.
directory::ShardMapPointer map_of_all_lanes(std::uint64_t version) {
  auto stream = std::make_shared<directory::Stream>();
  stream->id = StreamId{1};
  stream->scope = {"000000000000", "us-east-1"};
  stream->name = "stream";
  for (std::uint32_t i = 0; i < lanes; ++i) stream->shards.push_back({.index = ShardIndex{i}, .lane = LaneId{i}});
  directory::ShardMapBuilder builder;
  builder.put(std::move(stream));
  return builder.build(version);
}

ShardKey shard_on(std::uint32_t lane) { return {StreamId{1}, ShardIndex{lane}}; }

// Puts one record into every lane and reads it back, all from `caller`, on which it begins and ends.
env::Task<void> use_all_lanes(env::Core& caller, CellClient& cell, std::string text, std::uint64_t& done) {
  co_await caller.enter();
  for (std::uint32_t lane = 0; lane < lanes; ++lane) {
    const auto replies = co_await cell.append(caller, LaneId{lane}, one_request(make_fragment(shard_on(lane), text)));
    EXPECT_TRUE(caller.is_current());
    EXPECT_EQ(replies[0].refusal, Refusal::none) << replies[0].reason;
    const ReadReply read = co_await cell.read(
        caller, LaneId{lane},
        {.shard = shard_on(lane), .from = replies[0].first_index, .records_max = 1, .bytes_max = 1'000});
    EXPECT_TRUE(caller.is_current());
    std::vector<SeenRecord> seen;
    add_records_of(read.result, seen);
    EXPECT_EQ(data_of(seen), std::vector<std::string>{text});
    const LocateReply located = co_await cell.locate(caller, LaneId{lane}, shard_on(lane), StartFrom::latest, {});
    EXPECT_TRUE(caller.is_current());
    EXPECT_GT(located.position, replies[0].first_index);
    ++done;
  }
}

env::Task<void> use_from_core(env::Core& home, env::Core& caller, CellClient& cell, std::string text,
                              std::uint64_t& done) {
  co_await use_all_lanes(caller, cell, std::move(text), done);
  co_await home.enter();
}

// Runs `main` on core 0 of a machine with several cores.
void run_on_cores(std::uint64_t seed, env::SimulatedDisk* disk, std::function<env::Task<int>(env::Simulation&)> main) {
  env::Simulation simulation({.seed = seed, .cores = cores, .disk = disk});
  const auto outcome = simulation.run_to_outcome([&] { return main(simulation); });
  EXPECT_EQ(outcome, env::Outcome::finished) << simulation.report();
}

TEST(LocalCell, EveryCoreReachesEveryLaneAndGetsItsAnswerAtHome) {
  test::for_each_seed(1, 20, [](std::uint64_t seed) {
    run_on_cores(seed, nullptr, [](env::Simulation& simulation) -> env::Task<int> {
      Process process(1);
      env::Core& home = simulation.core(0);
      const auto cell = co_await process.open(simulation);
      co_await cell->apply(map_of_all_lanes(1));
      EXPECT_TRUE(home.is_current());
      env::TaskGroup tasks(home);
      std::array<std::uint64_t, cores> done{};
      for (std::uint32_t i = 0; i < cores; ++i) {
        tasks.spawn(use_from_core(home, simulation.core(i), *cell, "from core " + std::to_string(i), done[i]));
      }
      co_await tasks.wait();
      for (const std::uint64_t count : done) EXPECT_EQ(count, lanes);
      for (std::uint32_t lane = 0; lane < lanes; ++lane) {
        EXPECT_EQ(process.metrics.lanes[lane].shards.value(), 1);
      }
      co_await cell->stop();
      EXPECT_TRUE(home.is_current());
      co_return 0;
    });
  });
}

// The same on real cores, for the thread sanitizer to look at.
TEST(LocalCell, EveryRealCoreReachesEveryLane) {
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("weir-local-cell-" + std::to_string(getpid()));
  std::filesystem::create_directories(directory);
  const auto runtime = env::make_real_runtime({.cores = cores, .blocking_threads = 2});
  Process process(1);
  process.directory = directory.string();
  const auto main = [&]() -> env::Task<int> {
    env::Core& home = runtime->core(0);
    const auto cell = co_await process.open(*runtime);
    co_await cell->apply(map_of_all_lanes(1));
    env::TaskGroup tasks(home);
    std::array<std::uint64_t, 4 * cores> done{};
    for (std::uint32_t i = 0; i < done.size(); ++i) {
      tasks.spawn(use_from_core(home, runtime->core(i % cores), *cell, "task " + std::to_string(i), done[i]));
    }
    co_await cell->apply(map_of_all_lanes(2));
    must(co_await cell->trim());
    co_await tasks.wait();
    for (const std::uint64_t count : done) EXPECT_EQ(count, lanes);
    co_await cell->stop();
    co_return 0;
  };
  EXPECT_EQ(runtime->run(main), 0);
  std::filesystem::remove_all(directory);
}

TEST(LocalCell, KnowsNoShardBeforeTheFirstMapAndNoLaneThatItDoesNotHave) {
  run_on_cores(1, nullptr, [](env::Simulation& simulation) -> env::Task<int> {
    Process process(1);
    env::Core& home = simulation.core(0);
    const auto cell = co_await process.open(simulation);
    for (const LaneId lane : {LaneId{1}, LaneId{lanes}}) {
      const auto replies = co_await cell->append(home, lane, one_request(make_fragment(shard_on(1), "x")));
      EXPECT_EQ(replies.size(), 1U);
      EXPECT_EQ(replies[0].refusal, Refusal::not_mine);
      EXPECT_EQ((co_await cell->read(home, lane, {.shard = shard_on(1), .records_max = 1, .bytes_max = 1})).refusal,
                Refusal::not_mine);
      EXPECT_EQ((co_await cell->locate(home, lane, shard_on(1), StartFrom::latest, {})).refusal, Refusal::not_mine);
      EXPECT_EQ((co_await cell->close_shard(lane, shard_on(1), {})).error().code, ErrorCode::not_found);
      co_await cell->reopen_shard(lane, shard_on(1), {});
    }
    co_await cell->stop();
    co_return 0;
  });
}

TEST(LocalCell, ClosesAndReopensShardsWhereverTheirLaneLives) {
  run_on_cores(1, nullptr, [](env::Simulation& simulation) -> env::Task<int> {
    Process process(1);
    env::Core& home = simulation.core(0);
    const auto cell = co_await process.open(simulation);
    co_await cell->apply(map_of_all_lanes(1));
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      static_cast<void>(must(co_await cell->close_shard(LaneId{lane}, shard_on(lane), {})));
      EXPECT_TRUE(home.is_current());
      auto replies = co_await cell->append(home, LaneId{lane}, one_request(make_fragment(shard_on(lane), "x")));
      EXPECT_EQ(replies[0].refusal, Refusal::shard_closed);
      co_await cell->reopen_shard(LaneId{lane}, shard_on(lane), {});
      EXPECT_TRUE(home.is_current());
      replies = co_await cell->append(home, LaneId{lane}, one_request(make_fragment(shard_on(lane), "x")));
      EXPECT_EQ(replies[0].refusal, Refusal::none);
    }
    must(co_await cell->trim());
    co_await cell->stop();
    co_return 0;
  });
}

TEST(LocalCell, WhatWasAcknowledgedIsThereAfterAStopAndARestart) {
  env::SimulatedDisk disk({.seed = 1});
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) {
    run_on_cores(epoch, &disk, [epoch](env::Simulation& simulation) -> env::Task<int> {
      Process process(epoch);
      env::Core& home = simulation.core(0);
      const auto cell = co_await process.open(simulation);
      co_await cell->apply(map_of_all_lanes(epoch));
      for (std::uint32_t lane = 0; lane < lanes; ++lane) {
        const auto replies = co_await cell->append(home, LaneId{lane},
                                                   one_request(make_fragment(shard_on(lane), std::to_string(epoch))));
        EXPECT_EQ(replies[0].refusal, Refusal::none);
        const ReadReply read =
            co_await cell->read(home, LaneId{lane}, {.shard = shard_on(lane), .records_max = 10, .bytes_max = 1'000});
        std::vector<SeenRecord> seen;
        add_records_of(read.result, seen);
        std::vector<std::string> expected;
        for (std::uint64_t i = 1; i <= epoch; ++i) expected.push_back(std::to_string(i));
        EXPECT_EQ(data_of(seen), expected);
      }
      co_await cell->stop();
      co_return 0;
    });
  }
}

TEST(LocalCell, DoesNotOpenInPart) {
  env::SimulatedDisk disk({.seed = 1});
  disk.put_file("cell/lane-002/epoch", "damaged");
  run_on_cores(1, &disk, [](env::Simulation& simulation) -> env::Task<int> {
    Process process(1);
    const auto cell = co_await LocalCell::open(
        simulation, simulation.core(0), lanes, process.access(),
        {process.settings, process.journal_settings, process.metrics, process.journal_metrics});
    EXPECT_FALSE(cell.has_value());
    if (!cell.has_value()) EXPECT_NE(cell.error().message.find("lane 2"), std::string::npos) << cell.error().message;
    EXPECT_TRUE(simulation.core(0).is_current());
    co_return 0;
  });
}

}  // namespace
}  // namespace weir::cell
