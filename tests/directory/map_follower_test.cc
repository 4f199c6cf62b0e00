#include "directory/map/map_follower.h"

#include <gtest/gtest.h>

#include "directory/map/map_file.h"
#include "env/file.h"
#include "env/sim/seeded_random.h"
#include "tests/directory/map_world.h"
#include "tests/support/must.h"
#include "tests/support/simulation_test.h"

namespace weir::directory {
namespace {

using test::MapWorld;
using weir::test::for_each_seed;
using weir::test::must;

void with_world(std::uint64_t seed, const std::function<env::Task<void>(MapWorld&)>& body) {
  env::Simulation simulation({.seed = seed});
  MapWorld world(simulation, seed);
  const int code = simulation.run([&]() -> env::Task<int> {
    co_await body(world);
    co_await world.stop_all();
    co_return 0;
  });
  EXPECT_EQ(code, 0);
}

MapSlice slice_number(std::size_t i) {
  switch (i % 4) {
    case 0: return MapSlice::of_fleet("default");
    case 1: return MapSlice::of_fleet("big");
    case 2: return MapSlice::of_cell(static_cast<std::uint32_t>(i % 3));
    default: return {};
  }
}

FollowerKind kind_number(std::size_t i) {
  return i % 4 < 2 ? FollowerKind::front_end : i % 4 == 2 ? FollowerKind::node : FollowerKind::directory;
}

env::Task<void> start_followers(MapWorld& world, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    MapWorld::Follower& follower = world.add_follower(kind_number(i), slice_number(i));
    co_await follower.machine->core(0).enter();
    follower.follower->start();
    co_await world.simulation.core(0).enter();
  }
}

TEST(MapFollower, TwentyFourFollowersConvergeOnTheNewestMapInASecond) {
  for_each_seed(1, 5, [](std::uint64_t seed) {
    with_world(seed, [](MapWorld& world) -> env::Task<void> {
      co_await world.start_directory(0);
      co_await world.start_directory(0);
      world.grow(50);
      co_await world.publish(0);
      co_await start_followers(world, 24);
      EXPECT_TRUE(co_await world.converge(seconds(5)));
      for (int i = 0; i < 20; ++i) {
        world.grow(3);
        co_await world.publish(0);
        EXPECT_TRUE(co_await world.converge(seconds(1)));
      }
      for (const auto& follower : world.followers) {
        EXPECT_EQ(follower->follower->status().state, FollowState::following);
      }
    });
  });
}

// Directories stall, are cut off, stop and are replaced by a new leader; connections break. Every map that any follower
// ever has is one that a leader made, in rising order, and in the end all have the newest.
env::Task<void> disturb(MapWorld& world, env::SeededRandom& random) {
  auto& network = world.simulation.network();
  for (int step = 0; step < 60; ++step) {
    const std::string directory = world.endpoint(random.below(2)).address;
    const std::string follower = "10.0.1." + std::to_string(1 + random.below(world.followers.size()));
    switch (random.below(8)) {
      case 0: network.reset_connections(directory, follower); break;
      case 1: network.partition(directory, follower); break;
      case 2: network.isolate(directory); break;
      case 3: network.heal(); break;
      case 4:
        world.growing.change_leader();
        world.remember();
        break;
      default: world.grow(static_cast<std::uint32_t>(random.below(4)));
    }
    co_await world.publish(0);
    co_await world.simulation.core(0).sleep_for(milliseconds(static_cast<std::int64_t>(random.below(700))));
  }
  network.heal();
}

TEST(MapFollower, ABadNetworkNeverMakesABadMap) {
  for_each_seed(100, 20, [](std::uint64_t seed) {
    with_world(seed, [seed](MapWorld& world) -> env::Task<void> {
      env::SeededRandom random(seed, 1);
      world.simulation.network().set_options({.latency_max = milliseconds(50),
                                              .slow_probability = 0.05,
                                              .slow_latency_max = seconds(3),
                                              .chunk_bytes_max = 700});
      world.source_options.history.steps_max = 1 + random.below(20);
      co_await world.start_directory(0);
      co_await world.start_directory(0);
      world.grow(30);
      co_await world.publish(0);
      co_await start_followers(world, 8);
      co_await disturb(world, random);
      EXPECT_TRUE(co_await world.converge(seconds(60)));
    });
  });
}

TEST(MapFollower, CorruptTruncatedAndStaleAnswersAreRefusedAndTheOldMapStays) {
  for_each_seed(200, 20, [](std::uint64_t seed) {
    with_world(seed, [seed](MapWorld& world) -> env::Task<void> {
      env::SeededRandom random(seed, 2);
      co_await world.start_directory(0);
      world.grow(30);
      co_await world.publish(0);
      co_await start_followers(world, 6);
      EXPECT_TRUE(co_await world.converge(seconds(5)));
      std::vector<net::HttpResponse> past;
      world.directories[0]->handler->harm = [&](net::HttpResponse& response) {
        past.push_back(response);
        if (response.body.size() < 64 || random.chance(0.3)) return;
        switch (random.below(4)) {
          case 0: response.body.resize(random.below(response.body.size())); break;
          case 1: response.body[random.below(response.body.size())] ^= static_cast<char>(1 << random.below(8)); break;
          case 2: response = past[random.below(past.size())]; break;  // of another time, and another follower
          default: response.body.clear();
        }
      };
      for (int i = 0; i < 30; ++i) {
        world.grow(2);
        co_await world.publish(0);
        co_await world.simulation.core(0).sleep_for(milliseconds(200));
      }
      world.directories[0]->handler->harm = nullptr;
      EXPECT_TRUE(co_await world.converge(seconds(30)));
      EXPECT_GT(world.followers[0]->metrics->maps_refused.value(), 0U);
    });
  });
}

constexpr std::size_t places_max = 400;  // more than a change of one stream takes

// Change after change, and the answer that brings each is cut off or has a bit flipped one byte further on. The
// listener holds every map that comes into force to the truth.
TEST(MapFollower, AnAnswerThatIsCutOffOrHarmedAtAnyByteNeverMakesABadMap) {
  for (const bool cuts : {true, false}) {
    with_world(1, [cuts](MapWorld& world) -> env::Task<void> {
      co_await world.start_directory(0);
      world.grow(2);
      co_await world.publish(0);
      co_await start_followers(world, 1);
      EXPECT_TRUE(co_await world.converge(seconds(5)));
      const MapMetrics& metrics = *world.followers[0]->metrics;
      std::size_t length_max = 0;
      std::size_t place = 0;
      for (; place == 0 || place < std::min(length_max, places_max); ++place) {
        bool is_harmed = false;
        world.directories[0]->handler->harm = [&](net::HttpResponse& response) {
          if (is_harmed || response.body.size() < 64) return;  // without news, or not the first any more
          is_harmed = true;
          length_max = std::max(length_max, response.body.size());
          if (place >= response.body.size()) return;
          if (cuts)
            response.body.resize(place);
          else
            response.body[place] = static_cast<char>(response.body[place] ^ (1 << (place % 8)));
        };
        world.grow(1);
        co_await world.publish(0);
        EXPECT_TRUE(co_await world.converge(seconds(60))) << place;
      }
      world.directories[0]->handler->harm = nullptr;
      EXPECT_GT(place, 100U);
      EXPECT_GT(metrics.maps_refused.value(), 100U);
    });
  }
}

TEST(MapFollower, GoesToTheOtherDirectoryWhenOneDiesAndServesOnWhenAllAreGone) {
  with_world(1, [](MapWorld& world) -> env::Task<void> {
    co_await world.start_directory(0);
    co_await world.start_directory(0);
    world.grow(20);
    co_await world.publish(0);
    co_await start_followers(world, 4);
    EXPECT_TRUE(co_await world.converge(seconds(5)));
    const ShardMapPointer last = world.growing.map();
    co_await world.stop_directory(0);
    // The other one serves what it has: a follower that comes now gets it.
    MapWorld::Follower& late = world.add_follower(FollowerKind::front_end, MapSlice::of_fleet("default"));
    co_await late.machine->core(0).enter();
    late.follower->start();
    co_await world.simulation.core(0).enter();
    EXPECT_TRUE(co_await world.converge(seconds(10)));
    co_await world.stop_directory(1);
    co_await world.simulation.core(0).sleep_for(seconds(300));
    for (const auto& follower : world.followers) {
      const FollowerStatus status = follower->follower->status();
      EXPECT_EQ(status.state, FollowState::alone);
      EXPECT_EQ(status.held, last->id());
      EXPECT_GT(status.age, seconds(280));
      EXPECT_FALSE(status.last_error.empty());
    }
  });
}

TEST(MapFollower, LeavesADirectoryThatIsCutOffFromTheLeader) {
  with_world(1, [](MapWorld& world) -> env::Task<void> {
    co_await world.start_directory(0);
    co_await world.start_directory(0);
    world.grow(20);
    co_await world.publish(0);
    co_await start_followers(world, 8);
    EXPECT_TRUE(co_await world.converge(seconds(5)));
    world.simulation.network().partition(world.endpoint(0).address, world.endpoint(1).address);
    co_await world.simulation.core(0).sleep_for(seconds(40));
    world.grow(5);
    co_await world.publish(0);
    EXPECT_TRUE(co_await world.converge(seconds(3)));
  });
}

// One follower with a disk, from start to stop. Returns what the file held for it.
Result<void> run_with_disk(std::uint64_t seed, env::SimulatedDisk& disk, const MapSlice& slice, bool with_directory,
                           const std::function<env::Task<void>(MapWorld&, MapWorld::Follower&)>& body) {
  Result<void> started = fail(ErrorCode::internal, "");
  with_world(seed, [&](MapWorld& world) -> env::Task<void> {
    world.grow(40);
    if (with_directory) {
      co_await world.start_directory(0);
      co_await world.publish(0);
    }
    MapWorld::Follower& follower = world.add_follower(FollowerKind::front_end, slice, &disk);
    co_await follower.machine->core(0).enter();
    started = co_await follower.follower->start_from_saved_map();
    follower.follower->start();
    co_await world.simulation.core(0).enter();
    co_await body(world, follower);
  });
  return started;
}

TEST(MapFollower, StartsFromTheSavedMapWhenEveryDirectoryIsGone) {
  env::SimulatedDisk disk({.seed = 1});
  const MapSlice slice = MapSlice::of_fleet("default");
  const auto first = run_with_disk(7, disk, slice, true, [](MapWorld& world, auto&) -> env::Task<void> {
    EXPECT_TRUE(co_await world.converge(seconds(5)));
    co_await world.simulation.core(0).sleep_for(seconds(1));
  });
  EXPECT_EQ(first.error().code, ErrorCode::not_found);
  // The same seed makes the same truth, so that the saved map is held to it.
  const auto second = run_with_disk(7, disk, slice, false, [](MapWorld& world, auto& follower) -> env::Task<void> {
    EXPECT_TRUE(co_await world.converge(seconds(0)));
    EXPECT_EQ(follower.follower->status().state, FollowState::saved_map);
    co_await world.simulation.core(0).sleep_for(seconds(60));
    EXPECT_GE(follower.follower->status().age, seconds(59));
    EXPECT_EQ(follower.follower->status().state, FollowState::saved_map);
  });
  EXPECT_TRUE(second.has_value());
  // Another fleet's process finds a file that is not for it.
  const auto other =
      run_with_disk(7, disk, MapSlice::of_fleet("big"), false, [](MapWorld&, auto& follower) -> env::Task<void> {
        EXPECT_EQ(follower.follower->status().state, FollowState::no_map);
        co_return;
      });
  EXPECT_EQ(other.error().code, ErrorCode::conflict);
}

TEST(MapFollower, SavesSeldomAndAgainAfterAWhile) {
  env::SimulatedDisk disk({.seed = 1});
  static_cast<void>(run_with_disk(8, disk, MapSlice::of_fleet("default"), true,
                                  [](MapWorld& world, auto& follower) -> env::Task<void> {
                                    for (int i = 0; i < 100; ++i) {
                                      world.grow(1);
                                      co_await world.publish(0);
                                      co_await world.simulation.core(0).sleep_for(milliseconds(300));
                                    }
                                    EXPECT_GE(follower.metrics->saves.value(), 3U);
                                    EXPECT_LE(follower.metrics->saves.value(), 5U);
                                    co_await world.simulation.core(0).sleep_for(seconds(1'300));
                                    EXPECT_GE(follower.metrics->saves.value(), 5U);
                                    EXPECT_LE(follower.metrics->saves.value(), 8U);
                                  }));
}

TEST(MapFile, ACrashLeavesTheOldMapOrTheNewOneWhole) {
  const ShardMapPointer old_map = test::GrowingMap(5).grow(10);
  test::GrowingMap growing(6);
  const ShardMapPointer new_map = growing.grow(20);
  const auto write = [&](env::SimulatedDisk& disk) {
    env::Simulation simulation({.disk = &disk});
    static_cast<void>(simulation.run_to_outcome([&]() -> env::Task<int> {
      static_cast<void>(co_await save_map(simulation.core(0), "map", old_map, {}));
      static_cast<void>(co_await save_map(simulation.core(0), "map", new_map, {}));
      co_return 0;
    }));
  };
  const auto check = [&](env::SimulatedDisk& disk, const weir::test::CrashCase&) {
    weir::test::run_simulation({.disk = &disk}, [&](env::Core& core) -> env::Task<void> {
      const auto loaded = co_await load_map(core, "map", {}, gibibyte);
      if (!loaded) {
        EXPECT_EQ(loaded.error().code, ErrorCode::not_found);
        co_return;
      }
      EXPECT_TRUE(same_content(*loaded->map, *old_map) || same_content(*loaded->map, *new_map));
    });
  };
  weir::test::for_each_crash_point({.seed = 3}, write, check);
}

TEST(MapFile, AFileThatIsCutOffOrHarmedAnywhereIsRefused) {
  weir::test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    must(co_await save_map(core, "map", test::GrowingMap(5).grow(3), {}));
    const std::string whole = must(co_await env::read_whole_file(core.files(), "map", gibibyte));
    for (std::size_t i = 0; i < whole.size(); ++i) {
      must(co_await env::replace_file(core.files(), "cut", whole.substr(0, i)));
      EXPECT_EQ((co_await load_map(core, "cut", {}, gibibyte)).error().code, ErrorCode::corrupt) << i;
      std::string harmed = whole;
      harmed[i] = static_cast<char>(harmed[i] ^ 0x10);
      must(co_await env::replace_file(core.files(), "cut", harmed));
      EXPECT_EQ((co_await load_map(core, "cut", {}, gibibyte)).error().code, ErrorCode::corrupt) << i;
    }
    EXPECT_EQ((co_await load_map(core, "map", {}, 10)).error().code, ErrorCode::limit_exceeded);
  });
}

}  // namespace
}  // namespace weir::directory
