// What `weir admin status` says of a fleet on a good day and on bad ones.
#include "cli/admin/status_text.h"

#include "cell/lane/lane_report.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::cli {
namespace {

using directory::FollowerKind;
using directory::LaneSet;
using directory::NodeState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

directory::ProcessReport well() {
  return {.version = "0.1.0",
          .protocol = 1,
          .ready = true,
          .readiness = {},
          .resources = {{.name = "threads", .used = 5, .limit = 1'000},
                        {.name = "memory", .used = 3 << 20, .limit = 1 << 30}}};
}

// Two nodes of four lanes of cell 1, a front end, a directory.
StatusAnswers good_day() {
  directory::FleetStatus status{.directory = "directory-0",
                                .leads = true,
                                .leader = "directory-0",
                                .leader_endpoint = "10.0.0.1:4570",
                                .term = 3,
                                .map_version = 17,
                                .report = well()};
  status.cells = {{.number = 1, .name = "first", .lanes = 4, .open_shards = 40, .open_shards_max = 100}};
  status.nodes = {
      {.name = "node-a",
       .cell = 1,
       .endpoint = "10.0.0.7:4570",
       .held = LaneSet(0b0011),
       .target = LaneSet(0b0011),
       .shards = 20,
       .stored_bytes = 1 << 20,
       .bytes_per_second = 2'048,
       .heard_ago = milliseconds(300)},
      {.name = "node-b", .cell = 1, .endpoint = "10.0.0.8:4570", .held = LaneSet(0b1100), .target = LaneSet(0b1100)}};
  status.followers = {{.kind = FollowerKind::front_end,
                       .name = "frontend-0",
                       .slice = "fleet/default",
                       .map_version = 17,
                       .seen_ago = milliseconds(800),
                       .report = well()}};
  return {.status = std::move(status), .silent = {}};
}

TEST(AdminStatus, AGoodDayHasNoWarnings) {
  EXPECT_THAT(warnings_of(good_day()), IsEmpty());
  EXPECT_EQ(status_text(good_day()),
            "leader       directory-0 at 10.0.0.1:4570, term 3\n"
            "map version  17\n"
            "\n"
            "CELL  NAME   LANES  NODES  SHARDS  ROOM\n"
            "1     first  4      2      40      60\n"
            "\n"
            "NODE    CELL  STATE  HOLDS  SHALL HOLD  SHARDS  STORED   PER SECOND  HEARD AGO  AT\n"
            "node-a  1     alive  64-65  the same    20      1.0 MiB  2.0 KiB     0.3 s      10.0.0.7:4570\n"
            "node-b  1     alive  66-67  the same    0       0 B      0 B         0.0 s      10.0.0.8:4570\n"
            "\n"
            "PROCESS     ROLE       SLICE          MAP  SEEN AGO  VERSION            THREADS    DESCRIPTORS  MEMORY\n"
            "frontend-0  front end  fleet/default  17   0.8 s     0.1.0, protocol 1  5 of 1000  -            3.0 MiB "
            "of 1.0 GiB\n");
}

TEST(AdminStatus, SilentNodesAndTheirLanesComeFirst) {
  StatusAnswers answers = good_day();
  answers.status.nodes[0].state = NodeState::unknown;
  answers.status.nodes[0].heard_ago = milliseconds(2'500);
  answers.status.cells[0].lanes_without_owner = LaneSet(0b0011);
  answers.status.cells[0].deaths_capped = true;
  EXPECT_THAT(warnings_of(answers), ElementsAre("cell 1: no node that answers holds lane 64-65",
                                                HasSubstr("more nodes are silent than may be declared dead"),
                                                "node node-a of cell 1 is silent: not heard for 2.5 s"));
  EXPECT_EQ(status_text(answers).substr(0, 9), "WARNING  ");
}

TEST(AdminStatus, ANodeThatCannotWriteIsNamedWithItsCause) {
  StatusAnswers answers = good_day();
  answers.status.nodes[1].not_writing = LaneSet(0b1100);
  answers.status.nodes[1].trouble = static_cast<std::uint32_t>(cell::LaneTrouble::silent);
  EXPECT_THAT(warnings_of(answers), ElementsAre("node node-b of cell 1 cannot write lane 66-67: waits for the engine"));
}

TEST(AdminStatus, DrainingNodesSayWhatIsLeft) {
  StatusAnswers answers = good_day();
  answers.status.nodes[1].draining = true;
  EXPECT_THAT(warnings_of(answers), ElementsAre("node node-b drains: 2 lanes left"));
  answers.status.nodes[1].held.reset();
  EXPECT_THAT(warnings_of(answers), ElementsAre("node node-b has drained: it may be stopped"));
}

TEST(AdminStatus, ACellThatIsAlmostFullIsNamed) {
  StatusAnswers answers = good_day();
  answers.status.cells[0].open_shards = 89;
  EXPECT_THAT(warnings_of(answers), IsEmpty());
  answers.status.cells[0].open_shards = 90;
  EXPECT_THAT(warnings_of(answers), ElementsAre("cell 1: has 90 of at most 100 shards"));
}

TEST(AdminStatus, AProcessBehindOrGoneOrCloseToALimitIsNamed) {
  StatusAnswers answers = good_day();
  auto& front_end = answers.status.followers[0];
  front_end.map_version = 16;  // on its way
  EXPECT_THAT(warnings_of(answers), IsEmpty());
  front_end.map_version = 15;
  EXPECT_THAT(warnings_of(answers), ElementsAre("front end frontend-0 has map 15, the newest is 17"));
  front_end.map_version = 17;
  front_end.report.ready = false;
  front_end.report.readiness = "no secrets yet";
  front_end.report.resources[0].used = 800;
  EXPECT_THAT(warnings_of(answers), ElementsAre("front end frontend-0 is not ready: no secrets yet",
                                                "front end frontend-0 uses 800 of 1000 threads"));
  front_end.seen_ago = seconds(40);
  EXPECT_THAT(warnings_of(answers), ElementsAre("front end frontend-0 has not asked for the map for 40 s"));
}

TEST(AdminStatus, WithoutALeaderItSaysSo) {
  StatusAnswers answers = good_day();
  answers.status.leads = false;
  answers.status.cells.clear();
  answers.status.nodes.clear();
  EXPECT_THAT(warnings_of(answers), ElementsAre(HasSubstr("the leader directory-0 at 10.0.0.1:4570 was not asked")));
  answers.status.leader.clear();
  answers.silent = {"asking the directory at 10.0.0.2:4570: refused"};
  EXPECT_THAT(warnings_of(answers),
              ElementsAre(HasSubstr("no directory leads"), "asking the directory at 10.0.0.2:4570: refused"));
}

TEST(AdminStatus, IsAlsoOneJsonObject) {
  const std::string json = status_json(good_day());
  EXPECT_EQ(json.front(), '{');
  EXPECT_EQ(json.substr(json.size() - 2), "}\n");
  EXPECT_THAT(json, HasSubstr(R"("warnings":[])"));
  EXPECT_THAT(json, HasSubstr(R"("nodes":[{"node":"node-a","cell":1,"endpoint":"10.0.0.7:4570","state":"alive")"));
  EXPECT_THAT(json, HasSubstr(R"("holds":[64,65],"shall_hold":[64,65])"));
  EXPECT_THAT(json, HasSubstr(R"({"resource":"threads","used":5,"limit":1000})"));
}

}  // namespace
}  // namespace weir::cli
