#include "directory/fleet/fleet_leader.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/directory/fixture.h"

namespace weir::directory::test {
namespace {

NodeBeat beat_of(const std::string& node, std::uint64_t boot, LaneSet held = {}) {
  return {.node = node, .cell = 0, .address = "127.0.0.1", .port = 4601, .boot = boot, .held = held};
}

struct Fleet : World {
  Fleet() { lanes = cells_max * lanes_per_cell_max; }
};

TEST(FleetLeader, ANodeClaimsWhatItShallHoldAndNothingElse) {
  Fleet world;
  world.run([](Process& process) -> env::Task<void> {
    FleetLeader leader(process.core, process.directory, {});
    EXPECT_EQ(leader.beat(beat_of("a", 1)).outcome, FleetOutcome::refused) << "there is no cell yet";
    EXPECT_TRUE(co_await leader.define_cell(0, {.name = "first", .lanes = 2, .open_shards_max = 100}));
    EXPECT_EQ(leader.beat(beat_of("a", 1)).outcome, FleetOutcome::done);
    co_await process.core.sleep_for(seconds(1));
    const FleetReply order = leader.beat(beat_of("a", 1));
    EXPECT_EQ(order.lanes, LaneSet(3));
    const FleetReply granted = co_await leader.claim({.node = "a", .address = "127.0.0.1", .port = 4601, .lane = {1}});
    EXPECT_EQ(granted.outcome, FleetOutcome::done);
    EXPECT_EQ(granted.epoch, Epoch{1});
    EXPECT_NE(process.cell.map()->owner(LaneId{1}), nullptr);
    for (const auto& [node, lane] : {std::pair{"b", 1U}, {"a", 2U}, {"a", 9'999U}}) {
      const FleetReply refused =
          co_await leader.claim({.node = node, .address = "127.0.0.1", .port = 4601, .lane = {lane}});
      EXPECT_EQ(refused.outcome, FleetOutcome::refused) << node << " " << lane;
    }
    co_await leader.stop();
  });
}

TEST(FleetLeader, ALaneOfASilentNodeGoesToAnotherUnderAHigherEpoch) {
  Fleet world;
  world.run([](Process& process) -> env::Task<void> {
    FleetLeader leader(process.core, process.directory, {});
    EXPECT_TRUE(co_await leader.define_cell(0, {.name = "first", .lanes = 1, .open_shards_max = 100}));
    static_cast<void>(leader.beat(beat_of("a", 1)));
    co_await process.core.sleep_for(seconds(1));
    EXPECT_EQ((co_await leader.claim({.node = "a", .address = "127.0.0.1", .port = 1, .lane = {0}})).epoch, Epoch{1});
    static_cast<void>(leader.beat(beat_of("a", 1, LaneSet(1))));
    for (int second = 0; second < 5; ++second) {
      static_cast<void>(leader.beat(beat_of("b", 2)));
      co_await process.core.sleep_for(seconds(1));
    }
    EXPECT_EQ(leader.beat(beat_of("b", 2)).lanes, LaneSet(1));
    EXPECT_EQ((co_await leader.claim({.node = "b", .address = "127.0.0.1", .port = 2, .lane = {0}})).epoch, Epoch{2});
    EXPECT_EQ(process.cell.map()->owner(LaneId{0})->node, "b");
    EXPECT_TRUE(leader.beat(beat_of("a", 1, LaneSet(1))).lanes.none()) << "the old owner shall hold nothing";
    co_await leader.stop();
  });
}

TEST(FleetLeader, TheNextLeaderKnowsWhoHeldWhat) {
  Fleet world;
  world.run([](Process& process) -> env::Task<void> {
    FleetLeader leader(process.core, process.directory, {});
    EXPECT_TRUE(co_await leader.define_cell(0, {.name = "first", .lanes = 1, .open_shards_max = 100}));
    static_cast<void>(leader.beat(beat_of("a", 1)));
    co_await process.core.sleep_for(seconds(1));
    EXPECT_EQ((co_await leader.claim({.node = "a", .address = "127.0.0.1", .port = 1, .lane = {0}})).epoch, Epoch{1});
    co_await leader.stop();
  });
  world.run([](Process& process) -> env::Task<void> {
    FleetLeader leader(process.core, process.directory, {});
    static_cast<void>(leader.beat(beat_of("b", 2)));
    co_await process.core.sleep_for(seconds(1));
    EXPECT_TRUE(leader.beat(beat_of("b", 2)).lanes.none());
    EXPECT_EQ(leader.beat(beat_of("a", 1, LaneSet(1))).lanes, LaneSet(1));
    co_await leader.stop();
  });
}

// A claim that its node had given up arrives at the metadata store after all: the holder's epoch is over then, though
// it need not know.
TEST(FleetLeader, AHolderThatIsNoLongerTheOwnerHasToClaimAnew) {
  Fleet world;
  world.run([](Process& process) -> env::Task<void> {
    FleetLeader leader(process.core, process.directory, {});
    EXPECT_TRUE(co_await leader.define_cell(0, {.name = "first", .lanes = 2, .open_shards_max = 100}));
    static_cast<void>(leader.beat(beat_of("a", 1)));
    co_await process.core.sleep_for(seconds(1));
    for (const std::uint32_t lane : {0U, 1U}) {
      EXPECT_EQ((co_await leader.claim({.node = "a", .address = "127.0.0.1", .port = 1, .lane = {lane}})).epoch,
                Epoch{1});
    }
    EXPECT_EQ(leader.beat(beat_of("a", 1, LaneSet(3))).lanes, LaneSet(3));
    const LaneOwner late{.node = "b", .address = "127.0.0.2", .port = 2, .epoch = {}};
    EXPECT_TRUE(co_await process.directory.claim_lane(LaneId{1}, late));
    for (int beats = 0; beats < 3; ++beats) {
      EXPECT_EQ(leader.beat(beat_of("a", 1, LaneSet(3))).lanes, LaneSet(3)) << "it may be claiming it right now";
      co_await process.core.sleep_for(seconds(1));
    }
    EXPECT_EQ(leader.beat(beat_of("a", 1, LaneSet(3))).lanes, LaneSet(1));
    EXPECT_EQ(leader.beat(beat_of("a", 1, LaneSet(1))).lanes, LaneSet(3));
    EXPECT_EQ((co_await leader.claim({.node = "a", .address = "127.0.0.1", .port = 1, .lane = {1}})).epoch, Epoch{3});
    EXPECT_EQ(leader.beat(beat_of("a", 1, LaneSet(3))).lanes, LaneSet(3));
    co_await leader.stop();
  });
}

RC_GTEST_PROP(FleetMessages, SurviveTheirEncoding, ()) {
  NodeBeat beat = beat_of("node-7", *rc::gen::nonZero<std::uint64_t>(), LaneSet(*rc::gen::arbitrary<std::uint64_t>()));
  beat.shards = *rc::gen::arbitrary<std::uint64_t>();
  beat.map_version = *rc::gen::arbitrary<std::uint64_t>();
  const auto decoded = decode_beat(encode(beat));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT((decoded->held == beat.held && decoded->boot == beat.boot && decoded->shards == beat.shards));
  RC_ASSERT((decoded->map_version == beat.map_version && decoded->node == beat.node && decoded->port == beat.port));
}

RC_GTEST_PROP(FleetMessages, AnyBytesAreRefusedOrDecoded, (const std::string& bytes)) {
  static_cast<void>(decode_beat(bytes));
  static_cast<void>(decode_claim(bytes));
  static_cast<void>(decode_fleet_reply(bytes));
}

TEST(FleetMessages, ABeatIsOfOneSizeWhateverTheNodeHolds) {
  const NodeBeat idle = beat_of("a", 1);
  NodeBeat full = beat_of("a", ~std::uint64_t{0}, LaneSet(~std::uint64_t{0}));
  full.shards = full.stored_bytes = full.bytes_per_second = full.map_version = ~std::uint64_t{0};
  EXPECT_EQ(encode(idle).size(), encode(full).size());
}

}  // namespace
}  // namespace weir::directory::test
