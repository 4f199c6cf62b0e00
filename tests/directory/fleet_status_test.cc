#include "directory/fleet/fleet_status.h"

#include "gtest/gtest.h"

namespace weir::directory {
namespace {

ProcessReport report_of(std::string version) {
  return {.version = std::move(version),
          .protocol = 1,
          .ready = true,
          .readiness = "the map is old",
          .resources = {{.name = "threads", .used = 5, .limit = 100}}};
}

FleetStatus whole() {
  return {.directory = "directory-0",
          .leads = true,
          .leader = "directory-0",
          .leader_endpoint = "10.0.0.1:4570",
          .term = 3,
          .map_version = 17,
          .report = report_of("0.1.0"),
          .cells = {{.number = 2,
                     .name = "second",
                     .lanes = 8,
                     .lanes_without_owner = LaneSet(0b101),
                     .open_shards = 10,
                     .open_shards_max = 20,
                     .closed = true,
                     .deaths_capped = true}},
          .nodes = {{.name = "node-7",
                     .cell = 2,
                     .endpoint = "10.0.0.7:4570",
                     .state = NodeState::dead,
                     .draining = true,
                     .held = LaneSet(0b11),
                     .target = LaneSet(0b1),
                     .shards = 5,
                     .stored_bytes = 6,
                     .bytes_per_second = 7,
                     .heard_ago = milliseconds(8),
                     .map_version = 9,
                     .not_writing = LaneSet(0b10),
                     .trouble = 3}},
          .followers = {{.kind = FollowerKind::node,
                         .name = "node-7",
                         .slice = "cell/2",
                         .map_version = 16,
                         .seen_ago = milliseconds(400),
                         .report = report_of("0.2.0")}}};
}

TEST(FleetStatus, ComesOutAsItWentIn) {
  const FleetStatus status = whole();
  const auto read = decode_fleet_status(encode(status));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, status);
  EXPECT_EQ(decode_fleet_status("\xff\xff").error().code, ErrorCode::corrupt);
}

TEST(FleetStatus, WhatADirectoryDoesNotSayHasADefault) {
  const auto read = decode_fleet_status("");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, FleetStatus{});
}

TEST(FleetStatus, TogetherTheLeaderKnowsTheNodesAndEachItsFollowers) {
  FleetStatus leader = whole();
  FleetStatus other{.directory = "directory-1", .leads = false, .leader = "directory-0", .map_version = 16};
  other.followers = {{.kind = FollowerKind::front_end, .name = "frontend-1", .slice = "fleet/default"},
                     {.kind = FollowerKind::node, .name = "node-7", .seen_ago = milliseconds(100)}};
  const FleetStatus merged = merge({other, leader});
  EXPECT_TRUE(merged.leads);
  EXPECT_EQ(merged.nodes, leader.nodes);
  ASSERT_EQ(merged.followers.size(), 4U);  // a front end, a node, two directories
  EXPECT_EQ(merged.followers[0].name, "frontend-1");
  EXPECT_EQ(merged.followers[1].seen_ago, milliseconds(100));
  EXPECT_EQ(merged.followers[2].name, "directory-0");
  EXPECT_EQ(merged.followers[2].report, leader.report);
  EXPECT_EQ(merged.followers[3].map_version, 16U);
}

TEST(ProcessReport, IsCutToABoundedSize) {
  ProcessReport report = report_of(std::string(10'000, 'v'));
  report.readiness = std::string(10'000, 'r');
  report.resources.assign(100, {.name = std::string(1'000, 'n'), .used = ~0ULL, .limit = ~0ULL});
  const std::string bytes = encode(report);
  EXPECT_LE(bytes.size(), report_bytes_max);
  ASSERT_TRUE(decode_process_report(bytes).has_value());
  EXPECT_EQ(decode_process_report(bytes)->resources.size(), 8U);
  EXPECT_EQ(decode_process_report(std::string(report_bytes_max + 1, 0)).error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace weir::directory
