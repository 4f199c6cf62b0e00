// Cells of a fleet: a stream lives in one of them, none takes more than it may, and claims of lanes are published.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/directory/fixture.h"

namespace weir::directory::test {
namespace {

struct Fleet : World {
  Fleet() { lanes = cells_max * lanes_per_cell_max; }
};

std::set<std::uint32_t> cells_of(const Stream& stream) {
  std::set<std::uint32_t> cells;
  for (const Shard& shard : stream.shards) cells.insert(cell_of(shard.lane));
  return cells;
}

env::Task<void> define(Process& process, std::uint32_t cell, CellState state) {
  const auto defined = co_await process.directory.define_cell(cell, std::move(state));
  EXPECT_TRUE(defined) << (defined ? "" : defined.error().message);
}

TEST(Cells, AllShardsOfAStreamAreInOneCellAndStreamsGoWhereThereIsRoom) {
  Fleet world;
  world.run([](Process& process) -> env::Task<void> {
    co_await define(process, 0, {.name = "a", .lanes = 4, .open_shards_max = 40});
    co_await define(process, 5, {.name = "b", .lanes = 2, .open_shards_max = 40});
    std::map<std::uint32_t, std::size_t> shards;
    for (int i = 0; i < 8; ++i) {
      const std::string name = "stream-" + std::to_string(i);
      EXPECT_TRUE(co_await process.create(name, 6));
      co_await process.settle(name);
      const auto stream = process.find(name);
      EXPECT_EQ(cells_of(*stream).size(), 1U);
      shards[*cells_of(*stream).begin()] += stream->shards.size();
      for (const Shard& shard : stream->shards) {
        EXPECT_LT(lane_within_cell(shard.lane), cell_of(shard.lane) == 0 ? 4U : 2U);
      }
    }
    EXPECT_EQ(shards, (std::map<std::uint32_t, std::size_t>{{0, 24}, {5, 24}}));
  });
}

TEST(Cells, NoCellTakesMoreShardsThanItMay) {
  Fleet world;
  world.run([](Process& process) -> env::Task<void> {
    co_await define(process, 1, {.name = "small", .lanes = 1, .open_shards_max = 3});
    EXPECT_TRUE(co_await process.create("two", 2));
    co_await process.settle("two");
    const auto refused = co_await process.create("two-more", 2);
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, RefusalKind::capacity_limit);
    EXPECT_TRUE(co_await process.create("one", 1));
    co_await process.settle("one");
    const auto split =
        co_await process.directory.split_shard(scope, "one", ShardIndex{0}, HashKey{HashKey::max().value / 2});
    EXPECT_FALSE(split);
    EXPECT_EQ(split.error().kind, RefusalKind::capacity_limit);
    co_await define(process, 1, {.name = "small", .lanes = 1, .open_shards_max = 4});
    EXPECT_TRUE(co_await process.directory.split_shard(scope, "one", ShardIndex{0}, HashKey{HashKey::max().value / 2}));
  });
}

TEST(Cells, AClosedCellTakesNoNewStreamsAndItsStreamsCanBeSplit) {
  Fleet world;
  world.run([](Process& process) -> env::Task<void> {
    co_await define(process, 2, {.name = "old", .lanes = 2, .open_shards_max = 100});
    EXPECT_TRUE(co_await process.create("early", 1));
    co_await process.settle("early");
    co_await define(process, 2, {.name = "old", .lanes = 2, .open_shards_max = 100, .closed = true});
    EXPECT_FALSE(co_await process.create("late", 1));
    co_await define(process, 3, {.name = "new", .lanes = 2, .open_shards_max = 5});
    EXPECT_TRUE(co_await process.create("late", 1));
    co_await process.settle("late");
    EXPECT_EQ(cells_of(*process.find("late")), std::set<std::uint32_t>{3});
    EXPECT_TRUE(
        co_await process.directory.split_shard(scope, "early", ShardIndex{0}, HashKey{HashKey::max().value / 2}));
    co_await process.settle("early");
    EXPECT_EQ(cells_of(*process.find("early")), std::set<std::uint32_t>{2});
  });
}

TEST(Cells, ACellCannotLoseLanesOrExceedTheLayout) {
  Fleet world;
  world.run([](Process& process) -> env::Task<void> {
    co_await define(process, 0, {.name = "a", .lanes = 4, .open_shards_max = 10});
    for (const auto& [cell, lanes] : {std::pair{0U, 3U}, {0U, 65U}, {0U, 0U}, {cells_max, 1U}}) {
      const auto defined = co_await process.directory.define_cell(cell, {.name = "a", .lanes = lanes});
      EXPECT_FALSE(defined) << cell << " " << lanes;
      if (!defined) EXPECT_EQ(defined.error().code, ErrorCode::invalid_argument);
    }
  });
}

TEST(Cells, AClaimIsPublishedWithItsEpochAndSurvivesARestart) {
  Fleet world;
  const LaneOwner node{.node = "node-1", .address = "127.0.0.1", .port = 4601, .epoch = Epoch{0}};
  world.run([&node](Process& process) -> env::Task<void> {
    co_await define(process, 0, {.name = "a", .lanes = 2, .open_shards_max = 10});
    EXPECT_EQ(process.cell.map()->owner(LaneId{1}), nullptr);
    EXPECT_EQ((co_await process.directory.claim_lane(LaneId{1}, node)).value(), Epoch{1});
    EXPECT_EQ((co_await process.directory.claim_lane(LaneId{1}, node)).value(), Epoch{2});
    EXPECT_NE(process.cell.map()->owner(LaneId{1}), nullptr);
    EXPECT_EQ(process.cell.map()->owner(LaneId{1})->epoch, Epoch{2});
  });
  world.run([](Process& process) -> env::Task<void> {
    co_await process.core.yield();
    EXPECT_NE(process.cell.map()->owner(LaneId{1}), nullptr);
    if (process.cell.map()->owner(LaneId{1}) == nullptr) co_return;
    EXPECT_EQ(process.cell.map()->owner(LaneId{1})->node, "node-1");
    EXPECT_EQ(process.cell.map()->owner(LaneId{1})->port, 4601);
    EXPECT_EQ(process.cell.map()->owner(LaneId{1})->epoch, Epoch{2});
    EXPECT_EQ(process.directory.cells().at(0).lanes, 2U);
  });
}

}  // namespace
}  // namespace weir::directory::test
