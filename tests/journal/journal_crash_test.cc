// The promise that matters most: what was acknowledged is there after a crash at any point, whatever the disk did with
// what was not yet synced.
#include <memory>
#include <string>

#include "base/log.h"
#include "env/sim/sim_disk.h"
#include "gtest/gtest.h"
#include "journal/journal.h"
#include "tests/journal/lane_model.h"
#include "tests/support/simulation_test.h"

namespace weir::journal {
namespace {

// The directory above the lane's is the caller's to make durable.
env::Task<void> make_parent_durable(env::Core& core) {
  (void)co_await core.files().create_directories("/data");
  (void)co_await core.files().sync_directory("/");
}

LaneModel new_model(std::uint64_t seed) {
  LaneModel model(seed, 1 + static_cast<std::uint32_t>(seed % 5));
  model.directory = "/data/lane";
  model.record_bytes_max = 700;
  // Small segments, so that there is much rolling; very small ones, so that footers reach beyond the end of the file.
  const std::uint64_t segment_bytes = seed % 2 == 0 ? 16 * kibibyte : 3 * kibibyte;
  model.options.segment_bytes = segment_bytes;
  model.options.first_segment_bytes = segment_bytes / 2;
  return model;
}

env::Task<void> recover_until_it_works(env::Core& core, LaneModel& model, Journal& journal) {
  for (;;) {
    if (co_await journal.recover()) break;
    // A full disk: as time goes by records expire.
    model.expire(1);
    (void)co_await journal.trim(model);
    co_await core.sleep_for(milliseconds(10));
  }
  model.forget_doubtful();
}

// A short life of a lane. Ends when the journal cannot be opened.
env::Task<void> live(env::Core& core, LaneModel& model, std::uint64_t steps) {
  co_await make_parent_durable(core);
  auto journal = co_await model.open(core);
  if (!journal) co_return;
  co_await model.check(**journal);
  for (std::uint64_t step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
    const std::uint64_t choice = model.random.below(100);
    if (choice < 85) {
      if (!co_await model.commit(**journal)) co_await recover_until_it_works(core, model, **journal);
    } else if (choice < 92) {
      model.expire(model.random.between(1, 2));
      (void)co_await (*journal)->trim(model);
    } else {
      co_await (*journal)->close();
      journal = co_await model.open(core);
      if (!journal) co_return;
    }
  }
  co_await (*journal)->close();
}

// Opens what a crash left, and finds everything there that must be; then goes on a little.
env::Task<void> reopen_and_check(env::Core& core, LaneModel& model) {
  auto journal = co_await model.open(core);
  EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().message);
  if (!journal) co_return;
  co_await model.check(**journal);
  model.expire(1);
  const auto trimmed = co_await (*journal)->trim(model);
  EXPECT_TRUE(trimmed.has_value()) << (trimmed ? "" : trimmed.error().message);
  for (int i = 0; i < 3 && !testing::Test::HasFailure(); ++i) {
    const bool committed = co_await model.commit(**journal);
    EXPECT_TRUE(committed);
  }
  co_await model.check(**journal);
  co_await (*journal)->close();
}

TEST(JournalCrash, AcknowledgedBatchSurvivesCrashAtEveryBoundary) {
  const SilentLog silent;
  test::for_each_seed_isolated(1, 2, [](std::uint64_t seed) {
    std::unique_ptr<LaneModel> model;
    const env::SimulatedDiskOptions options{.seed = seed};
    const auto run = [&](env::SimulatedDisk& disk) {
      model = std::make_unique<LaneModel>(new_model(seed));
      test::run_simulation_until_crash({.seed = seed, .disk = &disk},
                                       [&model](env::Core& core) { return live(core, *model, 14); });
    };
    const auto check = [&](env::SimulatedDisk& disk, const test::CrashCase&) {
      LaneModel after(*model);
      test::run_simulation({.seed = seed, .disk = &disk},
                           [&after](env::Core& core) { return reopen_and_check(core, after); });
    };
    test::for_each_crash_point(options, run, check);
  });
}

// Crash after crash on the same disk, in the middle of commits, rolls, trims and recoveries; what is seen after one
// crash must be there after the next.
TEST(JournalCrash, WhatWasSeenSurvivesTheNextCrash) {
  const SilentLog silent;
  test::for_each_seed_isolated(1, 30, [](std::uint64_t seed) {
    env::SimulatedDisk disk({.seed = seed});
    LaneModel model = new_model(seed);
    env::SeededRandom random(seed, 0x636861696e);
    for (std::uint64_t round = 0; round < 12 && !testing::Test::HasFailure(); ++round) {
      const auto phase = env::all_crash_phases[random.below(3)];
      disk.crash_at(disk.boundaries_crossed() + random.below(round % 2 == 0 ? 60 : 12), phase);
      const bool finished = test::run_simulation_until_crash(
          {.seed = seed + round, .disk = &disk}, [&model](env::Core& core) { return live(core, model, 30); });
      if (!finished) disk.crash(random.chance(0.4) ? env::CrashMode::process : env::CrashMode::power_loss);
      disk.cancel_crash();
    }
    test::run_simulation({.seed = seed, .disk = &disk},
                         [&model](env::Core& core) { return reopen_and_check(core, model); });
  });
}

// The same with a disk that reports errors as well, at any call: errors of writes, of syncs with and without the pages
// being dropped, of everything else. Every third disk is also nearly full.
TEST(JournalCrash, NothingIsLostWhenTheDiskFailsAtAnyCall) {
  const SilentLog silent;
  test::for_each_seed_isolated(1, 40, [](std::uint64_t seed) {
    env::SimulatedDisk disk({.seed = seed, .capacity_bytes = seed % 3 == 0 ? 120 * kibibyte : gibibyte});
    LaneModel model = new_model(seed);
    model.options.space_reserve_bytes = 16 * kibibyte;
    model.io_errors_max = 1000;
    env::SeededRandom random(seed, 0x6661756c74);
    static constexpr env::DiskOperation operations[] = {
        env::DiskOperation::open,          env::DiskOperation::read,   env::DiskOperation::list,
        env::DiskOperation::create,        env::DiskOperation::write,  env::DiskOperation::sync,
        env::DiskOperation::truncate,      env::DiskOperation::rename, env::DiskOperation::remove,
        env::DiskOperation::sync_directory};
    for (std::uint64_t round = 0; round < 10 && !testing::Test::HasFailure(); ++round) {
      for (const auto operation : operations) {
        const bool drops = operation == env::DiskOperation::sync && random.coin();
        disk.add_fault({.operation = operation,
                        .fault = drops ? env::DiskFault::drop_dirty : env::DiskFault::io_error,
                        .path_contains = "/lane",
                        .probability = random.chance(0.5) ? 0.03 : 0.0});
      }
      disk.crash_at(disk.boundaries_crossed() + random.below(150), env::all_crash_phases[random.below(3)]);
      const bool finished = test::run_simulation_until_crash(
          {.seed = seed + round, .disk = &disk}, [&model](env::Core& core) { return live(core, model, 40); });
      if (!finished) disk.crash(random.chance(0.5) ? env::CrashMode::process : env::CrashMode::power_loss);
      disk.cancel_crash();
      disk.clear_faults();
    }
    test::run_simulation({.seed = seed, .disk = &disk},
                         [&model](env::Core& core) { return reopen_and_check(core, model); });
  });
}

// The page cache lies: a sync failed, its pages count as clean, the process was killed before it could say so. What the
// next process finds in the cache and shows to readers must be on the disk when the power goes.
TEST(JournalCrash, BatchThatOnlyTheCacheHoldsIsDurableBeforeItIsSeen) {
  const SilentLog silent;
  test::for_each_seed_isolated(1, 60, [](std::uint64_t seed) {
    env::SimulatedDisk disk({.seed = seed, .write_back_probability = 0.0});
    LaneModel model = new_model(seed);
    for (int round = 0; round < 3 && !testing::Test::HasFailure(); ++round) {
      env::Simulation simulation({.seed = seed + static_cast<std::uint64_t>(round), .disk = &disk});
      (void)simulation.run_to_outcome([&]() -> env::Task<int> {
        env::Core& core = simulation.core(0);
        co_await make_parent_durable(core);
        auto journal = co_await model.open(core);
        EXPECT_TRUE(journal.has_value());
        co_await model.check(**journal);
        for (std::uint64_t i = model.random.below(6); i > 0; --i) (void)co_await model.commit(**journal);
        // All syncs fail from here on, those of a recovery too.
        disk.add_fault({.operation = env::DiskOperation::sync, .fault = env::DiskFault::drop_dirty});
        (void)co_await model.commit(**journal);
        if (model.random.coin()) (void)co_await (*journal)->recover();
        simulation.stop();
        co_await core.yield();
        co_return 0;
      });
      disk.crash(env::CrashMode::process);
      if (model.random.coin()) {  // a start whose syncs fail changes nothing for the better
        test::run_simulation({.seed = seed, .disk = &disk}, [&model](env::Core& core) -> env::Task<void> {
          const auto journal = co_await model.open(core);
          if (journal) co_await (*journal)->close();
        });
        disk.crash(env::CrashMode::process);
      }
      disk.clear_faults();
      test::run_simulation({.seed = seed, .disk = &disk}, [&model](env::Core& core) -> env::Task<void> {
        const auto journal = co_await model.open(core);
        EXPECT_TRUE(journal.has_value());
        co_await model.check(**journal);
        co_await (*journal)->close();
      });
      disk.crash(env::CrashMode::power_loss);
    }
    test::run_simulation({.seed = seed, .disk = &disk},
                         [&model](env::Core& core) { return reopen_and_check(core, model); });
  });
}

}  // namespace
}  // namespace weir::journal
