// What each role says on /readyz on a bad day.
#include "cli/roles/readiness.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::cli {
namespace {

using cell::LaneReport;
using cell::LaneTrouble;
using directory::FollowState;
using frontend::Readiness;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const env::Endpoint asked{.address = "10.0.0.1", .port = 4570};

directory::FollowerStatus following() {
  return {.state = FollowState::following,
          .held = directory::MapId{.term = 2, .version = 17},
          .age = seconds(1),
          .directory = asked,
          .last_error = {}};
}

directory::FollowerStatus without_map(std::string error) {
  return {.state = FollowState::no_map,
          .held = std::nullopt,
          .age = {},
          .directory = asked,
          .last_error = std::move(error)};
}

NodeSituation node_with(std::vector<LaneReport> lanes) {
  NodeSituation situation{.node = "node-7", .cell = 3, .map = following(), .status = {}, .lanes = std::move(lanes)};
  for (std::size_t i = 0; i < situation.lanes.size(); ++i) situation.status.lanes_held |= std::uint64_t{1} << i;
  return situation;
}

TEST(FrontEndReadiness, AllWellIsReadyAndNothingElse) {
  const Readiness readiness = readiness_of_front_end({.map = following(), .missing = {}});
  EXPECT_TRUE(readiness.ready);
  EXPECT_EQ(readiness.text(), "ready\n");
}

TEST(FrontEndReadiness, WithoutAMapItSaysWhomItAskedAndWhatCameOfIt) {
  const Readiness readiness = readiness_of_front_end({.map = without_map("connection refused"), .missing = {}});
  EXPECT_FALSE(readiness.ready);
  EXPECT_EQ(readiness.cause, "no_map");
  EXPECT_EQ(readiness.text(),
            "not ready: no shard map yet; asked the directory at 10.0.0.1:4570: connection refused\n");
}

TEST(FrontEndReadiness, WhatIsMissingBesidesTheMapIsNamed) {
  const Readiness readiness = readiness_of_front_end({.map = following(), .missing = "no secrets yet"});
  EXPECT_FALSE(readiness.ready);
  EXPECT_EQ(readiness.text(), "not ready: no secrets yet\n");
}

TEST(FrontEndReadiness, AccessKeysThatCannotBeUsedAreToldOf) {
  const Readiness readiness =
      readiness_of_front_end({.map = following(), .credentials = "2 access keys of the shard map cannot be used"});
  EXPECT_TRUE(readiness.ready);
  EXPECT_EQ(readiness.cause, "credentials");
  EXPECT_EQ(readiness.text(), "ready: 2 access keys of the shard map cannot be used\n");
}

TEST(FrontEndReadiness, AnOldMapIsServedAndSaidToBeOld) {
  directory::FollowerStatus alone = following();
  alone.state = FollowState::alone;
  alone.age = seconds(95);
  alone.last_error = "connection refused";
  const Readiness readiness = readiness_of_front_end({.map = alone, .missing = {}});
  EXPECT_TRUE(readiness.ready);
  EXPECT_EQ(readiness.cause, "map_old");
  EXPECT_EQ(readiness.text(),
            "ready: no directory gives a map; serves with shard map 17 of term 2, 95 s old; asked the "
            "directory at 10.0.0.1:4570: connection refused\n");
}

TEST(FrontEndReadiness, ASavedMapIsServedAndSaidToBeUnconfirmed) {
  directory::FollowerStatus saved = following();
  saved.state = FollowState::saved_map;
  saved.age = seconds(3);
  const Readiness readiness = readiness_of_front_end({.map = saved, .missing = {}});
  EXPECT_TRUE(readiness.ready);
  EXPECT_THAT(readiness.reason, HasSubstr("serves the saved shard map 17 of term 2, 3 s old"));
}

TEST(FrontEndReadiness, DirectoriesOutOfTouchWithTheirLeaderAreToldOf) {
  directory::FollowerStatus old = following();
  old.age = map_old_after;
  EXPECT_THAT(readiness_of_front_end({.map = old, .missing = {}}).reason, HasSubstr("out of touch with their leader"));
  old.age = map_old_after - seconds(1);
  EXPECT_EQ(readiness_of_front_end({.map = old, .missing = {}}).reason, "");
}

TEST(NodeReadiness, ALaneThatCannotWriteIsNamedWithItsCause) {
  const Readiness readiness = readiness_of_node(
      node_with({{.lane = LaneId{192}},
                 {.lane = LaneId{193}, .trouble = LaneTrouble::silent, .reason = "no answer for 4 s"},
                 {.lane = LaneId{194}, .trouble = LaneTrouble::full, .reason = "12 bytes are free on the disk"}}));
  EXPECT_FALSE(readiness.ready);
  EXPECT_EQ(readiness.cause, "lane_cannot_write");
  EXPECT_EQ(readiness.text(),
            "not ready: 2 of 3 lanes cannot write; lane 193 waits for the engine: no answer for 4 s\n"
            "  lane 193 waits for the engine: no answer for 4 s\n"
            "  lane 194 has no space: 12 bytes are free on the disk\n");
}

TEST(NodeReadiness, AFencedLaneAndAFailedWriteAreNamed) {
  EXPECT_THAT(readiness_of_node(node_with({{.lane = LaneId{5}, .trouble = LaneTrouble::fenced, .reason = {}}})).reason,
              HasSubstr("lane 5 has another owner"));
  EXPECT_THAT(
      readiness_of_node(node_with({{.lane = LaneId{5}, .trouble = LaneTrouble::recovering, .reason = "write: EIO"}}))
          .reason,
      HasSubstr("lane 5 recovers from a failed write: write: EIO"));
}

TEST(NodeReadiness, ALaneWithoutSpaceServesReadsAndKeepsTheNodeReady) {
  const Readiness readiness =
      readiness_of_node(node_with({{.lane = LaneId{1}, .trouble = LaneTrouble::full, .reason = "0 bytes are free"}}));
  EXPECT_TRUE(readiness.ready);
  EXPECT_EQ(readiness.cause, "lane_full");
  EXPECT_THAT(readiness.reason, HasSubstr("lane 1 has no space: 0 bytes are free"));
}

TEST(NodeReadiness, WithoutALaneItSaysWhy) {
  NodeSituation idle = node_with({});
  EXPECT_THAT(readiness_of_node(idle).reason, HasSubstr("the directory gives node node-7 of cell 3 none"));
  idle.orders_error = "node node-7 has no place in cell 3: no such cell";
  idle.orders_silence = seconds(9);
  EXPECT_THAT(readiness_of_node(idle).reason,
              HasSubstr("no order from the directory for 9 s: node node-7 has no place"));
  idle.status.lanes_changing = 1;
  EXPECT_THAT(readiness_of_node(idle).reason, HasSubstr("no lane yet"));
  EXPECT_FALSE(readiness_of_node(idle).ready);
  idle.map = without_map("timeout");
  EXPECT_EQ(readiness_of_node(idle).cause, "no_map");
}

TEST(NodeReadiness, WithoutOrdersItGoesOnAndSaysSo) {
  NodeSituation situation = node_with({{.lane = LaneId{192}}});
  situation.orders_error = "connection refused";
  situation.orders_silence = seconds(12);
  const Readiness readiness = readiness_of_node(situation);
  EXPECT_TRUE(readiness.ready);
  EXPECT_EQ(readiness.text(),
            "ready: no order from the directory for 12 s, goes on with its 1 lanes: connection refused\n");
  situation.orders_silence = seconds(2);
  EXPECT_EQ(readiness_of_node(situation).text(), "ready\n");
}

DirectorySituation follower_of(std::string leader) {
  return {.directory = "directory-1",
          .map = directory::MapId{.term = 2, .version = 17},
          .leads = false,
          .leader = directory::LeaderView{.name = std::move(leader), .endpoint = asked, .term = 2},
          .etcd = "10.0.0.9:2379",
          .etcd_error = {},
          .follows = following()};
}

TEST(DirectoryReadiness, WithoutEtcdItServesItsMapAndNamesEtcd) {
  DirectorySituation situation = follower_of("directory-0");
  EXPECT_EQ(readiness_of_directory(situation).text(), "ready\n");
  situation.etcd_error = "connection refused";
  situation.leader.reset();
  const Readiness readiness = readiness_of_directory(situation);
  EXPECT_TRUE(readiness.ready);
  EXPECT_EQ(readiness.text(),
            "ready: etcd at 10.0.0.9:2379 does not answer; serves shard map 17 of term 2, changes "
            "nothing: connection refused\n");
  situation.map.reset();
  EXPECT_FALSE(readiness_of_directory(situation).ready);
  EXPECT_THAT(readiness_of_directory(situation).reason, HasSubstr("no shard map yet: connection refused"));
}

TEST(DirectoryReadiness, WithoutALeaderItServesItsMapAndSaysSo) {
  DirectorySituation situation = follower_of("directory-0");
  situation.leader.reset();
  EXPECT_TRUE(readiness_of_directory(situation).ready);
  EXPECT_EQ(readiness_of_directory(situation).cause, "no_leader");
  situation.map.reset();
  EXPECT_FALSE(readiness_of_directory(situation).ready);
}

TEST(DirectoryReadiness, ALeaderThatDoesNotConfirmTheMapIsNamed) {
  DirectorySituation situation = follower_of("directory-0");
  situation.follows.age = seconds(40);
  situation.follows.last_error = "timeout";
  EXPECT_TRUE(readiness_of_directory(situation).ready);
  EXPECT_THAT(readiness_of_directory(situation).reason,
              AllOf(HasSubstr("the leader directory-0 has not confirmed shard map 17 of term 2 for 40 s"),
                    HasSubstr("timeout")));
  situation.leads = true;
  EXPECT_EQ(readiness_of_directory(situation).text(), "ready\n");
}

TEST(ServerReadiness, EveryLaneCounts) {
  EXPECT_TRUE(readiness_of_server({{.lane = LaneId{0}}, {.lane = LaneId{1}}}).ready);
  EXPECT_FALSE(
      readiness_of_server({{.lane = LaneId{0}}, {.lane = LaneId{1}, .trouble = LaneTrouble::recovering}}).ready);
}

}  // namespace
}  // namespace weir::cli
