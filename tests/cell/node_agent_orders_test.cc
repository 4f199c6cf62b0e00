// Nodes that beat to directories, in a simulation: real cells, a real leader where it matters, and directories that are
// away, do not lead, or refuse.
#include "cell/node/node_agent.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "directory/fleet/fleet_leader.h"
#include "gtest/gtest.h"
#include "metastore/memory_metastore.h"
#include "tests/cell/lane_test_support.h"
#include "tests/cell/shared_segments.h"
#include "tests/support/simulation_test.h"

namespace weir::cell {
namespace {

using directory::FleetOutcome;
using directory::FleetReply;
using directory::LaneSet;

env::Endpoint directory_at(int number) { return {.address = "10.0.2." + std::to_string(number), .port = 5'000}; }

// The directories of a fleet, as nodes see them. `lead` answers for the one that leads.
struct Directories {
  explicit Directories(env::Core& on) : core(on) {}

  env::Task<Result<std::string>> ask(env::Endpoint directory, std::string path, std::string body,
                                     MonotonicTime deadline) {
    asked.push_back(directory.address);
    co_await core.sleep_for(milliseconds(1));
    if (away.contains(directory.address)) {
      co_await core.sleep_for(std::max(Duration{}, deadline - core.now()));
      co_return fail(ErrorCode::timeout, "no answer");
    }
    FleetReply reply;
    if (!leader || directory.address != leader->address) {
      reply.outcome = FleetOutcome::not_leader;
      if (gives_hints) reply.leader = leader;
    } else if (path == directory::beat_path) {
      beats.push_back(must(directory::decode_beat(body)));
      reply = beat(beats.back());
    } else {
      reply = co_await claim(must(directory::decode_claim(body)));
    }
    co_return directory::encode(reply);
  }
  [[nodiscard]] AskDirectory asker() {
    return [this](env::Endpoint directory, std::string_view path, std::string body, MonotonicTime deadline) {
      return ask(std::move(directory), std::string(path), std::move(body), deadline);
    };
  }
  [[nodiscard]] std::size_t times_asked(int number) const {
    return static_cast<std::size_t>(std::ranges::count(asked, directory_at(number).address));
  }

  env::Core& core;
  std::optional<env::Endpoint> leader;
  bool gives_hints = true;
  std::set<std::string> away;
  std::vector<std::string> asked;  // addresses
  std::vector<directory::NodeBeat> beats;
  // The leader: orders these lanes, and lets them be claimed, unless a test puts something else here.
  LaneSet ordered;
  std::uint64_t epoch = 0;
  int claims_to_refuse = 0;
  std::function<FleetReply(const directory::NodeBeat&)> beat = [this](const directory::NodeBeat&) {
    return FleetReply{.outcome = FleetOutcome::done, .leader = {}, .reason = {}, .lanes = ordered, .epoch = {}};
  };
  std::function<env::Task<FleetReply>(directory::LaneClaim)> claim =
      [this](directory::LaneClaim) -> env::Task<FleetReply> {
    if (claims_to_refuse-- > 0) {
      co_return FleetReply{
          .outcome = FleetOutcome::refused, .leader = {}, .reason = "not yet", .lanes = {}, .epoch = {}};
    }
    co_return FleetReply{
        .outcome = FleetOutcome::done, .leader = {}, .reason = {}, .lanes = {}, .epoch = Epoch{++epoch}};
  };
};

// One process of a node. Stop it before it goes.
struct Node {
  Node(env::Simulation& simulation, SharedSegments& segments, Directories& directories, std::string address)
      : agent(simulation.core(0),
              {.node = "n",
               .cell = 0,
               .endpoint = {.address = std::move(address), .port = 700},
               .directories = {directory_at(1), directory_at(2), directory_at(3)}},
              directories.asker()),
        cell(simulation, simulation.core(0),
             LaneAccess{.claim_epoch = [this](LaneId lane) { return agent.claim(lane); },
                        .open_store = segments.opener()},
             CellContext{settings, journal_settings, metrics, journal_metrics},
             NodeCellOptions{.cell = 0, .maps_name_owners = false, .on_fenced = {}}) {
    agent.start(cell);
  }
  env::Task<void> stop() {
    co_await agent.stop();
    co_await cell.stop();
  }
  [[nodiscard]] std::uint64_t held() const { return cell.status().lanes_held; }

  SettingsRegistry registry;
  MetricsRegistry metrics_registry;
  CellSettings settings{registry};
  journal::JournalSettings journal_settings{registry};
  CellMetrics metrics{metrics_registry, lanes_max};
  journal::JournalMetrics journal_metrics{metrics_registry};
  NodeAgent agent;
  NodeCell cell;
};

struct World {
  World(env::Simulation& on, std::uint64_t seed)
      : simulation(on), home(on.core(0)), segments(seed), directories(home) {}
  [[nodiscard]] std::unique_ptr<Node> start_node(std::string address = "10.0.1.1") {
    return std::make_unique<Node>(simulation, segments, directories, std::move(address));
  }
  // Whether the lane of the one shard takes a record.
  env::Task<Refusal> put(Node& node) {
    auto replies = co_await node.cell.append(home, test_lane, one_request(make_fragment(first_shard, "x")));
    co_return replies.at(0).refusal;
  }

  env::Simulation& simulation;
  env::Core& home;
  SharedSegments segments;
  Directories directories;
};

void run(std::uint64_t seed, const std::function<env::Task<void>(World&)>& test) {
  env::Simulation simulation({.seed = seed, .cores = 2});
  const auto outcome = simulation.run_to_outcome([&]() -> env::Task<int> {
    World world(simulation, seed);
    co_await test(world);
    co_return 0;
  });
  EXPECT_EQ(outcome, env::Outcome::finished) << simulation.report();
}

TEST(NodeAgentOrders, FollowsHintsToTheLeaderAndStaysWithIt) {
  run(1, [](World& world) -> env::Task<void> {
    world.directories.leader = directory_at(3);
    const auto node = world.start_node();
    co_await world.home.sleep_for(milliseconds(100));
    EXPECT_EQ(world.directories.asked, (std::vector{directory_at(1).address, directory_at(3).address}));
    co_await world.home.sleep_for(seconds(10));
    EXPECT_EQ(world.directories.times_asked(1), 1U);
    EXPECT_GE(world.directories.beats.size(), 10U);
    EXPECT_LE(world.directories.beats.size(), 12U);
    EXPECT_LT(node->agent.silence(), seconds(2));
    EXPECT_EQ(node->agent.last_error(), "");
    co_await node->stop();
  });
}

TEST(NodeAgentOrders, FindsALeaderThatNobodyNamesByAskingOneAfterTheOther) {
  run(1, [](World& world) -> env::Task<void> {
    world.directories.leader = directory_at(1);
    const auto node = world.start_node();
    co_await world.home.sleep_for(seconds(3));
    world.directories.away = {directory_at(1).address};
    world.directories.leader = directory_at(3);
    world.directories.gives_hints = false;
    const std::size_t before = world.directories.beats.size();
    co_await world.home.sleep_for(seconds(5));
    EXPECT_GT(world.directories.beats.size(), before + 1);
    EXPECT_EQ(world.directories.asked.back(), directory_at(3).address);
    EXPECT_EQ(node->agent.last_error(), "");
    co_await node->stop();
  });
}

TEST(NodeAgentOrders, GoesOnServingWhenNoDirectoryAnswersHoweverLong) {
  run(1, [](World& world) -> env::Task<void> {
    world.directories.leader = directory_at(1);
    world.directories.ordered = LaneSet(1);
    const auto node = world.start_node();
    co_await node->cell.apply(sketch_map(1, {StreamSketch{}}));
    co_await world.home.sleep_for(seconds(3));
    EXPECT_EQ(node->held(), 1U);
    for (int number = 1; number <= 3; ++number) world.directories.away.insert(directory_at(number).address);
    co_await world.home.sleep_for(seconds(600));
    EXPECT_EQ(node->held(), 1U);
    EXPECT_EQ(co_await world.put(*node), Refusal::none);
    EXPECT_GT(node->agent.silence(), seconds(540));
    EXPECT_NE(node->agent.last_error(), "");
    world.directories.away.clear();
    co_await world.home.sleep_for(seconds(5));
    EXPECT_EQ(node->agent.last_error(), "");
    EXPECT_LT(node->agent.silence(), seconds(2));
    EXPECT_EQ(world.directories.epoch, 1U) << "the lane was never claimed anew";
    co_await node->stop();
  });
}

TEST(NodeAgentOrders, TakesAndGivesUpLanesAsItIsTold) {
  test::for_each_seed(1, 20, [](std::uint64_t seed) {
    run(seed, [](World& world) -> env::Task<void> {
      world.directories.leader = directory_at(1);
      const auto node = world.start_node();
      for (int round = 0; round < 20; ++round) {
        const LaneSet lanes(world.home.random_u64() % 64);
        world.directories.ordered = lanes;
        if (world.home.random_u64() % 2 == 0) {  // told otherwise before it is done
          co_await world.home.sleep_for(milliseconds(static_cast<std::int64_t>(world.home.random_u64() % 1'200)));
          continue;
        }
        co_await world.home.sleep_for(seconds(4));
        EXPECT_EQ(node->held(), lanes.to_ullong());
        EXPECT_EQ(node->cell.status().lanes_changing, 0U);
        EXPECT_EQ(world.directories.beats.back().held, lanes) << "it says what it holds";
      }
      co_await node->stop();
      EXPECT_EQ(node->held(), 0U);
    });
  });
}

TEST(NodeAgentOrders, TriesALaneAgainThatItCouldNotTake) {
  run(1, [](World& world) -> env::Task<void> {
    world.directories.leader = directory_at(1);
    world.directories.ordered = LaneSet(1);
    world.directories.claims_to_refuse = 3;
    const auto node = world.start_node();
    co_await world.home.sleep_for(milliseconds(2'500));
    EXPECT_EQ(node->held(), 0U);
    co_await world.home.sleep_for(milliseconds(2'500));
    EXPECT_EQ(node->held(), 1U);
    EXPECT_EQ(world.directories.epoch, 1U);
    co_await node->stop();
  });
}

// A stop while claims and orders are under way.
TEST(NodeAgentOrders, StopsAtAnyMoment) {
  test::for_each_seed(1, 40, [](std::uint64_t seed) {
    run(seed, [seed](World& world) -> env::Task<void> {
      world.directories.leader = directory_at(seed % 3 == 0 ? 2 : 1);
      world.directories.ordered = LaneSet(0xff);
      const auto node = world.start_node();
      co_await world.home.sleep_for(microseconds(static_cast<std::int64_t>(seed * 350)));
      if (seed % 2 == 0) world.directories.away.insert(directory_at(1).address);
      co_await node->stop();
      EXPECT_EQ(node->held(), 0U);
      EXPECT_EQ(node->cell.status().lanes_changing, 0U);
    });
  });
}

// A real leader, with its directory.
struct Leader {
  explicit Leader(env::Core& core) : store(metastore::make_memory_metastore(core, content)) {}
  static env::Task<std::unique_ptr<Leader>> open(World& world) {
    auto leader = std::make_unique<Leader>(world.home);
    leader->directory = must(co_await directory::Directory::open(world.home, *leader->store,
                                                                 directory::cells_max * directory::lanes_per_cell_max,
                                                                 leader->settings, leader->metrics, 1));
    leader->fleet.emplace(world.home, *leader->directory, directory::PlacementOptions{});
    must(co_await leader->fleet->define_cell(0, {.name = "first", .lanes = 4, .open_shards_max = 100}));
    auto* const fleet = &*leader->fleet;
    world.directories.leader = directory_at(1);
    world.directories.beat = [fleet](const directory::NodeBeat& beat) { return fleet->beat(beat); };
    world.directories.claim = [fleet](directory::LaneClaim claim) { return fleet->claim(std::move(claim)); };
    co_return leader;
  }
  env::Task<void> stop() {
    co_await fleet->stop();
    co_await directory->stop();
  }

  std::shared_ptr<metastore::MemoryMetastoreContent> content = std::make_shared<metastore::MemoryMetastoreContent>();
  std::unique_ptr<metastore::Metastore> store;
  SettingsRegistry registry;
  MetricsRegistry metrics_registry;
  directory::DirectorySettings settings{registry};
  directory::DirectoryMetrics metrics{metrics_registry};
  std::unique_ptr<directory::Directory> directory;
  std::optional<directory::FleetLeader> fleet;
};

// Somebody started a node twice. The second gets nothing and says why, until the first is gone.
TEST(NodeAgentOrders, OfTwoProcessesUnderOneNameOneGetsTheLanes) {
  test::for_each_seed(1, 10, [](std::uint64_t seed) {
    run(seed, [](World& world) -> env::Task<void> {
      const auto leader = co_await Leader::open(world);
      const auto first = world.start_node("10.0.1.1");
      co_await world.home.sleep_for(seconds(3));
      EXPECT_EQ(first->held(), 15U);
      const auto second = world.start_node("10.0.1.2");
      for (int second_of_time = 0; second_of_time < 10; ++second_of_time) {
        co_await world.home.sleep_for(seconds(1));
        EXPECT_EQ(first->held(), 15U);
        EXPECT_EQ(second->held(), 0U);
      }
      EXPECT_TRUE(second->agent.last_error().contains("another process has this name")) << second->agent.last_error();
      EXPECT_EQ(first->agent.last_error(), "");
      co_await first->stop();
      co_await world.home.sleep_for(seconds(5));
      EXPECT_EQ(second->held(), 15U);
      EXPECT_EQ(second->agent.last_error(), "");
      for (std::uint32_t lane = 0; lane < 4; ++lane) {
        EXPECT_EQ(leader->directory->lanes()[lane].owner->address, "10.0.1.2");
        EXPECT_EQ(leader->directory->lanes()[lane].epoch, Epoch{2});
      }
      co_await second->stop();
      co_await leader->stop();
    });
  });
}

}  // namespace
}  // namespace weir::cell
