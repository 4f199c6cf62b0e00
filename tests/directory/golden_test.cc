// What version 1 writes: messages between the processes, maps on the wire and on disk, records in the metadata store.
#include "tests/support/golden.h"

#include "directory/command_codec.h"
#include "directory/fleet/fleet_messages.h"
#include "directory/fleet/fleet_status.h"
#include "directory/map/follow_codec.h"
#include "directory/map/map_codec.h"
#include "directory/map/shard_map_builder.h"
#include "directory/rates/rate_messages.h"
#include "directory/stored_state.h"
#include "gtest/gtest.h"

namespace weir::directory {
namespace {

const env::Endpoint endpoint{.address = "10.0.0.7", .port = 4570};
const WallTime some_time = wall_time_ms(1'767'225'600'123);

template <class T, class Decode>
auto rewrite_by(Decode decode) {
  return [decode](const std::string& bytes) {
    const Result<T> read = decode(bytes);
    return read ? encode(*read) : "error: " + read.error().message;
  };
}

std::shared_ptr<Stream> some_stream() {
  auto stream = std::make_shared<Stream>();
  stream->id = StreamId{7};
  stream->scope = {"123456789012", "us-east-1"};
  stream->name = "orders";
  stream->status = StreamStatus::updating;
  stream->mode = StreamMode::on_demand;
  stream->created = some_time;
  stream->retention_hours = 48;
  stream->record_bytes_max = 2 * mebibyte;
  stream->tags = {{"team", "blue"}};
  const HashKey last = HashKey::max();
  const HashKey middle{last.value >> 1U};
  const HashKey above{middle.value + 1};
  stream->shards.push_back({.index = ShardIndex{0},
                            .first_hash = {},
                            .last_hash = last,
                            .children = {ShardIndex{1}, ShardIndex{2}},
                            .created = some_time,
                            .closed = some_time + seconds(5),
                            .lane = LaneId{65}});
  stream->shards.push_back({.index = ShardIndex{1},
                            .first_hash = {},
                            .last_hash = middle,
                            .parent = ShardIndex{0},
                            .created = some_time,
                            .lane = LaneId{66}});
  stream->shards.push_back({.index = ShardIndex{2},
                            .first_hash = above,
                            .last_hash = last,
                            .parent = ShardIndex{0},
                            .created = some_time,
                            .lane = LaneId{67}});
  stream->open_by_hash = {1, 2};
  return stream;
}

ShardMapPointer some_map() {
  ShardMapBuilder builder;
  builder.put(some_stream());
  builder.set_owner(LaneId{66}, LaneOwner{.node = "node-7", .address = "10.0.0.7", .port = 4570, .epoch = Epoch{9}});
  return builder.build(17);
}

FleetStatus status_of_all_fields() {
  FleetStatus status{.directory = "directory-0",
                     .leads = true,
                     .leader = "directory-0",
                     .leader_endpoint = "10.0.0.1:4570",
                     .term = 3,
                     .map_version = 17};
  status.report = {.version = "0.1.0",
                   .protocol = 1,
                   .ready = true,
                   .readiness = "old",
                   .resources = {{.name = "threads", .used = 5, .limit = 100}}};
  status.cells = {{.number = 1,
                   .name = "first",
                   .lanes = 8,
                   .lanes_without_owner = LaneSet(1),
                   .open_shards = 10,
                   .open_shards_max = 20,
                   .closed = true,
                   .deaths_capped = true}};
  status.nodes = {{.name = "node-7",
                   .cell = 1,
                   .endpoint = "10.0.0.7:4570",
                   .state = NodeState::dead,
                   .draining = true,
                   .held = LaneSet(3),
                   .target = LaneSet(1),
                   .shards = 5,
                   .stored_bytes = 6,
                   .bytes_per_second = 7,
                   .heard_ago = milliseconds(8),
                   .map_version = 9,
                   .not_writing = LaneSet(2),
                   .trouble = 3}};
  status.followers = {{.kind = FollowerKind::node,
                       .name = "node-7",
                       .slice = "cell/1",
                       .map_version = 16,
                       .seen_ago = milliseconds(400),
                       .report = status.report}};
  return status;
}

TEST(Golden, MessagesOfNodesAndOperatorsAreRead) {
  test::GoldenFile golden(WEIR_GOLDEN_DIRECTORY "/fleet-1.txt");
  const NodeBeat beat{.node = "node-7",
                      .cell = 1,
                      .address = "10.0.0.7",
                      .port = 4570,
                      .boot = 42,
                      .held = LaneSet(0b110),
                      .shards = 20,
                      .bytes_per_second = 1'000,
                      .stored_bytes = 5'000'000,
                      .map_version = 17,
                      .not_writing = LaneSet(0b10),
                      .trouble = 3};
  golden.check("beat", encode(beat), rewrite_by<NodeBeat>(decode_beat));
  golden.check("claim", encode(LaneClaim{.node = "node-7", .address = "10.0.0.7", .port = 4570, .lane = LaneId{66}}),
               rewrite_by<LaneClaim>(decode_claim));
  const CellDefinition cell{.cell = 1,
                            .state = {.name = "first", .lanes = 8, .open_shards_max = 20'000, .closed = true}};
  golden.check("cell_definition", encode(cell), rewrite_by<CellDefinition>(decode_cell_definition));
  golden.check("drain", encode(Drain{.node = "node-7", .draining = true}), rewrite_by<Drain>(decode_drain));
  golden.check("lane_move", encode(LaneMove{.lane = LaneId{66}, .node = "node-7"}),
               rewrite_by<LaneMove>(decode_lane_move));
  golden.check("forget", encode(Forget{.node = "node-7"}), rewrite_by<Forget>(decode_forget));
  const FleetReply done{
      .outcome = FleetOutcome::done, .leader = {}, .reason = {}, .lanes = LaneSet(0b110), .epoch = Epoch{9}};
  const FleetReply not_leader{
      .outcome = FleetOutcome::not_leader, .leader = endpoint, .reason = {}, .lanes = {}, .epoch = {}};
  const FleetReply refused{
      .outcome = FleetOutcome::refused, .leader = {}, .reason = "no such cell", .lanes = {}, .epoch = {}};
  golden.check("reply_done", encode(done), rewrite_by<FleetReply>(decode_fleet_reply));
  golden.check("reply_not_leader", encode(not_leader), rewrite_by<FleetReply>(decode_fleet_reply));
  golden.check("reply_refused", encode(refused), rewrite_by<FleetReply>(decode_fleet_reply));
  golden.check("status", encode(status_of_all_fields()), rewrite_by<FleetStatus>(decode_fleet_status));
  golden.check_all_seen();
}

TEST(Golden, RequestsToFollowAndMapsAreRead) {
  test::GoldenFile golden(WEIR_GOLDEN_DIRECTORY "/map-1.txt");
  FollowRequest front_end{.name = "frontend-0",
                          .kind = FollowerKind::front_end,
                          .slice = MapSlice::of_fleet("default"),
                          .held = MapId{.term = 3, .version = 17},
                          .wait = milliseconds(9'000),
                          .snapshot_only = true};
  front_end.report = {.version = "0.1.0", .protocol = 1, .ready = true, .readiness = "old", .resources = {}};
  golden.check("follow_front_end", encode(front_end), rewrite_by<FollowRequest>(decode_follow_request));
  const FollowRequest node{.name = "node-7", .kind = FollowerKind::node, .slice = MapSlice::of_cell(1)};
  golden.check("follow_node", encode(node), rewrite_by<FollowRequest>(decode_follow_request));
  const FollowRequest directory{.name = "directory-1", .kind = FollowerKind::directory};
  golden.check("follow_directory", encode(directory), rewrite_by<FollowRequest>(decode_follow_request));
  golden.check("follow_answer",
               encode_follow_answer(MapId{.term = 3, .version = 17}, milliseconds(5), FollowBody::snapshot, "a map"),
               [](const std::string& bytes) {
                 const auto answer = decode_follow_answer(bytes);
                 return answer
                            ? encode_follow_answer(answer->newest, answer->age, FollowBody::snapshot, answer->snapshot)
                            : answer.error().message;
               });
  const MapSlice all;
  const ShardMapPointer map = some_map();
  golden.check(
      "map", encode_map(*map, all).value_or(""),
      [&](const std::string& bytes) {
        const auto read = decode_map(bytes, all);
        if (!read) return read.error().message;
        EXPECT_TRUE(same_content(**read, *map));
        return encode_map(**read, all).value_or("");
      },
      false);
  const ShardMapPointer empty = ShardMapBuilder().build(16);
  golden.check(
      "delta", encode_delta(difference(*empty, *map), all),
      [&](const std::string& bytes) {
        const auto read = decode_delta(bytes, all);
        return read ? encode_delta(*read, all) : read.error().message;
      },
      false);
  golden.check_all_seen();
}

TEST(Golden, CommandsAndTheirAnswersAreRead) {
  test::GoldenFile golden(WEIR_GOLDEN_DIRECTORY "/command-1.txt");
  const StreamScope scope{"123456789012", "us-east-1"};
  const auto check = [&](const std::string& name, auto command) {
    const StreamCommand whole{.scope = scope, .name = "orders", .command = std::move(command)};
    golden.check(name, encode(whole), rewrite_by<StreamCommand>(decode_command));
  };
  check("create", CreateStreamCommand{.scope = scope,
                                      .name = "orders",
                                      .mode = StreamMode::on_demand,
                                      .shard_count = 4,
                                      .record_bytes_max = 2'000'000,
                                      .tags = {{"team", "blue"}}});
  check("delete", DeleteStreamCommand{});
  check("split", SplitShardCommand{.shard = ShardIndex{3}, .key = HashKey{12}});
  check("merge", MergeShardsCommand{.shard = ShardIndex{3}, .adjacent = ShardIndex{4}});
  check("retention", SetRetentionCommand{.hours = 48, .increase = true});
  check("add_tags", AddTagsCommand{.tags = {{"team", "blue"}}});
  check("remove_tags", RemoveTagsCommand{.keys = {"team"}});
  const auto answer = [&](const std::string& name, CommandAnswer value) {
    golden.check(name, encode(value), rewrite_by<CommandAnswer>(decode_command_answer));
  };
  const RatesAsk ask{
      .process = "frontend-0",
      .fleet = "default",
      .subjects = {{.subject = "123456789012/DescribeStream", .calls_per_second = 10, .wanted = 5, .spent = 2}}};
  golden.check("rates_ask", encode(ask), rewrite_by<RatesAsk>(decode_rates_ask));
  const RatesAnswer granted{.is_leader = true,
                            .leader = {},
                            .front_ends = 3,
                            .began_lately = false,
                            .grants = {{.granted = 4, .refuse_for = microseconds(700), .by_share = true}}};
  golden.check("rates_answer", encode(granted), [&](const std::string& bytes) {
    const auto read = decode_rates_answer(bytes, ask.subjects);
    return read ? encode(*read) : "error: " + read.error().message;
  });
  answer("answer_done", CommandDone{.map_version = 17});
  answer("answer_not_leader", NotLeader{.leader = endpoint});
  answer("answer_refused", DirectoryRefusal{.kind = RefusalKind::bad_split_key,
                                            .status = StreamStatus::updating,
                                            .shard = ShardIndex{3},
                                            .other_shard = ShardIndex{4},
                                            .first_hash = HashKey{12},
                                            .last_hash = HashKey{34},
                                            .current = 5,
                                            .limit = 6,
                                            .additional = 7,
                                            .reason = "so"});
  golden.check_all_seen();
}

TEST(Golden, RecordsOfTheMetadataStoreAreRead) {
  test::GoldenFile golden(WEIR_GOLDEN_DIRECTORY "/records-1.txt");
  StreamState stream{.stream = some_stream(),
                     .next_shard = 3,
                     .pending = PendingChange{
                         .due = some_time, .duration = milliseconds(500), .change = RetentionChange{.hours = 24}}};
  LaneState lane{.epoch = Epoch{9},
                 .owner = LaneOwner{.node = "node-7", .address = "10.0.0.7", .port = 4570, .epoch = Epoch{9}}};
  TokenKey key{};
  key.fill(std::byte{7});
  std::vector<metastore::Write> writes = initial_writes(128, key);
  for (metastore::Write& write : stream_writes(StreamId{7}, nullptr, &stream)) writes.push_back(std::move(write));
  writes.push_back(lane_write(LaneId{66}, lane));
  writes.push_back(cell_write(1, CellState{.name = "first", .lanes = 8, .open_shards_max = 20'000, .closed = true}));
  writes.push_back(counter_write(8));
  std::map<std::string, std::string> today;  // the last write of a key counts
  for (const metastore::Write& write : writes) today[write.key] = write.value.value_or("");
  metastore::Snapshot stored;
  for (const auto& [name, value] : today) {
    golden.check(name, value, [&](const std::string& bytes) {
      if (stored.entries.empty() || stored.entries.back().key != name) stored.entries.push_back({name, bytes, 1});
      return value;
    });
  }
  const auto state = decode_state(stored);
  ASSERT_TRUE(state.has_value()) << state.error().message;
  EXPECT_EQ(state->token_key, key);
  EXPECT_EQ(state->next_stream.next, 8U);
  ASSERT_EQ(state->lanes.size(), 128U);
  EXPECT_EQ(state->lanes[66].epoch, lane.epoch);
  EXPECT_EQ(state->lanes[66].owner, lane.owner);
  EXPECT_EQ(state->cells.at(1).name, "first");
  EXPECT_EQ(state->cells.at(1).lanes, 8U);
  EXPECT_EQ(state->cells.at(1).open_shards_max, 20'000U);
  EXPECT_TRUE(state->cells.at(1).closed);
  const StreamState& read = state->streams.at(StreamId{7});
  EXPECT_EQ(*read.stream, *stream.stream);
  EXPECT_EQ(read.pending, stream.pending);
  EXPECT_EQ(read.next_shard, 3U);
  golden.check_all_seen();
}

}  // namespace
}  // namespace weir::directory
