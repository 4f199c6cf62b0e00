#include "journal/journal.h"

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/runtime.h"
#include "env/task_group.h"
#include "gtest/gtest.h"
#include "tests/journal/lane_model.h"
#include "tests/support/simulation_test.h"

namespace weir::journal {
namespace {

env::Task<std::unique_ptr<Journal>> open_or_fail(env::Core& core, LaneModel& model) {
  auto journal = co_await model.open(core);
  EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().message);
  co_return journal ? std::move(*journal) : nullptr;
}

// Random commits, reads, trims and reopenings, against a map.
env::Task<void> live(env::Core& core, LaneModel& model, std::uint64_t steps) {
  auto journal = co_await open_or_fail(core, model);
  for (std::uint64_t step = 0; step < steps && journal && !testing::Test::HasFailure(); ++step) {
    const std::uint64_t choice = model.random.below(100);
    if (choice < 80) {
      const bool committed = co_await model.commit(*journal);
      EXPECT_TRUE(committed);
    } else if (choice < 90) {
      co_await model.check(*journal);
    } else if (choice < 95) {
      model.expire(model.random.between(1, 3));
      const auto report = co_await journal->trim(model);
      EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().message);
    } else {
      co_await journal->close();
      journal = co_await open_or_fail(core, model);
    }
  }
  if (!journal) co_return;
  co_await model.check(*journal);
  co_await journal->close();
}

TEST(Journal, HoldsWhatAMapHolds) {
  const SilentLog silent;
  test::for_each_seed(1, 10, [](std::uint64_t seed) {
    LaneModel model(seed, 1 + static_cast<std::uint32_t>(seed % 7));
    test::run_simulation(seed, [&model](env::Core& core) { return live(core, model, 300); });
  });
}

// --- Single promises.

Fragment fragment_of(std::uint32_t shard, std::uint64_t first, std::uint32_t records, std::uint32_t length,
                     WallTime arrival = wall_time_ms(1)) {
  LaneModel::Records all;
  for (std::uint32_t i = 0; i < records; ++i) all.push_back({{first + i}, arrival, length});
  return make_fragment(shard_of(shard), all);
}

env::Task<Result<void>> commit_one(Journal& journal, Fragment fragment) {
  std::vector<Fragment> fragments;
  fragments.push_back(std::move(fragment));
  co_return co_await journal.commit(std::move(fragments));
}

env::Task<Result<ReadResult>> read_from(Journal& journal, std::uint32_t shard, std::uint64_t from,
                                        std::uint32_t records_max = 1000, std::uint64_t bytes_max = gibibyte) {
  co_return co_await journal.read({.shard = shard_of(shard),
                                   .from = {from},
                                   .not_before = WallTime::min(),
                                   .records_max = records_max,
                                   .bytes_max = bytes_max});
}

// Runs `body` with an open journal, and closes it.
using Body = std::function<env::Task<void>(env::Core&, LaneModel&, std::unique_ptr<Journal>&)>;
void with_journal(LaneModel& model, const Body& body, env::SimulatedDisk* disk = nullptr) {
  const SilentLog silent;
  test::run_simulation({.seed = 3, .disk = disk}, [&](env::Core& core) -> env::Task<void> {
    auto journal = co_await open_or_fail(core, model);
    if (!journal) co_return;
    co_await body(core, model, journal);
    if (journal) co_await journal->close();
  });
}

TEST(Journal, RecordsAreNotVisibleBeforeTheyAreDurable) {
  LaneModel model(1, 1);
  env::SimulatedDisk disk({.seed = 1});
  with_journal(
      model,
      [&disk](env::Core& core, LaneModel&, std::unique_ptr<Journal>& journal) -> env::Task<void> {
        (void)co_await commit_one(*journal, fragment_of(0, 1, 1, 10));
        bool done = false;
        env::TaskGroup tasks(core);
        tasks.spawn([](Journal& lane, bool& finished) -> env::Task<void> {
          const auto committed = co_await commit_one(lane, fragment_of(0, 2, 1, 10));
          EXPECT_TRUE(committed.has_value());
          finished = true;
        }(*journal, done));
        while (!done) {
          const auto result = co_await read_from(*journal, 0, 2);
          EXPECT_TRUE(result.has_value());
          const bool visible = result->record_count > 0;
          if (visible) EXPECT_FALSE(disk.has_unsynced_changes());
          EXPECT_EQ(visible, journal->bounds(shard_of(0))->last == RecordIndex{2});
          co_await core.sleep_for(microseconds(5));
        }
        co_await tasks.wait();
      },
      &disk);
}

TEST(Journal, ReadStopsAtTheLimitsAndGoesOnWhereItStopped) {
  LaneModel model(1, 1);
  with_journal(model, [](env::Core&, LaneModel&, std::unique_ptr<Journal>& journal) -> env::Task<void> {
    (void)co_await commit_one(*journal, fragment_of(0, 10, 5, 100));
    auto result = co_await read_from(*journal, 0, 0, 3);
    EXPECT_EQ(result->record_count, 3U);
    EXPECT_EQ(result->next, RecordIndex{13});
    EXPECT_FALSE(result->reached_end);
    result = co_await read_from(*journal, 0, 13, 1000, 1);  // the first record comes even if it alone is larger
    EXPECT_EQ(result->record_count, 1U);
    EXPECT_EQ(result->slices.at(0).skip, 3U);
    EXPECT_EQ(result->next, RecordIndex{14});
    result = co_await read_from(*journal, 0, 14);
    EXPECT_EQ(result->record_count, 1U);
    EXPECT_TRUE(result->reached_end);
    EXPECT_EQ(result->next, RecordIndex{15});
    result = co_await read_from(*journal, 0, 15);
    EXPECT_EQ(result->record_count, 0U);
    EXPECT_TRUE(result->reached_end);
    EXPECT_EQ(result->next, RecordIndex{15});
    result = co_await read_from(*journal, 1, 7);  // a shard never written
    EXPECT_TRUE(result->reached_end);
    EXPECT_EQ(result->next, RecordIndex{7});
  });
}

TEST(Journal, ExpiredRecordsAreSkipped) {
  LaneModel model(1, 1);
  with_journal(model, [](env::Core& core, LaneModel& lane, std::unique_ptr<Journal>& journal) -> env::Task<void> {
    for (std::uint64_t i = 1; i <= 4; ++i) {
      (void)co_await commit_one(*journal,
                                fragment_of(0, i * 10, 2, 50, wall_time_ms(static_cast<std::int64_t>(100 * i))));
    }
    for (int opening = 0; opening < 2; ++opening) {  // from the open segment, then from a sealed one
      ReadRequest request{.shard = shard_of(0), .from = {0}, .not_before = wall_time_ms(250)};
      request.records_max = 100;
      request.bytes_max = mebibyte;
      auto result = co_await journal->read(request);
      EXPECT_EQ(result->record_count, 4U);
      EXPECT_EQ(result->slices.at(0).fragment.first_index(), RecordIndex{30});
      request.not_before = wall_time_ms(1000);
      result = co_await journal->read(request);
      EXPECT_EQ(result->record_count, 0U);
      EXPECT_TRUE(result->reached_end);
      EXPECT_EQ(result->next, RecordIndex{42});
      co_await journal->close();
      journal = co_await open_or_fail(core, lane);
    }
  });
}

TEST(Journal, BatchLargerThanASegmentIsWrittenWhole) {
  LaneModel model(1, 2);
  with_journal(model, [](env::Core& core, LaneModel& lane, std::unique_ptr<Journal>& journal) -> env::Task<void> {
    for (std::uint64_t i = 1; i <= 3; ++i) {
      const auto small = co_await commit_one(*journal, fragment_of(0, i, 1, 100));
      EXPECT_TRUE(small.has_value());
      const auto large = co_await commit_one(*journal, fragment_of(1, i, 1, 10 * mebibyte));
      EXPECT_TRUE(large.has_value());
    }
    for (int opening = 0; opening < 2; ++opening) {
      for (std::uint64_t i = 1; i <= 3; ++i) {
        const auto result = co_await read_from(*journal, 1, i, 1);
        EXPECT_EQ(result->payload_bytes, 10 * mebibyte + key_of(shard_of(1), {i}).size());
      }
      co_await journal->close();
      journal = co_await open_or_fail(core, lane);
    }
  });
}

TEST(Journal, BatchBeyondTheLimitIsRefusedAndTheLaneGoesOn) {
  LaneModel model(1, 4);
  with_journal(model, [](env::Core&, LaneModel&, std::unique_ptr<Journal>& journal) -> env::Task<void> {
    std::vector<Fragment> fragments;
    for (std::uint32_t i = 0; i < 4; ++i) fragments.push_back(fragment_of(i, 1, 1, 10 * mebibyte));
    const auto refused = co_await journal->commit(std::move(fragments));
    EXPECT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::limit_exceeded);
    EXPECT_FALSE(journal->bounds(shard_of(0)).has_value());
    const auto committed = co_await commit_one(*journal, fragment_of(0, 1, 1, 10));
    EXPECT_TRUE(committed.has_value());
  });
}

TEST(Journal, FullDiskRefusesCommitsAndStillReadsAndTrims) {
  LaneModel model(5, 3);
  model.options.space_reserve_bytes = 64 * kibibyte;
  env::SimulatedDisk disk({.seed = 5, .capacity_bytes = 600 * kibibyte});
  with_journal(
      model,
      [](env::Core& core, LaneModel& lane, std::unique_ptr<Journal>& journal) -> env::Task<void> {
        int refused = 0;
        for (int i = 0; i < 400 && refused < 3; ++i) {
          const bool committed = co_await lane.commit(*journal);
          if (!committed) {
            ++refused;
            EXPECT_FALSE(lane.in_doubt.has_value()) << "refused, but not for want of space";
          }
        }
        EXPECT_EQ(refused, 3);
        co_await lane.check(*journal);
        co_await journal->close();
        journal = co_await open_or_fail(core, lane);  // a full disk is no obstacle to opening
        if (!journal) co_return;
        co_await lane.check(*journal);
        const bool still_refused = !co_await lane.commit(*journal);
        EXPECT_TRUE(still_refused);
        lane.expire(1);
        const auto report = co_await journal->trim(lane);
        EXPECT_TRUE(report.has_value());
        EXPECT_GT(report->bytes_reclaimed, 200 * kibibyte);
        for (int i = 0; i < 5; ++i) {
          const bool committed = co_await lane.commit(*journal);
          EXPECT_TRUE(committed);
        }
        co_await lane.check(*journal);
      },
      &disk);
}

// The first batch of a segment fails, and there is no room for another segment: recover() succeeds, so the batch must
// never turn up.
TEST(Journal, FailedBatchNeverReturnsOnceRecoverSucceededOnAFullDisk) {
  const SilentLog silent;
  LaneModel model(5, 2);
  env::SimulatedDisk disk({.seed = 5});
  env::Simulation simulation({.seed = 5, .disk = &disk});
  const env::Outcome outcome = simulation.run_to_outcome([&]() -> env::Task<int> {
    env::Core& core = simulation.core(0);
    (void)co_await core.files().sync_directory("/");
    auto journal = co_await open_or_fail(core, model);
    co_await core.sleep_for(seconds(1));
    // The header's sync succeeds, the batch's does not.
    disk.add_fault({.operation = env::DiskOperation::sync, .fault = env::DiskFault::io_error, .nth = 2});
    const bool committed = co_await model.commit(*journal);
    EXPECT_FALSE(committed);
    disk.set_capacity(disk.used_bytes() - 8 * kibibyte);  // too little even once the failed segment is gone
    const auto recovered = co_await journal->recover();
    EXPECT_TRUE(recovered.has_value());
    model.forget_doubtful();
    const bool refused = !co_await model.commit(*journal);
    EXPECT_TRUE(refused);
    simulation.stop();
    co_await core.yield();
    co_return 0;
  });
  EXPECT_EQ(outcome, env::Outcome::crashed);
  disk.crash(env::CrashMode::process);
  disk.clear_faults();
  disk.set_capacity(gibibyte);
  with_journal(
      model,
      [](env::Core&, LaneModel& lane, std::unique_ptr<Journal>& journal) -> env::Task<void> {
        co_await lane.check(*journal);
        EXPECT_FALSE(journal->bounds(shard_of(0)).has_value());
        EXPECT_FALSE(journal->bounds(shard_of(1)).has_value());
      },
      &disk);
}

TEST(Journal, IdleLaneGivesItsSpaceBack) {
  LaneModel model(5, 3);
  env::SimulatedDisk disk({.seed = 5});
  with_journal(
      model,
      [&disk](env::Core& core, LaneModel& lane, std::unique_ptr<Journal>& journal) -> env::Task<void> {
        for (int i = 0; i < 200; ++i) (void)co_await lane.commit(*journal);
        EXPECT_GT(disk.used_bytes(), 500 * kibibyte);
        lane.expire(1);
        for (int i = 0; i < 2; ++i) (void)co_await journal->trim(lane);
        EXPECT_LT(disk.used_bytes(), 20 * kibibyte);
        EXPECT_FALSE(journal->bounds(shard_of(0)).has_value());
        EXPECT_LE(journal->statistics().segments, 1U);
        co_await journal->close();
        journal = co_await open_or_fail(core, lane);
        const bool committed = co_await lane.commit(*journal);
        EXPECT_TRUE(committed);
        co_await lane.check(*journal);
      },
      &disk);
}

TEST(Journal, LongRetentionDoesNotPinTheRecordsOfOthers) {
  LaneModel model(9, 4);
  model.options.tail_cache_bytes_max = 16 * mebibyte;  // what is rewritten is cached, too
  env::SimulatedDisk disk({.seed = 9});
  with_journal(
      model,
      [&disk](env::Core& core, LaneModel& lane, std::unique_ptr<Journal>& journal) -> env::Task<void> {
        for (int i = 0; i < 300; ++i) (void)co_await lane.commit(*journal);
        const std::uint64_t before = disk.used_bytes();
        for (std::uint32_t i = 1; i < 4; ++i) lane.cut[shard_of(i)] = WallTime::max();  // three of four are gone
        const auto report = co_await journal->trim(lane);
        EXPECT_GT(report->segments_rewritten, 5U);
        EXPECT_LT(disk.used_bytes(), before / 2);
        co_await lane.check(*journal);
        co_await journal->close();
        journal = co_await open_or_fail(core, lane);
        co_await lane.check(*journal);
      },
      &disk);
}

TEST(Journal, IndexOfSealedSegmentsDoesNotGrowWithTheirRecords) {
  LaneModel model(5, 2);
  model.record_bytes_max = 20;
  with_journal(model, [](env::Core& core, LaneModel& lane, std::unique_ptr<Journal>& journal) -> env::Task<void> {
    for (int i = 0; i < 1500; ++i) (void)co_await lane.commit(*journal);
    co_await journal->close();
    journal = co_await open_or_fail(core, lane);
    const JournalStatistics statistics = journal->statistics();
    EXPECT_GT(statistics.segments, 5U);
    EXPECT_LT(statistics.index_bytes, statistics.segments * 2 * 200);
    EXPECT_EQ(statistics.tail_cache_bytes, 0U);
    co_await lane.check(*journal);
    EXPECT_LE(journal->statistics().index_bytes, statistics.index_bytes + lane.options.footer_cache_bytes_max);
  });
}

TEST(Journal, TailCacheStaysWithinItsLimit) {
  LaneModel model(5, 2);
  with_journal(model, [](env::Core&, LaneModel& lane, std::unique_ptr<Journal>& journal) -> env::Task<void> {
    std::uint64_t most = 0;
    for (int i = 0; i < 100; ++i) {
      (void)co_await lane.commit(*journal);
      most = std::max(most, journal->statistics().tail_cache_bytes);
    }
    EXPECT_LE(most, lane.options.tail_cache_bytes_max);
    EXPECT_GT(most, lane.options.tail_cache_bytes_max / 2);
  });
}

TEST(Journal, OvertakenOwnerIsFenced) {
  const SilentLog silent;
  test::for_each_seed(1, 60, [](std::uint64_t seed) {
    // Some writes take longer than a whole takeover.
    env::SimulatedDisk disk({.seed = seed, .slow_probability = 0.2});
    test::run_simulation({.seed = seed, .disk = &disk}, [seed](env::Core& core) -> env::Task<void> {
      const auto fence = std::make_shared<LaneFence>();
      const auto open = [](env::Core& on, std::shared_ptr<LaneFence> shared,
                           std::uint64_t epoch) -> env::Task<Result<std::unique_ptr<Journal>>> {
        WEIR_CO_TRY(auto store, co_await open_file_segment_store(
                                    on, {.directory = "/lane", .lane = {0}, .epoch = {epoch}, .fence = shared}));
        co_return co_await Journal::open(on, std::move(store), {.epoch = {epoch}, .space_reserve_bytes = 0});
      };
      auto old_owner = co_await open(core, fence, 1);
      EXPECT_TRUE(old_owner.has_value());
      std::uint64_t acknowledged = 0;
      bool fenced = false;
      env::TaskGroup tasks(core);
      tasks.spawn([](Journal& lane, std::uint64_t& last, bool& was_fenced) -> env::Task<void> {
        for (std::uint64_t i = 1; !was_fenced; ++i) {
          const auto committed = co_await commit_one(lane, fragment_of(0, i, 1, 200));
          if (committed) {
            last = i;
          } else {
            EXPECT_EQ(committed.error().code, ErrorCode::fenced);
            was_fenced = true;
          }
        }
      }(**old_owner, acknowledged, fenced));
      co_await core.sleep_for(microseconds(500 + 977 * static_cast<std::int64_t>(seed)));
      auto new_owner = co_await open(core, fence, 2);
      EXPECT_TRUE(new_owner.has_value());
      const std::uint64_t acknowledged_at_takeover = acknowledged;
      co_await tasks.wait();
      EXPECT_EQ(acknowledged, acknowledged_at_takeover) << "both owners acknowledged";
      // What the old owner acknowledged, the new one has.
      const auto bounds = (*new_owner)->bounds(shard_of(0));
      EXPECT_GE(bounds ? bounds->last.value : 0, acknowledged);
      const auto recovered = co_await (*old_owner)->recover();
      EXPECT_FALSE(recovered.has_value());
      const auto again = co_await open(core, fence, 2);
      EXPECT_FALSE(again.has_value());
      EXPECT_EQ(again.error().code, ErrorCode::fenced);
      const std::uint64_t next = bounds ? bounds->last.value + 1 : 1;
      const auto committed = co_await commit_one(**new_owner, fragment_of(0, next, 1, 10));
      EXPECT_TRUE(committed.has_value());
      co_await (*old_owner)->close();
      co_await (*new_owner)->close();
    });
  });
}

// Readers that never stop, beside commits, rolls, removals and rewrites.
env::Task<void> follow(env::Core& core, LaneModel& model, Journal& journal, ShardKey shard, const bool& stop) {
  env::SeededRandom random(shard.shard.value);
  while (!stop) {
    RecordIndex last{0};
    ReadRequest request{.shard = shard, .from = {0}, .not_before = model.keep_from(shard)};
    request.bytes_max = random.between(1, 30'000);
    for (bool ended = false; !ended && !stop;) {
      request.records_max = static_cast<std::uint32_t>(random.between(1, 60));
      const auto result = co_await journal.read(request);
      EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
      if (!result) co_return;
      for (const FragmentSlice& slice : result->slices) {
        std::uint32_t ordinal = 0;
        slice.fragment.for_each([&](const RecordView& record) {
          if (ordinal++ < slice.skip) return true;
          if (ordinal > slice.skip + slice.count) return false;
          EXPECT_LT(last, record.index);
          last = record.index;
          EXPECT_EQ(record.partition_key, key_of(shard, record.index));
          EXPECT_TRUE(as_text(record.data) ==
                      data_of(shard, record.index, static_cast<std::uint32_t>(record.data.size())));
          return true;
        });
      }
      EXPECT_LE(request.from, result->next);
      request.from = result->next;
      ended = result->reached_end;
    }
    const auto found = co_await journal.find_arrival(shard, model.clock - milliseconds(random.below(2000)));
    EXPECT_TRUE(found.has_value()) << (found ? "" : found.error().message);
    co_await core.sleep_for(microseconds(random.below(2000)));
  }
}

TEST(Journal, ReadersMeetNoDamageWhileSegmentsRollVanishAndAreRewritten) {
  const SilentLog silent;
  test::for_each_seed(1, 8, [](std::uint64_t seed) {
    LaneModel model(seed, 6);
    test::run_simulation(seed, [&model](env::Core& core) -> env::Task<void> {
      auto journal = co_await open_or_fail(core, model);
      bool stop = false;
      env::TaskGroup readers(core);
      for (std::uint32_t i = 0; i < 6; ++i) readers.spawn(follow(core, model, *journal, shard_of(i), stop));
      env::TaskGroup trims(core);
      for (int i = 0; i < 250; ++i) {
        const bool committed = co_await model.commit(*journal);
        EXPECT_TRUE(committed);
        if (i % 15 == 14 && trims.running() == 0) {
          model.expire(1 + static_cast<std::uint64_t>(i) / 15 % 3);
          trims.spawn([](LaneModel& lane, Journal& on) -> env::Task<void> {
            const auto trimmed = co_await on.trim(lane);
            EXPECT_TRUE(trimmed.has_value());
          }(model, *journal));
        }
      }
      stop = true;
      co_await readers.wait();
      co_await trims.wait();
      co_await model.check(*journal);
      co_await journal->close();
    });
  });
}

TEST(Journal, LivesOnARealDisk) {
  const SilentLog silent;
  const std::string directory = testing::TempDir() + "weir-journal-" + std::to_string(getpid());
  LaneModel model(4, 4);
  model.directory = directory;
  const auto runtime = env::make_real_runtime({});
  const int code = runtime->run([&]() -> env::Task<int> {
    co_await live(runtime->core(0), model, 200);
    co_return 0;
  });
  EXPECT_EQ(code, 0);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace weir::journal
