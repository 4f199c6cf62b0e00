#include "directory/fleet/placement.h"

#include <map>
#include <string>

#include "gtest/gtest.h"

namespace weir::directory {
namespace {

// Nodes that do what they are told: each beat reports what the last answer asked for.
struct World {
  explicit World(PlacementOptions options = {}) : placement(options) {}

  void add(const std::string& node, std::uint32_t cell = 0) {
    beats[node] = {.node = node, .cell = cell, .address = "127.0.0.1", .port = 1, .boot = ++boots};
  }
  void restart(const std::string& node) {
    beats[node].boot = ++boots;
    beats[node].held.reset();
  }
  // A tenth of a second: everybody who is not silent beats, then the leader reviews.
  void step() {
    now += milliseconds(100);
    for (auto& [name, beat] : beats) {
      if (silent.contains(name)) continue;
      const auto answer = placement.beat(beat, now);
      ASSERT_TRUE(answer.has_value()) << name;
      // Gives up at once, takes what nobody else has.
      beat.held &= *answer;
      for (std::uint32_t lane = 0; lane < lanes_per_cell_max; ++lane) {
        if (answer->test(lane) && placement.may_claim(lane_of(beat.cell, lane), name)) beat.held.set(lane);
      }
    }
    for (PlacementEvent& event : placement.review(now)) events.push_back(std::move(event));
    check();
  }
  void run(Duration time) {
    for (const MonotonicTime end = now + time; now < end;) step();
  }
  // Of the nodes that are heard no two hold one lane.
  void check() {
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::string> holders;
    for (const auto& [name, beat] : beats) {
      if (silent.contains(name)) continue;
      for (std::uint32_t lane = 0; lane < lanes_per_cell_max; ++lane) {
        if (!beat.held.test(lane)) continue;
        const auto [at, is_new] = holders.try_emplace({beat.cell, lane}, name);
        EXPECT_TRUE(is_new) << "lane " << lane << " is held by " << at->second << " and " << name;
      }
    }
  }
  [[nodiscard]] std::size_t held(const std::string& node) const { return beats.at(node).held.count(); }
  [[nodiscard]] std::size_t dead() const {
    std::size_t count = 0;
    for (const auto& [name, view] : placement.nodes()) count += view.state == NodeState::dead ? 1 : 0;
    return count;
  }

  Placement placement;
  MonotonicTime now{seconds(1000)};
  std::map<std::string, NodeBeat> beats;
  std::map<std::string, bool> silent;
  std::vector<PlacementEvent> events;
  std::uint64_t boots = 0;
};

TEST(Placement, LanesAreSpreadByCountOverTheNodesOfTheirCell) {
  World world;
  world.placement.define_cell(0, 8);
  world.placement.define_cell(3, 5);
  for (const char* node : {"a", "b", "c"}) world.add(node);
  world.add("z", 3);
  world.run(seconds(20));
  EXPECT_EQ(world.held("a") + world.held("b") + world.held("c"), 8U);
  for (const char* node : {"a", "b", "c"}) EXPECT_GE(world.held(node), 2U);
  EXPECT_EQ(world.held("z"), 5U);
}

TEST(Placement, LanesOfADeadNodeGoToTheOthersAndOnlyThose) {
  World world;
  world.placement.define_cell(0, 9);
  for (const char* node : {"a", "b", "c"}) world.add(node);
  world.run(seconds(20));
  const LaneSet before = world.beats["b"].held;
  world.silent["a"] = true;
  world.run(milliseconds(2'900));
  EXPECT_EQ(world.dead(), 0U);
  EXPECT_EQ(world.held("b") + world.held("c"), 6U);
  world.run(milliseconds(500));
  EXPECT_EQ(world.dead(), 1U);
  world.run(seconds(1));
  EXPECT_EQ(world.held("b") + world.held("c"), 9U);
  EXPECT_EQ(world.beats["b"].held & before, before);
}

TEST(Placement, SilenceOfManyMovesNoMoreThanTheCap) {
  World world;
  world.placement.define_cell(0, 64);
  for (int i = 0; i < 40; ++i) world.add("node-" + std::to_string(100 + i));
  world.run(seconds(10));
  for (int i = 0; i < 20; ++i) world.silent["node-" + std::to_string(100 + i)] = true;
  world.run(seconds(50));
  EXPECT_EQ(world.dead(), 2U);  // 5 % of 40
  world.run(seconds(60));
  EXPECT_EQ(world.dead(), 4U);
}

TEST(Placement, OneDeathAMinuteIsAlwaysAllowed) {
  World world;
  world.placement.define_cell(0, 4);
  for (const char* node : {"a", "b", "c"}) world.add(node);
  world.run(seconds(10));
  world.silent["a"] = world.silent["b"] = true;
  world.run(seconds(30));
  EXPECT_EQ(world.dead(), 1U);
  world.run(seconds(60));
  EXPECT_EQ(world.dead(), 2U);
  EXPECT_EQ(world.held("c"), 4U);
}

TEST(Placement, LateBeatsMoveNothing) {
  World world;
  world.placement.define_cell(0, 12);
  for (const char* node : {"a", "b", "c"}) world.add(node);
  world.run(seconds(20));
  const auto before = world.beats["a"].held;
  for (int round = 0; round < 20; ++round) {  // half of all beats are lost, two seconds at a time
    world.silent[round % 2 == 0 ? "a" : "b"] = true;
    world.run(seconds(2));
    world.silent.clear();
    world.step();
  }
  EXPECT_EQ(world.dead(), 0U);
  EXPECT_EQ(world.beats["a"].held, before);
}

TEST(Placement, ANodeThatComesBackTakesItsShareAtALimitedRate) {
  World world({.move_interval = seconds(2)});
  world.placement.define_cell(0, 12);
  for (const char* node : {"a", "b"}) world.add(node);
  world.run(seconds(30));
  world.add("c");
  world.run(milliseconds(4'100));
  EXPECT_LE(world.held("c"), 3U);
  world.run(seconds(20));
  EXPECT_EQ(world.held("c"), 4U);
}

TEST(Placement, ADrainedNodeHoldsNothingAndCanBeForgotten) {
  World world;
  world.placement.define_cell(0, 6);
  for (const char* node : {"a", "b"}) world.add(node);
  world.run(seconds(10));
  EXPECT_FALSE(world.placement.forget("a"));
  EXPECT_TRUE(world.placement.set_draining("a", true));
  world.run(seconds(15));
  EXPECT_EQ(world.held("a"), 0U);
  EXPECT_EQ(world.held("b"), 6U);
  EXPECT_TRUE(world.placement.forget("a"));
  EXPECT_FALSE(world.placement.set_draining("nobody", true));
}

TEST(Placement, ALaneThatAnOperatorMovesGoesThereAndStaysWhileTheOthersAreSpread) {
  World world({.move_interval = seconds(2)});
  world.placement.define_cell(0, 8);
  for (const char* node : {"a", "b"}) world.add(node);
  world.run(seconds(30));
  std::uint32_t lane = 0;
  while (!world.beats["a"].held.test(lane)) ++lane;
  ASSERT_TRUE(world.placement.move(lane_of(0, lane), "b").has_value());
  world.run(seconds(60));
  EXPECT_TRUE(world.beats["b"].held.test(lane));
  EXPECT_EQ(world.held("a"), 4U);
  EXPECT_EQ(world.held("b"), 4U);

  EXPECT_TRUE(world.placement.set_draining("b", true));
  world.run(seconds(60));
  EXPECT_EQ(world.held("a"), 8U);
  EXPECT_TRUE(world.placement.set_draining("b", false));
  world.run(seconds(60));
  EXPECT_EQ(world.held("a"), 4U);
}

TEST(Placement, LanesThatAnOperatorMovesGoOneByOneAtTheRateOfMoves) {
  World world({.move_interval = seconds(5)});
  world.placement.define_cell(0, 8);
  for (const char* node : {"a", "b"}) world.add(node);
  world.run(seconds(60));
  for (std::uint32_t lane = 0; lane < 8; ++lane) ASSERT_TRUE(world.placement.move(lane_of(0, lane), "b").has_value());
  world.run(seconds(11));
  EXPECT_GE(world.held("a"), 1U);
  world.run(seconds(60));
  EXPECT_EQ(world.held("b"), 8U);
}

TEST(Placement, AMoveThatCannotBeIsRefusedWithTheReason) {
  World world;
  world.placement.define_cell(0, 4);
  world.placement.define_cell(1, 4);
  for (const char* node : {"a", "b"}) world.add(node);
  world.add("z", 1);
  world.run(seconds(10));
  EXPECT_EQ(world.placement.move(LaneId{4}, "a").error().code, ErrorCode::not_found);
  EXPECT_EQ(world.placement.move(LaneId{0}, "nobody").error().code, ErrorCode::not_found);
  EXPECT_EQ(world.placement.move(LaneId{0}, "z").error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(world.placement.set_draining("a", true));
  EXPECT_EQ(world.placement.move(LaneId{0}, "a").error().code, ErrorCode::conflict);
  world.silent["b"] = true;
  world.run(seconds(2));
  EXPECT_EQ(world.placement.move(LaneId{0}, "b").error().message, "node b is silent");
}

TEST(Placement, LanesThenShardsThenBytesDecideWhoGetsALane) {
  const auto first_owner = [](NodeBeat a, NodeBeat b) {
    World world;
    a.node = "a", b.node = "b";
    for (NodeBeat* beat : {&a, &b}) {
      beat->address = "127.0.0.1", beat->port = 1, beat->boot = 1;
      world.beats[beat->node] = *beat;
    }
    world.placement.define_cell(0, 1);
    world.step();
    world.step();
    return world.held("a") == 1 ? "a" : "b";
  };
  const auto beat = [](std::uint64_t shards, std::uint64_t bytes) {
    return NodeBeat{.shards = shards, .bytes_per_second = bytes};
  };
  EXPECT_STREQ(first_owner(beat(10, 5), beat(9, 900)), "b");
  EXPECT_STREQ(first_owner(beat(9, 900), beat(10, 5)), "a");
  EXPECT_STREQ(first_owner(beat(10, 900), beat(10, 5)), "b");
  EXPECT_STREQ(first_owner(beat(10, 5), beat(10, 900)), "a");
}

TEST(Placement, LanesWithoutAnOwnerAreToldOf) {
  World world;
  world.placement.define_cell(0, 4);
  EXPECT_EQ(world.placement.lanes_without_owner(0), LaneSet(0b1111));
  for (const char* node : {"a", "b"}) world.add(node);
  world.run(seconds(10));
  EXPECT_TRUE(world.placement.lanes_without_owner(0).none());
  const LaneSet lost = world.beats["a"].held;
  world.silent["a"] = true;
  world.run(seconds(2));
  EXPECT_EQ(world.placement.lanes_without_owner(0), lost);
  EXPECT_FALSE(world.placement.deaths_capped(0));
  world.silent["b"] = true;
  world.run(seconds(5));
  EXPECT_TRUE(world.placement.deaths_capped(0));
}

TEST(Placement, ARestartedNodeGetsItsLanesBack) {
  World world;
  world.placement.define_cell(0, 6);
  for (const char* node : {"a", "b"}) world.add(node);
  world.run(seconds(10));
  const LaneSet before = world.beats["a"].held;
  world.silent["a"] = true;
  world.run(milliseconds(1'600));  // before that it might be another process of its name
  world.silent.clear();
  world.restart("a");
  world.run(seconds(1));
  EXPECT_EQ(world.beats["a"].held, before);
}

TEST(Placement, ANewLeaderMovesNothingWhileTheNodesBeat) {
  World world;
  world.placement.define_cell(0, 8);
  for (const char* node : {"a", "b"}) world.add(node);
  world.run(seconds(10));
  const auto held_by_a = world.beats["a"].held;
  World next;
  next.placement.define_cell(0, 8);
  next.now = world.now;
  next.beats = world.beats;
  for (const auto& [name, beat] : next.beats) {
    for (std::uint32_t lane = 0; lane < 8; ++lane) {
      if (beat.held.test(lane)) next.placement.restore(lane_of(0, lane), name, next.now);
    }
  }
  next.run(seconds(10));
  EXPECT_EQ(next.beats["a"].held, held_by_a);
  EXPECT_TRUE(next.events.empty());
}

TEST(Placement, TwoProcessesUnderOneNameAreNotBothTaken) {
  World world;
  world.placement.define_cell(0, 2);
  world.add("a");
  world.run(seconds(1));
  NodeBeat impostor = world.beats["a"];
  impostor.boot = 999;
  // Wherever between two beats of the first it comes.
  for (const milliseconds after : {milliseconds(50), milliseconds(500), milliseconds(999), milliseconds(1'400)}) {
    EXPECT_FALSE(world.placement.beat(impostor, world.now + after).has_value()) << after.count();
  }
  EXPECT_TRUE(world.placement.beat(impostor, world.now + milliseconds(1'500)).has_value()) << "a restart";
}

TEST(Placement, AStaleOwnerThatWakesUpIsTakenNothingFromAndGivenNothing) {
  World world;
  world.placement.define_cell(0, 4);
  for (const char* node : {"a", "b"}) world.add(node);
  world.run(seconds(10));
  const NodeBeat stale = world.beats["a"];
  world.silent["a"] = true;
  world.run(seconds(6));
  EXPECT_EQ(world.held("b"), 4U);
  const auto answer = world.placement.beat(stale, world.now);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->none());
  for (std::uint32_t lane = 0; lane < 4; ++lane) EXPECT_FALSE(world.placement.may_claim(lane_of(0, lane), "a"));
}

TEST(Placement, ABeatOfAnUnknownCellIsRefused) {
  World world;
  world.placement.define_cell(0, 4);
  EXPECT_FALSE(world.placement.beat({.node = "x", .cell = 1, .address = "127.0.0.1", .port = 1, .boot = 1}, world.now));
}

}  // namespace
}  // namespace weir::directory
