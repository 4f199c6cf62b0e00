// What a lane promises to those who write: batches, durability, numbers, rates, bounds.
#include <deque>
#include <map>

#include "env/sim/sim_disk.h"
#include "gtest/gtest.h"
#include "tests/cell/lane_test_support.h"
#include "tests/support/simulation_test.h"

namespace weir::cell {
namespace {

using test::for_each_crash_point;
using test::for_each_seed;
using test::run_simulation;
using test::run_simulation_until_crash;

TEST(Lane, WhatArrivesDuringACommitIsTheNextBatch) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    env::TaskGroup puts(core);
    std::deque<std::optional<AppendReply>> replies(11);
    lane->gate().hold();
    puts.spawn(put_into(*lane, first_shard, "0", replies[0]));
    co_await wait_until(core, [&] { return lane->gate().commits_in_flight() == 1; });
    for (std::size_t i = 1; i <= 10; ++i) {
      puts.spawn(put_into(*lane, i % 2 == 0 ? first_shard : second_shard, std::to_string(i), replies[i]));
    }
    co_await core.sleep_for(milliseconds(100));
    EXPECT_EQ(lane->gate().commits(), std::vector<std::size_t>{1});
    for (const auto& reply : replies) EXPECT_FALSE(reply.has_value());
    lane->gate().release();
    co_await puts.wait();
    EXPECT_EQ(lane->gate().commits(), (std::vector<std::size_t>{1, 10}));
    for (const auto& reply : replies) EXPECT_EQ(reply->refusal, Refusal::none);
    co_await (*lane)->stop();
  });
}

TEST(Lane, PutsThatAreReadyTogetherShareTheFirstBatch) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    env::TaskGroup puts(core);
    std::deque<std::optional<AppendReply>> replies(7);
    for (auto& reply : replies) puts.spawn(put_into(*lane, first_shard, "x", reply));
    co_await puts.wait();
    EXPECT_EQ(lane->gate().commits(), std::vector<std::size_t>{7});
    co_await (*lane)->stop();
  });
}

TEST(Lane, ABatchStaysWithinItsBytesAndACallIsNeverTorn) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    LaneOptions options = lane_options(1);
    options.batch_bytes_max = 100'000;
    const auto lane = co_await open_lane(core, options);
    env::TaskGroup puts(core);
    std::deque<std::optional<AppendReply>> replies(4);
    lane->gate().hold();
    puts.spawn(put_into(*lane, first_shard, "first", replies[0]));
    co_await wait_until(core, [&] { return lane->gate().commits_in_flight() == 1; });
    for (std::size_t i = 1; i < 4; ++i) puts.spawn(put_into(*lane, first_shard, std::string(60'000, 'x'), replies[i]));
    lane->gate().release();
    co_await puts.wait();
    EXPECT_EQ(lane->gate().commits(), (std::vector<std::size_t>{1, 1, 1, 1}));
    for (const auto& reply : replies) EXPECT_EQ(reply->refusal, Refusal::none);

    const AppendReply too_large = co_await put(*lane, first_shard, std::string(100'000, 'x'));
    EXPECT_EQ(too_large.refusal, Refusal::unavailable);
    EXPECT_EQ(too_large.accepted, 0U);
    co_await (*lane)->stop();
  });
}

TEST(Lane, NoReaderSeesARecordBeforeItIsDurable) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    env::TaskGroup puts(core);
    std::optional<AppendReply> reply;
    lane->gate().hold();
    puts.spawn(put_into(*lane, first_shard, "x", reply));
    co_await wait_until(core, [&] { return lane->gate().commits_in_flight() == 1; });
    EXPECT_TRUE((co_await read_all(**lane, first_shard)).empty());
    lane->gate().release();
    co_await puts.wait();
    EXPECT_EQ(data_of(co_await read_all(**lane, first_shard)), std::vector<std::string>{"x"});
    co_await (*lane)->stop();
  });
}

TEST(Lane, WhatIsPendingIsBoundedInCallsAndBytes) {
  for (const bool by_calls : {true, false}) {
    run_simulation(1, [by_calls](env::Core& core) -> env::Task<void> {
      LaneOptions options = lane_options(1);
      (by_calls ? options.pending_calls_max : options.pending_bytes_max) = by_calls ? 5 : 5 * 1'200;
      const auto lane = co_await open_lane(core, options);
      env::TaskGroup puts(core);
      std::deque<std::optional<AppendReply>> replies(5);
      lane->gate().hold();
      for (auto& reply : replies) puts.spawn(put_into(*lane, first_shard, std::string(1'000, 'x'), reply));
      const AppendReply refused = co_await put(*lane, first_shard, std::string(1'000, 'y'));
      EXPECT_EQ(refused.refusal, Refusal::unavailable);
      EXPECT_EQ(lane->metrics().append_unavailable.value(), 1U);
      lane->gate().release();
      co_await puts.wait();
      for (const auto& reply : replies) EXPECT_EQ(reply->refusal, Refusal::none);
      EXPECT_EQ((co_await put(*lane, first_shard, "z")).refusal, Refusal::none);
      EXPECT_EQ(lane->metrics().lanes[0].pending_bytes.value(), 0);
      EXPECT_EQ(lane->metrics().lanes[0].pending_calls.value(), 0);
      co_await (*lane)->stop();
    });
  }
}

TEST(Lane, FragmentsOfOneCallAreTakenOrRefusedEachOnItsOwn) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    (*lane)->apply(*sketch_map(2, {{.closed = {{ShardIndex{1}, core.wall_now()}}}}));
    std::vector<AppendRequest> requests;
    requests.push_back({make_fragment(first_shard, "a", 3)});
    requests.push_back({make_fragment(second_shard, "b")});
    requests.push_back({make_fragment({StreamId{9}, ShardIndex{0}}, "c")});
    requests.push_back({make_fragment(first_shard, "d")});
    const auto replies = co_await (*lane)->append(core, std::move(requests));
    EXPECT_EQ(replies.size(), 4U);
    EXPECT_EQ(replies[0].refusal, Refusal::none);
    EXPECT_EQ(replies[0].accepted, 3U);
    EXPECT_EQ(replies[1].refusal, Refusal::shard_closed);
    EXPECT_EQ(replies[2].refusal, Refusal::not_mine);
    EXPECT_EQ(replies[3].refusal, Refusal::none);
    EXPECT_EQ(replies[3].first_index.value, replies[0].first_index.value + 3);
    EXPECT_EQ(data_of(co_await read_all(**lane, first_shard)), (std::vector<std::string>{"a", "a", "a", "d"}));
    co_await (*lane)->stop();
  });
}

// A writer's view of what it put: what was acknowledged must be there, what was not may.
struct WriterLog {
  std::map<std::string, SeenRecord> acknowledged;  // by data
};

env::Task<void> write_numbered(TestLane& lane, ShardKey shard, std::string name, int count, WriterLog& log) {
  for (int i = 0; i < count; ++i) {
    const std::string data = name + "-" + std::to_string(i);
    const AppendReply reply = co_await put(lane, shard, data);
    if (reply.refusal == Refusal::none) log.acknowledged[data] = {reply.first_index.value, reply.arrival, data};
  }
}

TEST(Lane, AcknowledgedRecordsSurviveACrashAtEveryWriteBoundary) {
  for_each_seed(1, 3, [](std::uint64_t seed) {
    WriterLog log;
    const auto run = [&log, seed](env::SimulatedDisk& disk) {
      log = {};
      run_simulation_until_crash({.seed = seed, .disk = &disk}, [&log](env::Core& core) -> env::Task<void> {
        const auto lane = co_await open_lane(core, lane_options(1));
        env::TaskGroup writers(core);
        writers.spawn(write_numbered(*lane, first_shard, "a", 4, log));
        writers.spawn(write_numbered(*lane, second_shard, "b", 4, log));
        co_await writers.wait();
        co_await (*lane)->stop();
      });
    };
    const auto check = [&log, seed](env::SimulatedDisk& disk, const test::CrashCase&) {
      run_simulation({.seed = seed, .disk = &disk}, [&log](env::Core& core) -> env::Task<void> {
        const auto lane = co_await open_lane(core, lane_options(2));
        std::map<std::string, SeenRecord> seen;
        for (const ShardKey shard : {first_shard, second_shard}) {
          std::uint64_t last = 0;
          for (const SeenRecord& record : co_await read_all(**lane, shard)) {
            EXPECT_GT(record.index, last);
            last = record.index;
            EXPECT_TRUE(seen.emplace(record.data, record).second) << record.data << " is there twice";
          }
          const AppendReply next = co_await put(*lane, shard, "after");
          EXPECT_EQ(next.refusal, Refusal::none);
          EXPECT_GT(next.first_index.value, last);
        }
        for (const auto& [data, record] : log.acknowledged) EXPECT_EQ(seen[data], record);
        co_await (*lane)->stop();
      });
    };
    for_each_crash_point({.seed = seed}, run, check);
  });
}

TEST(Lane, AFailedSyncRefusesTheBatchAndTheLaneComesBackWithNewNumbers) {
  for (const env::DiskFault fault : {env::DiskFault::io_error, env::DiskFault::drop_dirty}) {
    for_each_seed(1, 20, [fault](std::uint64_t seed) {
      env::SimulatedDisk disk({.seed = seed});
      run_simulation({.seed = seed, .disk = &disk}, [&disk, fault](env::Core& core) -> env::Task<void> {
        const auto lane = co_await open_lane(core, lane_options(1));
        const AppendReply before = co_await put(*lane, first_shard, "before");
        EXPECT_EQ(before.refusal, Refusal::none);
        lane->gate().hold();
        env::TaskGroup puts(core);
        std::deque<std::optional<AppendReply>> replies(5);
        puts.spawn(put_into(*lane, first_shard, "in doubt", replies[0]));
        co_await wait_until(core, [&] { return lane->gate().commits_in_flight() == 1; });
        for (std::size_t i = 1; i < 5; ++i) puts.spawn(put_into(*lane, first_shard, "pending", replies[i]));
        disk.add_fault({.operation = env::DiskOperation::sync, .fault = fault, .path_contains = "segment", .nth = 1});
        lane->gate().release();
        co_await puts.wait();
        EXPECT_EQ(replies[0]->refusal, Refusal::failed);
        for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(replies[i]->refusal, Refusal::unavailable);
        for (const auto& reply : replies) EXPECT_FALSE(reply->reason.empty());
        EXPECT_EQ(data_of(co_await read_all(**lane, first_shard)), std::vector<std::string>{"before"});

        AppendReply after;
        do {
          co_await core.sleep_for(milliseconds(1));
          after = co_await put(*lane, first_shard, "after");
        } while (after.refusal == Refusal::unavailable);
        EXPECT_EQ(after.refusal, Refusal::none);
        EXPECT_EQ(after.first_index.value, before.first_index.value + 6);
        EXPECT_EQ(data_of(co_await read_all(**lane, first_shard)), (std::vector<std::string>{"before", "after"}));
        co_await (*lane)->stop();
      });
      // What was in doubt stays away after a loss of power, too.
      disk.crash(env::CrashMode::power_loss);
      run_simulation({.seed = seed, .disk = &disk}, [](env::Core& core) -> env::Task<void> {
        const auto lane = co_await open_lane(core, lane_options(2));
        EXPECT_EQ(data_of(co_await read_all(**lane, first_shard)), (std::vector<std::string>{"before", "after"}));
        co_await (*lane)->stop();
      });
    });
  }
}

TEST(Lane, RecoveryIsTriedUntilItWorksAndReadsGoOnMeanwhile) {
  env::SimulatedDisk disk({.seed = 1});
  run_simulation({.seed = 1, .disk = &disk}, [&disk](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    EXPECT_EQ((co_await put(*lane, first_shard, "before")).refusal, Refusal::none);
    disk.add_fault({.operation = env::DiskOperation::sync});
    EXPECT_EQ((co_await put(*lane, first_shard, "lost")).refusal, Refusal::failed);
    for (int i = 0; i < 20; ++i) {
      co_await core.sleep_for(seconds(1));
      EXPECT_EQ((co_await put(*lane, first_shard, "refused")).refusal, Refusal::unavailable);
      EXPECT_EQ(data_of(co_await read_all(**lane, first_shard)), std::vector<std::string>{"before"});
    }
    EXPECT_EQ(lane->metrics().recoveries.value(), 0U);
    EXPECT_EQ(lane->metrics().lanes[0].serving.value(), 0);
    disk.clear_faults();
    co_await core.sleep_for(seconds(6));
    EXPECT_EQ((co_await put(*lane, first_shard, "after")).refusal, Refusal::none);
    EXPECT_EQ(lane->metrics().recoveries.value(), 1U);
    EXPECT_EQ(lane->metrics().lanes[0].serving.value(), 1);
    co_await (*lane)->stop();
  });
}

TEST(Lane, ALaneThatCannotRecoverStopsAllTheSame) {
  env::SimulatedDisk disk({.seed = 1});
  run_simulation({.seed = 1, .disk = &disk}, [&disk](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    disk.add_fault({.operation = env::DiskOperation::sync});
    EXPECT_EQ((co_await put(*lane, first_shard, "lost")).refusal, Refusal::failed);
    co_await (*lane)->stop();
    EXPECT_EQ((co_await put(*lane, first_shard, "late")).refusal, Refusal::unavailable);
  });
}

TEST(Lane, AFullDiskRefusesWritesWhileReadsGoOnAndTakesThemAgainWhenThereIsSpace) {
  env::SimulatedDisk disk({.seed = 1, .capacity_bytes = 16 * mebibyte});
  run_simulation({.seed = 1, .disk = &disk}, [&disk](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    std::size_t stored = 0;
    AppendReply reply;
    while (reply.refusal == Refusal::none) {
      reply = co_await put(*lane, first_shard, std::string(100'000, 'x'));
      if (reply.refusal == Refusal::none) ++stored;
    }
    EXPECT_EQ(reply.refusal, Refusal::unavailable);
    EXPECT_NE(reply.reason.find("disk is full"), std::string::npos) << reply.reason;
    EXPECT_GT(stored, 20U);
    EXPECT_EQ((co_await read_all(**lane, first_shard)).size(), stored);
    disk.set_capacity(64 * mebibyte);
    EXPECT_EQ((co_await put(*lane, first_shard, "again")).refusal, Refusal::none);
    EXPECT_EQ((co_await read_all(**lane, first_shard)).size(), stored + 1);
    EXPECT_EQ(lane->metrics().commits_failed.value(), 0U);
    co_await (*lane)->stop();
  });
}

TEST(Lane, AFullDiskIsTrimmedAtOnceAndTakesWritesAgainByItself) {
  env::SimulatedDisk disk({.seed = 1, .capacity_bytes = 16 * mebibyte});
  run_simulation({.seed = 1, .disk = &disk}, [](env::Core& core) -> env::Task<void> {
    LaneOptions options = lane_options(1);
    options.trim_interval = hours(1'000);
    const auto lane = co_await open_lane(core, options);
    while ((co_await put(*lane, first_shard, std::string(100'000, 'x'))).refusal == Refusal::none) {
    }
    co_await core.sleep_for(hours(25));
    static_cast<void>(co_await put(*lane, first_shard, "asks for a trim, even if it is refused"));
    co_await core.sleep_for(seconds(10));
    EXPECT_EQ((co_await put(*lane, first_shard, "again")).refusal, Refusal::none);
    co_await (*lane)->stop();
  });
}

TEST(Lane, ReportsWhatKeepsItFromTakingRecords) {
  env::SimulatedDisk disk({.seed = 1, .capacity_bytes = 16 * mebibyte});
  run_simulation({.seed = 1, .disk = &disk}, [&disk](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    EXPECT_EQ((*lane)->report().trouble, LaneTrouble::none);

    env::TaskGroup puts(core);
    std::optional<AppendReply> reply;
    lane->gate().hold();
    puts.spawn(put_into(*lane, first_shard, "slow", reply));
    co_await core.sleep_for(milliseconds(900));
    EXPECT_EQ((*lane)->report().trouble, LaneTrouble::none);
    co_await core.sleep_for(seconds(3));
    EXPECT_EQ((*lane)->report().trouble, LaneTrouble::silent);
    EXPECT_EQ((*lane)->report().reason, "no answer for 3 s");
    lane->gate().release();
    co_await puts.wait();
    EXPECT_EQ((*lane)->report().trouble, LaneTrouble::none);
    EXPECT_EQ((*lane)->report().reason, "");

    while ((co_await put(*lane, first_shard, std::string(100'000, 'x'))).refusal == Refusal::none) {
    }
    EXPECT_EQ((*lane)->report().trouble, LaneTrouble::full);
    EXPECT_NE((*lane)->report().reason.find("bytes are free on the disk"), std::string::npos);
    disk.set_capacity(64 * mebibyte);
    EXPECT_EQ((co_await put(*lane, first_shard, "again")).refusal, Refusal::none);
    EXPECT_EQ((*lane)->report().trouble, LaneTrouble::none);

    disk.add_fault({.operation = env::DiskOperation::sync});
    EXPECT_EQ((co_await put(*lane, first_shard, "lost")).refusal, Refusal::failed);
    EXPECT_EQ((*lane)->report().trouble, LaneTrouble::recovering);
    EXPECT_NE((*lane)->report().reason, "");
    disk.clear_faults();
    co_await core.sleep_for(seconds(6));
    EXPECT_EQ((*lane)->report().trouble, LaneTrouble::none);
    co_await (*lane)->stop();
    EXPECT_EQ((*lane)->report().trouble, LaneTrouble::stopping);
  });
}

TEST(Lane, AnOwnerWhoWasOvertakenNeitherWritesNorReads) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto fence = std::make_shared<journal::LaneFence>();
    const auto old_owner = co_await open_lane(core, lane_options(1), fence);
    EXPECT_EQ((co_await put(*old_owner, first_shard, "old")).refusal, Refusal::none);
    const auto new_owner = co_await open_lane(core, lane_options(2), fence);
    EXPECT_EQ((co_await put(*new_owner, first_shard, "new")).refusal, Refusal::none);
    EXPECT_NE((co_await put(*old_owner, first_shard, "too late")).refusal, Refusal::none);
    co_await core.sleep_for(seconds(1));
    EXPECT_EQ((co_await put(*old_owner, first_shard, "too late")).refusal, Refusal::unavailable);
    EXPECT_EQ((*old_owner)->report().trouble, LaneTrouble::fenced);
    const ReadReply read = co_await (*old_owner)->read({.shard = first_shard, .records_max = 1, .bytes_max = 1});
    EXPECT_EQ(read.refusal, Refusal::unavailable);
    EXPECT_FALSE((co_await (*old_owner)->close_shard(first_shard, {})).has_value());
    EXPECT_EQ(data_of(co_await read_all(**new_owner, first_shard)), (std::vector<std::string>{"old", "new"}));
    co_await (*old_owner)->stop();
    co_await (*new_owner)->stop();
  });
}

env::Task<void> write_until_refused(TestLane& lane, std::string name, WriterLog& log) {
  for (int i = 0;; ++i) {
    const std::string data = name + "-" + std::to_string(i);
    const AppendReply reply = co_await put(lane, first_shard, data);
    if (reply.refusal != Refusal::none) co_return;
    log.acknowledged[data] = {reply.first_index.value, reply.arrival, data};
  }
}

TEST(Lane, TwoOwnersNeverBothAcknowledge) {
  for_each_seed(1, 50, [](std::uint64_t seed) {
    run_simulation(seed, [](env::Core& core) -> env::Task<void> {
      const auto fence = std::make_shared<journal::LaneFence>();
      const auto old_owner = co_await open_lane(core, lane_options(1), fence);
      WriterLog log;
      env::TaskGroup writers(core);
      for (int i = 0; i < 3; ++i) writers.spawn(write_until_refused(*old_owner, std::to_string(i), log));
      co_await core.sleep_for(microseconds(static_cast<std::int64_t>(core.random_u64() % 20'000)));
      const auto new_owner = co_await open_lane(core, lane_options(2), fence);
      const AppendReply first = co_await put(*new_owner, first_shard, "new");
      EXPECT_EQ(first.refusal, Refusal::none);
      co_await writers.wait();
      std::map<std::string, SeenRecord> seen;
      for (const SeenRecord& record : co_await read_all(**new_owner, first_shard)) seen[record.data] = record;
      for (const auto& [data, record] : log.acknowledged) EXPECT_EQ(seen[data], record) << data;
      co_await (*old_owner)->stop();
      co_await (*new_owner)->stop();
    });
  });
}

TEST(Lane, StoppingMakesWhatWasAcceptedDurableAndRefusesTheRest) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    auto lane = co_await open_lane(core, lane_options(1));
    env::TaskGroup tasks(core);
    std::optional<AppendReply> reply;
    lane->gate().hold();
    tasks.spawn(put_into(*lane, first_shard, "accepted", reply));
    co_await wait_until(core, [&] { return lane->gate().commits_in_flight() == 1; });
    tasks.spawn((*lane)->stop());
    EXPECT_EQ((co_await put(*lane, first_shard, "late")).refusal, Refusal::unavailable);
    lane->gate().release();
    co_await tasks.wait();
    EXPECT_EQ(reply->refusal, Refusal::none);
    const ReadReply read = co_await (*lane)->read({.shard = first_shard, .records_max = 1, .bytes_max = 1});
    EXPECT_EQ(read.refusal, Refusal::unavailable);

    lane = co_await open_lane(core, lane_options(2));
    EXPECT_EQ(data_of(co_await read_all(**lane, first_shard)), std::vector<std::string>{"accepted"});
    co_await (*lane)->stop();
  });
}

TEST(Lane, ArrivalNeverFallsWithinAShardWhateverTheClockDoes) {
  env::Simulation simulation({.seed = 1});
  const auto outcome = simulation.run_to_outcome([&simulation]() -> env::Task<int> {
    env::Core& core = simulation.core(0);
    auto lane = co_await open_lane(core, lane_options(1));
    const AppendReply first = co_await put(*lane, first_shard, "1");
    simulation.step_wall_clock(-hours(2));
    const AppendReply second = co_await put(*lane, first_shard, "2");
    EXPECT_GE(second.arrival, first.arrival);
    co_await (*lane)->stop();
    lane = co_await open_lane(core, lane_options(2));
    const AppendReply third = co_await put(*lane, first_shard, "3");
    EXPECT_GE(third.arrival, second.arrival);
    const auto closed = must(co_await (*lane)->close_shard(first_shard, {})).time;
    EXPECT_GE(closed, third.arrival);
    co_await (*lane)->stop();
    co_return 0;
  });
  EXPECT_EQ(outcome, env::Outcome::finished) << simulation.report();
}

}  // namespace
}  // namespace weir::cell
