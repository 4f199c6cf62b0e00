#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "env/file.h"
#include "env/sim/sim_disk.h"
#include "env/sim/simulation.h"
#include "env/task_group.h"
#include "gtest/gtest.h"
#include "tests/support/must.h"
#include "tests/support/simulation_test.h"

namespace weir::env {
namespace {

using test::for_each_crash_point;
using test::for_each_seed;
using test::must;
using test::run_simulation;
using test::run_simulation_until_crash;

constexpr std::size_t sectors = 16;

Task<void> write_text(File& file, std::uint64_t offset, std::string text, Durability durability) {
  const BytesView part = as_bytes(text);
  must(co_await file.write_at(offset, {&part, 1}, durability));
}

Task<std::string> read_text(File& file, std::uint64_t offset, std::size_t length) {
  std::string text(length, '?');
  text.resize(must(co_await file.read_at(offset, std::as_writable_bytes(std::span(text)))));
  co_return text;
}

Task<std::unique_ptr<File>> open_file(Core& core, std::string path, OpenMode mode = OpenMode::open_or_create) {
  co_return must(co_await core.files().open(std::move(path), mode));
}

// Runs `main` on `disk`, which is not expected to stop it.
void run_on(SimulatedDisk& disk, std::uint64_t seed, std::function<Task<void>(Core&)> main) {
  run_simulation(SimulationOptions{.seed = seed, .disk = &disk}, std::move(main));
}

// A disk with a durable file "f" of 'o' in all sectors, over which 'n' is written.
std::unique_ptr<SimulatedDisk> half_written_disk(std::uint64_t seed, SimulatedDiskOptions options, bool sync) {
  options.seed = seed;
  auto disk = std::make_unique<SimulatedDisk>(options);
  disk->put_file("f", std::string(sectors * sector_bytes, 'o'));
  run_on(*disk, seed, [sync](Core& core) -> Task<void> {
    const auto file = co_await open_file(core, "f");
    co_await write_text(*file, 0, std::string(sectors * sector_bytes, 'n'), Durability::buffered);
    if (sync) must(co_await file->sync());
  });
  return disk;
}

// How many sectors hold only new bytes, only old bytes, and both.
struct SectorCounts {
  std::size_t fresh = 0;
  std::size_t old = 0;
  std::size_t torn = 0;
};
SectorCounts count_sectors(const SimulatedDisk& disk) {
  SectorCounts counts;
  const std::string text = disk.file("f").value();
  EXPECT_EQ(text.size(), sectors * sector_bytes);
  for (std::size_t i = 0; i < text.size(); i += sector_bytes) {
    const std::string_view sector = std::string_view(text).substr(i, sector_bytes);
    const bool has_old = sector.contains('o');
    const bool has_new = sector.contains('n');
    ++(has_old && has_new ? counts.torn : has_old ? counts.old : counts.fresh);
  }
  return counts;
}

TEST(SimulatedDisk, SyncedBytesSurvivePowerLossInEverySeed) {
  for_each_seed(1, 200, [](std::uint64_t seed) {
    const auto disk = half_written_disk(seed, {.torn_sector_probability = 1.0}, true);
    disk->crash(CrashMode::power_loss);
    EXPECT_EQ(count_sectors(*disk).fresh, sectors);
  });
}

TEST(SimulatedDisk, UnsyncedSectorsAreKeptOrLostOneByOne) {
  std::size_t all_lost = 0;
  std::size_t all_kept = 0;
  std::size_t mixed = 0;
  std::size_t lost_in_front_of_kept = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const auto disk = half_written_disk(seed, {.torn_sector_probability = 0.0}, false);
    disk->crash(CrashMode::power_loss);
    const SectorCounts counts = count_sectors(*disk);
    EXPECT_EQ(counts.torn, 0U);
    ++(counts.fresh == 0 ? all_lost : counts.old == 0 ? all_kept : mixed);
    const std::string text = disk->file("f").value();
    if (text.contains("on")) ++lost_in_front_of_kept;
  }
  EXPECT_GT(all_lost, 0U);
  EXPECT_GT(all_kept, 0U);
  EXPECT_GT(mixed, 50U);
  EXPECT_GT(lost_in_front_of_kept, 50U);
}

TEST(SimulatedDisk, AtMostOneSectorIsTornAndOnlyAnUnsyncedOne) {
  std::size_t torn = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SimulatedDisk disk({.seed = seed, .torn_sector_probability = 1.0});
    disk.put_file("f", std::string(sectors * sector_bytes, 'o'));
    run_on(disk, seed, [](Core& core) -> Task<void> {
      const auto file = co_await open_file(core, "f");
      co_await write_text(*file, 0, std::string(4 * sector_bytes, 'n'), Durability::synced);
      co_await write_text(*file, 8 * sector_bytes, std::string(4 * sector_bytes, 'n'), Durability::buffered);
    });
    disk.crash(CrashMode::power_loss);
    const SectorCounts counts = count_sectors(disk);
    EXPECT_LE(counts.torn, 1U);
    torn += counts.torn;
    const std::string text = disk.file("f").value();
    EXPECT_EQ(text.substr(0, 4 * sector_bytes), std::string(4 * sector_bytes, 'n'));
    EXPECT_EQ(text.substr(4 * sector_bytes, 4 * sector_bytes), std::string(4 * sector_bytes, 'o'));
    EXPECT_EQ(text.substr(12 * sector_bytes), std::string(4 * sector_bytes, 'o'));
  }
  EXPECT_GT(torn, 50U);
}

TEST(SimulatedDisk, AKilledProcessLosesNothingThatItWrote) {
  for_each_seed(1, 50, [](std::uint64_t seed) {
    const auto disk = half_written_disk(seed, {}, false);
    disk->crash(CrashMode::process);
    EXPECT_EQ(count_sectors(*disk).fresh, sectors);
  });
}

TEST(SimulatedDisk, AfterPowerLossTheSizeIsOneThatTheFileHasHad) {
  std::set<std::size_t> sizes;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SimulatedDisk disk({.seed = seed});
    disk.put_file("f", std::string(1000, 'a'));
    run_on(disk, seed, [](Core& core) -> Task<void> {
      const auto file = co_await open_file(core, "f");
      co_await write_text(*file, 1000, std::string(1000, 'b'), Durability::buffered);
      co_await write_text(*file, 2000, std::string(1000, 'c'), Durability::buffered);
      EXPECT_EQ(must(co_await file->size()), 3000U);
    });
    disk.crash(CrashMode::power_loss);
    const std::string text = disk.file("f").value();
    sizes.insert(text.size());
    EXPECT_EQ(text.substr(0, 512), std::string(512, 'a'));  // a sector that no write has touched
  }
  EXPECT_EQ(sizes, (std::set<std::size_t>{1000, 2000, 3000}));
}

TEST(SimulatedDisk, ATruncatedFileReadsAsZerosWhereItGrowsAgain) {
  SimulatedDisk disk({});
  disk.put_file("f", std::string(2000, 'a'));
  run_on(disk, 1, [](Core& core) -> Task<void> {
    const auto file = co_await open_file(core, "f");
    must(co_await file->truncate(100));
    EXPECT_EQ(co_await read_text(*file, 0, 5000), std::string(100, 'a'));
    must(co_await file->truncate(2000));
    EXPECT_EQ(co_await read_text(*file, 0, 5000), std::string(100, 'a') + std::string(1900, '\0'));
    must(co_await file->sync());
  });
  disk.crash(CrashMode::power_loss);
  EXPECT_EQ(disk.file("f").value(), std::string(100, 'a') + std::string(1900, '\0'));
}

TEST(SimulatedDisk, ANewFileIsThereForCertainOnlyAfterItsDirectoryIsSynced) {
  for (const bool sync_directory : {false, true}) {
    std::size_t survived = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      SimulatedDisk disk({.seed = seed});
      disk.put_file("d/other", "x");
      run_on(disk, seed, [sync_directory](Core& core) -> Task<void> {
        const auto file = co_await open_file(core, "d/f", OpenMode::create_new);
        co_await write_text(*file, 0, "content", Durability::synced);
        if (sync_directory) must(co_await core.files().sync_directory("d"));
      });
      disk.crash(CrashMode::power_loss);
      const auto text = disk.file("d/f");
      if (!text) continue;
      ++survived;
      EXPECT_EQ(*text, "content");
    }
    EXPECT_GT(survived, 10U);
    if (sync_directory) {
      EXPECT_EQ(survived, 100U);
    } else {
      EXPECT_LT(survived, 90U);
    }
  }
}

TEST(SimulatedDisk, ARenameIsDurableOnlyAfterItsDirectoryIsSynced) {
  for (const bool sync_directory : {false, true}) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      SimulatedDisk disk({.seed = seed});
      disk.put_file("d/now", "old");
      disk.put_file("d/next", "new");
      run_on(disk, seed, [sync_directory](Core& core) -> Task<void> {
        must(co_await core.files().rename("d/next", "d/now"));
        EXPECT_EQ(must(co_await core.files().list("d")), std::vector<std::string>{"now"});
        if (sync_directory) must(co_await core.files().sync_directory("d"));
      });
      disk.crash(CrashMode::power_loss);
      const std::string text = disk.file("d/now").value();
      EXPECT_EQ(disk.file("d/next").has_value(), text == "old");  // the rename happened whole or not at all
      seen.insert(text);
    }
    EXPECT_EQ(seen, sync_directory ? std::set<std::string>{"new"} : (std::set<std::string>{"new", "old"}));
  }
}

TEST(SimulatedDisk, OfUnsyncedDirectoryChangesTheFirstSoManySurvive) {
  std::set<std::size_t> survivors;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SimulatedDisk disk({.seed = seed});
    disk.put_file("d/x", "");
    run_on(disk, seed, [](Core& core) -> Task<void> {
      for (int i = 0; i < 5; ++i) co_await open_file(core, "d/" + std::to_string(i), OpenMode::create_new);
      must(co_await core.files().remove("d/x"));
    });
    disk.crash(CrashMode::power_loss);
    std::vector<std::string> expected;
    const std::size_t count = disk.file_paths().size() - (disk.file("d/x") ? 1 : 0);
    for (std::size_t i = 0; i < count; ++i) expected.push_back("d/" + std::to_string(i));
    if (count < 5 || disk.file("d/x")) expected.emplace_back("d/x");
    EXPECT_EQ(disk.file_paths(), expected);
    survivors.insert(count);
  }
  EXPECT_EQ(survivors.size(), 6U);
}

TEST(SimulatedDisk, AFailedSyncThatDropsIsNotMadeGoodByALaterOne) {
  for_each_seed(1, 100, [](std::uint64_t seed) {
    SimulatedDisk disk({.seed = seed, .write_back_probability = 0.0, .torn_sector_probability = 0.0});
    disk.put_file("f", std::string(sectors * sector_bytes, 'o'));
    disk.add_fault({.operation = DiskOperation::sync, .fault = DiskFault::drop_dirty, .nth = 1});
    run_on(disk, seed, [](Core& core) -> Task<void> {
      const auto file = co_await open_file(core, "f");
      co_await write_text(*file, 0, std::string(sectors * sector_bytes, 'n'), Durability::buffered);
      const Result<void> first = co_await file->sync();
      EXPECT_FALSE(first.has_value());
      EXPECT_EQ(first.error().code, ErrorCode::io);
      EXPECT_EQ(co_await read_text(*file, 0, sectors * sector_bytes), std::string(sectors * sector_bytes, 'n'));
      must(co_await file->sync());  // says that all is well
    });
    EXPECT_FALSE(disk.has_unsynced_changes());
    disk.crash(CrashMode::power_loss);
    EXPECT_GT(count_sectors(disk).old, 0U);
  });
}

TEST(SimulatedDisk, FaultsComeAtTheNthOperationOrByProbabilityAndOnlyWhereAsked) {
  SimulatedDisk disk({});
  disk.add_fault({.operation = DiskOperation::write, .path_contains = "journal", .nth = 2});
  disk.add_fault({.operation = DiskOperation::read, .probability = 0.5});
  disk.add_fault({.operation = DiskOperation::open, .path_contains = "forbidden"});
  disk.put_file("forbidden", "x");
  run_on(disk, 1, [](Core& core) -> Task<void> {
    const auto journal = co_await open_file(core, "journal");
    const auto other = co_await open_file(core, "other");
    const BytesView part = as_bytes("text");
    std::string outcomes;
    for (int i = 0; i < 4; ++i) {
      outcomes += co_await journal->write_at(0, {&part, 1}, Durability::buffered) ? 'y' : 'n';
      outcomes += co_await other->write_at(0, {&part, 1}, Durability::buffered) ? 'y' : 'n';
    }
    EXPECT_EQ(outcomes, "yynyyyyy");
    std::size_t failed = 0;
    std::byte byte{};
    for (int i = 0; i < 100; ++i) failed += co_await journal->read_at(0, {&byte, 1}) ? 0U : 1U;
    EXPECT_GT(failed, 20U);
    EXPECT_LT(failed, 80U);
    EXPECT_FALSE(co_await core.files().open("forbidden", OpenMode::read_only));
  });
  EXPECT_GT(disk.faults_injected(), 20U);
  disk.clear_faults();
  run_on(disk, 2, [](Core& core) -> Task<void> { co_await open_file(core, "forbidden", OpenMode::read_only); });
}

TEST(SimulatedDisk, ADelayedOperationTakesThatMuchLonger) {
  SimulatedDisk disk({.latency_min = {}, .latency_max = milliseconds(1), .slow_probability = 0.0});
  disk.add_fault({.operation = DiskOperation::sync, .fault = DiskFault::delay, .nth = 2, .delay = seconds(30)});
  run_on(disk, 1, [](Core& core) -> Task<void> {
    const auto file = co_await open_file(core, "f");
    const MonotonicTime start = core.now();
    co_await write_text(*file, 0, "a", Durability::synced);
    EXPECT_LE(core.now() - start, milliseconds(2));
    co_await write_text(*file, 0, "b", Durability::synced);
    EXPECT_GE(core.now() - start, seconds(30));
  });
}

TEST(SimulatedDisk, AFullDiskRefusesWritesAndSaysHowMuchIsLeft) {
  SimulatedDisk disk({.capacity_bytes = 16 * sector_bytes});
  run_on(disk, 1, [](Core& core) -> Task<void> {
    auto first = co_await open_file(core, "first");
    co_await write_text(*first, 0, std::string(10 * sector_bytes, 'a'), Durability::buffered);
    EXPECT_EQ(must(co_await core.files().space("first")).available_bytes, 6 * sector_bytes);
    const auto second = co_await open_file(core, "second");
    const std::string text(7 * sector_bytes, 'b');
    const BytesView part = as_bytes(text);
    const Result<void> refused = co_await second->write_at(0, {&part, 1}, Durability::buffered);
    EXPECT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::no_space);
    must(co_await second->truncate(0));
    // Writing over what is there takes no more space. A file without a name takes space until it is closed.
    co_await write_text(*first, 0, std::string(10 * sector_bytes, 'c'), Durability::buffered);
    must(co_await core.files().remove("first"));
    EXPECT_EQ(must(co_await core.files().space(".")).available_bytes, 6 * sector_bytes);
    first.reset();
    EXPECT_EQ(must(co_await core.files().space(".")).available_bytes, 16 * sector_bytes);
    co_await write_text(*second, 0, text, Durability::buffered);
  });
}

TEST(SimulatedDisk, BitRotIsSeenByTheNextReader) {
  SimulatedDisk disk({});
  disk.put_file("f", "abcdef");
  EXPECT_TRUE(disk.flip_byte("f", 2, std::byte{0x01}));
  EXPECT_FALSE(disk.flip_byte("f", 6));
  run_on(disk, 1, [](Core& core) -> Task<void> {
    const auto file = co_await open_file(core, "f", OpenMode::read_only);
    EXPECT_EQ(co_await read_text(*file, 0, 100), "abbdef");
  });
}

TEST(SimulatedDisk, ALockHasOneHolderAndEndsWithTheMachine) {
  SimulatedDisk disk({});
  disk.crash_at(3, CrashPhase::before);
  EXPECT_FALSE(run_simulation_until_crash({.disk = &disk}, [](Core& core) -> Task<void> {
    auto lock = must(co_await core.files().lock("lock"));  // boundary 0 makes the file
    EXPECT_EQ((co_await core.files().lock("lock")).error().code, ErrorCode::conflict);
    lock.reset();
    lock = must(co_await core.files().lock("lock"));
    const auto file = co_await open_file(core, "f");            // 1
    co_await write_text(*file, 0, "text", Durability::synced);  // 2 and 3
    ADD_FAILURE() << "the crash did not come";
  }));
  disk.crash(CrashMode::process);
  // A run that is stopped holding the lock leaves it free for the next, crash() or not.
  for (std::uint64_t seed = 2; seed <= 3; ++seed) {
    Simulation stopped({.seed = seed, .disk = &disk});
    EXPECT_EQ(stopped.run([&stopped]() -> Task<int> {
      const auto lock = must(co_await stopped.core(0).files().lock("lock"));
      stopped.stop();
      co_await stopped.core(0).yield();
      co_return 0;
    }),
              Simulation::exit_code_crashed);
  }
}

TEST(SimulatedDisk, FilesBehaveAsTheInterfaceSays) {
  SimulatedDisk disk({});
  run_on(disk, 1, [](Core& core) -> Task<void> {
    FileSystem& files = core.files();
    EXPECT_EQ((co_await files.open("a/f", OpenMode::create_new)).error().code, ErrorCode::not_found);
    must(co_await files.create_directories("/a/b/c"));
    must(co_await files.create_directories("a/b/c"));
    EXPECT_EQ((co_await files.open("a/f", OpenMode::read_write)).error().code, ErrorCode::not_found);
    auto file = must(co_await files.open("a/f", OpenMode::create_new, 0600));
    EXPECT_EQ((co_await files.open("a/f", OpenMode::create_new)).error().code, ErrorCode::already_exists);
    const BytesView parts[] = {as_bytes("one,"), as_bytes(""), as_bytes("two")};
    must(co_await file->write_at(600, parts, Durability::synced));
    EXPECT_EQ(co_await read_text(*file, 598, 100), std::string("\0\0one,two", 9));
    EXPECT_EQ(co_await read_text(*file, 607, 100), "");
    const FileStatus status = must(co_await files.status("a/f"));
    EXPECT_EQ(status.size_bytes, 607U);
    EXPECT_EQ(status.permissions, 0600U);
    EXPECT_FALSE(status.is_directory);
    EXPECT_LE(status.modified, core.wall_now());
    EXPECT_GT(status.modified, core.wall_now() - seconds(1));
    EXPECT_TRUE(must(co_await files.status("a/b")).is_directory);
    EXPECT_EQ(must(co_await files.list("a")), (std::vector<std::string>{"b", "f"}));
    EXPECT_EQ((co_await files.remove("a/b")).error().code, ErrorCode::conflict);
    must(co_await files.remove("a/b/c"));
    EXPECT_EQ((co_await files.remove("a/b/c")).error().code, ErrorCode::not_found);
    EXPECT_EQ((co_await files.list("a/b/c")).error().code, ErrorCode::not_found);
    must(co_await files.rename("a/f", "a/b/g"));
    EXPECT_EQ(co_await read_text(*file, 600, 3), "one");
    const auto reader = must(co_await files.open("a/b/g", OpenMode::read_only));
    EXPECT_FALSE(co_await reader->write_at(0, parts, Durability::buffered));
    EXPECT_FALSE(co_await reader->truncate(0));
  });
}

TEST(SimulatedDiskDeathTest, TwoWritesToOneFileAtATimeAreABug) {
  const auto write_twice = [] {
    run_simulation(1, [](Core& core) -> Task<void> {
      const auto file = co_await open_file(core, "f");
      TaskGroup group(core);
      group.spawn(write_text(*file, 0, "a", Durability::buffered));
      group.spawn(write_text(*file, 0, "b", Durability::buffered));
      co_await group.wait();
    });
  };
  EXPECT_DEATH(write_twice(), "one after the other");
}

// The pattern that everything on disk relies on, held against every boundary.
TEST(SimulatedDisk, ReplaceFileLeavesTheOldOrTheNewAtEveryCrashPoint) {
  std::set<std::string> seen;
  std::size_t cases = 0;
  for_each_seed(1, 10, [&](std::uint64_t seed) {
    bool replaced = false;
    const auto replace = [&replaced, seed](SimulatedDisk& disk) {
      if (disk.file_paths().empty()) disk.put_file("d/state", std::string(1500, 'o'));
      replaced = false;
      run_simulation_until_crash({.seed = seed, .disk = &disk}, [&replaced](Core& core) -> Task<void> {
        must(co_await replace_file(core.files(), "d/state", std::string(2500, 'n')));
        replaced = true;
        static_cast<void>(co_await core.files().open("d/later", OpenMode::create_new));
      });
    };
    for_each_crash_point({.seed = seed}, replace, [&](SimulatedDisk& disk, const test::CrashCase&) {
      const std::string text = disk.file("d/state").value();
      EXPECT_TRUE(text == std::string(1500, 'o') || text == std::string(2500, 'n')) << text.size();
      if (replaced) EXPECT_EQ(text, std::string(2500, 'n'));
      seen.insert(text.substr(0, 1));
      ++cases;
    });
  });
  EXPECT_EQ(seen, (std::set<std::string>{"n", "o"}));
  EXPECT_GE(cases, 10U * 5 * 3);
}

TEST(SimulatedDisk, CrashPointsStopEveryRunExactlyWhereAsked) {
  // Three boundaries for each round: write, sync, and the write that is not synced.
  const auto rounds = [](int& completed) {
    return [&completed](Core& core) -> Task<void> {
      const auto file = co_await open_file(core, "f", OpenMode::read_write);
      for (int i = 0; i < 4; ++i) {
        co_await write_text(*file, 0, std::string(1, static_cast<char>('a' + i)), Durability::synced);
        ++completed;
        co_await write_text(*file, 700, "x", Durability::buffered);
      }
    };
  };
  for (std::uint64_t boundary = 0; boundary < 12; ++boundary) {
    for (const CrashPhase phase : all_crash_phases) {
      SimulatedDisk disk({.seed = boundary});
      disk.put_file("f", "-");
      disk.crash_at(boundary, phase);
      int completed = 0;
      EXPECT_FALSE(run_simulation_until_crash({.seed = boundary, .disk = &disk}, rounds(completed)));
      EXPECT_TRUE(disk.crash_reached());
      EXPECT_EQ(disk.boundaries_crossed(), boundary + 1);
      EXPECT_EQ(completed, static_cast<int>((boundary + 1) / 3));
      disk.crash(CrashMode::power_loss);
      const char stored = disk.file("f").value().front();
      const char acknowledged = completed == 0 ? '-' : static_cast<char>('a' + completed - 1);
      const char in_flight = static_cast<char>('a' + completed);
      if (boundary % 3 == 2 || (boundary % 3 == 0 && phase == CrashPhase::before)) {
        EXPECT_EQ(stored, acknowledged);
      } else if (boundary % 3 == 1 && phase == CrashPhase::after) {
        EXPECT_EQ(stored, in_flight);
      } else {
        EXPECT_TRUE(stored == acknowledged || stored == in_flight);
      }
    }
  }
}

}  // namespace
}  // namespace weir::env
