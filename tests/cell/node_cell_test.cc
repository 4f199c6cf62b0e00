// The lanes of a node come and go while it serves.
#include "cell/node/node_cell.h"

#include <functional>
#include <set>

#include "gtest/gtest.h"
#include "tests/cell/lane_test_support.h"
#include "tests/support/simulation_test.h"

namespace weir::cell {
namespace {

constexpr std::uint32_t cores = 2;
constexpr std::uint32_t cell_number = 3;

LaneId lane_number(std::uint32_t index) { return LaneId{cell_number * lanes_max + index}; }
ShardKey shard_number(std::uint32_t index) { return {StreamId{1}, ShardIndex{index}}; }

// `shards` shards that go round the cell's first four lanes, beginning with lane 0.
directory::ShardMapPointer map_of(std::uint64_t version, std::uint32_t shards,
                                  std::optional<directory::LaneOwner> owner_of_first = std::nullopt) {
  auto stream = std::make_shared<directory::Stream>();
  stream->id = StreamId{1};
  stream->scope = {"000000000000", "us-east-1"};
  stream->name = "stream";
  for (std::uint32_t i = 0; i < shards; ++i) {
    stream->shards.push_back({.index = ShardIndex{i}, .lane = lane_number(i % 4)});
  }
  directory::ShardMapBuilder builder;
  builder.put(std::move(stream));
  builder.set_owner(lane_number(0), owner_of_first);
  return builder.build(version);
}

// A node, the metadata store that its lanes are claimed in, and what it was told.
struct Node {
  explicit Node(std::initializer_list<std::pair<std::string_view, std::string_view>> values = {}) {
    must(registry.set("limits.enforce_rates", "false"));
    for (const auto& [name, value] : values) must(registry.set(name, value));
  }
  void open(env::Simulation& simulation) {
    cell = std::make_unique<NodeCell>(
        simulation, simulation.core(0),
        LaneAccess{.claim_epoch = [this, &simulation](LaneId) { return claim(simulation.core(0)); },
                   .open_store = open_store},
        CellContext{settings, journal_settings, metrics, journal_metrics},
        NodeCellOptions{.cell = cell_number,
                        .maps_name_owners = maps_name_owners,
                        .on_fenced = [this](LaneId lane, Epoch) { fenced.push_back(lane); }});
  }
  env::Task<Result<Epoch>> claim(env::Core& core) {
    co_await core.sleep_for(claim_duration);
    co_return Epoch{++epoch};
  }

  SettingsRegistry registry;
  MetricsRegistry metrics_registry;
  CellSettings settings{registry};
  journal::JournalSettings journal_settings{registry};
  CellMetrics metrics{metrics_registry, lanes_max};
  journal::JournalMetrics journal_metrics{metrics_registry};
  OpenStore open_store = open_file_stores("data", 8);
  std::uint64_t epoch = 0;
  bool maps_name_owners = false;
  Duration claim_duration = milliseconds(1);
  std::vector<LaneId> fenced;
  std::unique_ptr<NodeCell> cell;
};

void run_node(std::uint64_t seed, std::function<env::Task<int>(env::Simulation&)> main) {
  env::Simulation simulation({.seed = seed, .cores = cores});
  const auto outcome = simulation.run_to_outcome([&] { return main(simulation); });
  EXPECT_EQ(outcome, env::Outcome::finished) << simulation.report();
}

env::Task<AppendReply> put(env::Core& caller, NodeCell& cell, std::uint32_t shard, std::string text) {
  auto replies = co_await cell.append(caller, lane_number(shard % 4),
                                      one_request(make_fragment(shard_number(shard), std::move(text))));
  WEIR_ASSERT(replies.size() == 1);
  co_return std::move(replies.front());
}

env::Task<std::vector<std::string>> read_texts(env::Core& caller, NodeCell& cell, std::uint32_t shard) {
  std::vector<SeenRecord> seen;
  RecordIndex from;
  for (;;) {
    const ReadReply reply =
        co_await cell.read(caller, lane_number(shard % 4),
                           {.shard = shard_number(shard), .from = from, .records_max = 1'000, .bytes_max = mebibyte});
    EXPECT_EQ(reply.refusal, Refusal::none) << reply.reason;
    add_records_of(reply.result, seen);
    if (reply.refusal != Refusal::none || reply.result.reached_end) co_return data_of(seen);
    from = reply.result.next;
  }
}

TEST(NodeCell, ALaneServesFromItsTakingToItsGivingUp) {
  run_node(1, [](env::Simulation& simulation) -> env::Task<int> {
    Node node;
    node.open(simulation);
    env::Core& home = simulation.core(0);
    co_await node.cell->apply(map_of(1, 4));
    EXPECT_EQ((co_await put(home, *node.cell, 1, "early")).refusal, Refusal::not_mine);
    must(co_await node.cell->take(lane_number(1)));
    EXPECT_TRUE(home.is_current());
    EXPECT_EQ((co_await put(home, *node.cell, 1, "one")).refusal, Refusal::none);
    EXPECT_EQ(node.cell->status().lanes_held, 2U);
    EXPECT_EQ(node.cell->status().shards, 1U);
    EXPECT_EQ((co_await node.cell->take(lane_number(1))).error().code, ErrorCode::already_exists);
    EXPECT_EQ((co_await node.cell->take(LaneId{1})).error().code, ErrorCode::invalid_argument);
    co_await node.cell->give_up(lane_number(1));
    EXPECT_EQ(node.cell->status().lanes_held, 0U);
    EXPECT_EQ((co_await put(home, *node.cell, 1, "late")).refusal, Refusal::not_mine);
    must(co_await node.cell->take(lane_number(1)));
    EXPECT_EQ((co_await put(home, *node.cell, 1, "two")).refusal, Refusal::none);
    EXPECT_EQ(co_await read_texts(home, *node.cell, 1), (std::vector<std::string>{"one", "two"}));
    co_await node.cell->stop();
    EXPECT_EQ((co_await put(home, *node.cell, 1, "x")).refusal, Refusal::unavailable);
    co_return 0;
  });
}

TEST(NodeCell, ReportsEveryLaneItHolds) {
  run_node(1, [](env::Simulation& simulation) -> env::Task<int> {
    Node node;
    node.open(simulation);
    EXPECT_TRUE((co_await node.cell->reports()).empty());
    for (const std::uint32_t i : {2U, 0U, 1U}) must(co_await node.cell->take(lane_number(i)));
    const std::vector<LaneReport> reports = co_await node.cell->reports();
    EXPECT_TRUE(simulation.core(0).is_current());
    EXPECT_EQ(reports.size(), 3U);
    for (std::uint32_t i = 0; i < reports.size(); ++i) {
      EXPECT_EQ(reports[i].lane, lane_number(i));
      EXPECT_EQ(reports[i].trouble, LaneTrouble::none);
    }
    co_await node.cell->stop();
    EXPECT_TRUE((co_await node.cell->reports()).empty());
    co_return 0;
  });
}

// Puts numbered records until told to stop; remembers those acknowledged.
env::Task<void> keep_putting(env::Core& caller, env::Core& home, NodeCell& cell, std::uint32_t shard, const bool& stop,
                             std::vector<std::string>& acknowledged) {
  co_await caller.enter();
  int i = 0;
  while (!stop) {
    const std::string text = std::to_string(i++);
    const AppendReply reply = co_await put(caller, cell, shard, text);
    EXPECT_TRUE(caller.is_current());
    if (reply.refusal == Refusal::none) {
      acknowledged.push_back(text);
    } else {
      EXPECT_TRUE(reply.refusal == Refusal::not_mine || reply.refusal == Refusal::unavailable) << reply.reason;
      co_await caller.sleep_for(microseconds(300));
    }
  }
  co_await home.enter();
}

TEST(NodeCell, LanesComeAndGoUnderLoadAndEveryAcknowledgedRecordStaysOnceAndInOrder) {
  test::for_each_seed(1, 30, [](std::uint64_t seed) {
    run_node(seed, [](env::Simulation& simulation) -> env::Task<int> {
      Node node;
      node.open(simulation);
      env::Core& home = simulation.core(0);
      co_await node.cell->apply(map_of(1, 4));
      bool stop = false;
      std::vector<std::vector<std::string>> acknowledged(4);
      env::TaskGroup writers(home);
      for (std::uint32_t i = 0; i < 4; ++i) {
        writers.spawn(keep_putting(simulation.core(i % cores), home, *node.cell, i, stop, acknowledged[i]));
      }
      for (std::uint64_t round = 2; round < 8; ++round) {
        for (std::uint32_t i = 0; i < 4; ++i) static_cast<void>(co_await node.cell->take(lane_number(i)));
        co_await home.sleep_for(milliseconds(5));
        co_await node.cell->apply(map_of(round, 4));
        co_await node.cell->give_up(lane_number(static_cast<std::uint32_t>(round) % 4));
        co_await node.cell->give_up(lane_number(static_cast<std::uint32_t>(round + 1) % 4));
      }
      for (std::uint32_t i = 0; i < 4; ++i) static_cast<void>(co_await node.cell->take(lane_number(i)));
      co_await home.sleep_for(milliseconds(5));
      stop = true;
      co_await writers.wait();
      for (std::uint32_t i = 0; i < 4; ++i) {
        EXPECT_GT(acknowledged[i].size(), 3U);
        EXPECT_EQ(co_await read_texts(home, *node.cell, i), acknowledged[i]);
      }
      co_await node.cell->stop();
      co_return 0;
    });
  });
}

TEST(NodeCell, ALaneThatAnotherOwnerTookLeavesByItselfAndIsReported) {
  run_node(1, [](env::Simulation& simulation) -> env::Task<int> {
    Node node;
    node.open(simulation);
    env::Core& home = simulation.core(0);
    co_await node.cell->apply(map_of(1, 4));
    must(co_await node.cell->take(lane_number(1)));
    must(co_await node.cell->take(lane_number(2)));
    EXPECT_EQ((co_await put(home, *node.cell, 1, "mine")).refusal, Refusal::none);
    // Another owner, who shares the node's files.
    auto store = must(co_await node.open_store(home, lane_number(1), Epoch{100}));
    EXPECT_NE((co_await put(home, *node.cell, 1, "too late")).refusal, Refusal::none);
    co_await wait_until(home, [&] { return !node.fenced.empty(); });
    EXPECT_EQ(node.fenced, std::vector<LaneId>{lane_number(1)});
    EXPECT_EQ(node.cell->status().lanes_held, 4U);
    EXPECT_EQ((co_await put(home, *node.cell, 1, "later")).refusal, Refusal::not_mine);
    EXPECT_EQ((co_await put(home, *node.cell, 2, "unharmed")).refusal, Refusal::none);
    EXPECT_EQ(node.metrics.lanes_fenced.value(), 1U);
    node.epoch = 100;
    must(co_await node.cell->take(lane_number(1)));
    EXPECT_EQ(co_await read_texts(home, *node.cell, 1), std::vector<std::string>{"mine"});
    co_await node.cell->stop();
    co_return 0;
  });
}

TEST(NodeCell, HoldsNoMoreLanesThanItMay) {
  run_node(1, [](env::Simulation& simulation) -> env::Task<int> {
    Node node({{"cell.lanes_held_max", "2"}});
    node.open(simulation);
    must(co_await node.cell->take(lane_number(0)));
    must(co_await node.cell->take(lane_number(1)));
    const auto third = co_await node.cell->take(lane_number(2));
    EXPECT_EQ(third.error().code, ErrorCode::limit_exceeded);
    EXPECT_NE(third.error().message.find("cell.lanes_held_max"), std::string::npos);
    EXPECT_EQ(node.metrics.lanes_refused.value(), 1U);
    co_await node.cell->give_up(lane_number(0));
    must(co_await node.cell->take(lane_number(2)));
    co_await node.cell->stop();
    co_return 0;
  });
}

TEST(NodeCell, RefusesShardsBeyondItsMaximumWithoutLosingTheirRecordsAndAdmitsThemWhenThereIsRoom) {
  run_node(1, [](env::Simulation& simulation) -> env::Task<int> {
    Node node({{"cell.shards_max", "6"}});
    node.open(simulation);
    env::Core& home = simulation.core(0);
    // Six shards with a record each; lane 0 has two of them. Then it is given up, and a lane with others comes instead.
    for (const std::uint32_t lane : {0U, 1U}) must(co_await node.cell->take(lane_number(lane)));
    co_await node.cell->apply(map_of(1, 12));
    for (const std::uint32_t shard : {0U, 1U, 4U, 5U, 8U, 9U}) {
      EXPECT_EQ((co_await put(home, *node.cell, shard, "kept")).refusal, Refusal::none);
    }
    co_await node.cell->give_up(lane_number(0));
    must(co_await node.cell->take(lane_number(2)));
    must(co_await node.cell->take(lane_number(0)));
    EXPECT_EQ(node.cell->status().shards, 6U);
    EXPECT_EQ(node.cell->status().shards_refused, 3U);
    for (const std::uint32_t shard : {0U, 4U, 8U}) {
      const AppendReply refused = co_await put(home, *node.cell, shard, "x");
      EXPECT_EQ(refused.refusal, Refusal::unavailable);
      EXPECT_NE(refused.reason.find("cell.shards_max"), std::string::npos);
      const ReadReply read = co_await node.cell->read(home, lane_number(0),
                                                      {.shard = shard_number(shard), .records_max = 1, .bytes_max = 1});
      EXPECT_EQ(read.refusal, Refusal::unavailable);
    }
    must(co_await node.cell->trim());
    co_await node.cell->give_up(lane_number(2));
    EXPECT_EQ(node.cell->status().shards_refused, 0U);
    EXPECT_EQ(co_await read_texts(home, *node.cell, 4), std::vector<std::string>{"kept"});
    // The stream shrinks, the other lane comes back: there is room now.
    co_await node.cell->apply(map_of(2, 4));
    must(co_await node.cell->take(lane_number(2)));
    EXPECT_EQ(node.cell->status().shards, 3U);
    EXPECT_EQ(node.cell->status().shards_refused, 0U);
    co_await node.cell->stop();
    co_return 0;
  });
}

struct Entered {
  Refusal refusal = Refusal::none;
  Epoch epoch;
  Epoch owner;
  Duration waited{};
};

env::Task<Entered> enter(env::Core& home, NodeCell& cell, CallHeader caller, ShardKey shard, Duration patience) {
  const MonotonicTime started = home.now();
  const auto lane = co_await cell.enter_lane(caller, {&shard, 1}, started + patience);
  Entered entered;
  if (lane.has_value()) {
    EXPECT_TRUE((*lane)->core().is_current());
    entered.epoch = (*lane)->epoch();
  } else {
    entered.refusal = lane.error().refusal;
    if (lane.error().owner.has_value()) entered.owner = lane.error().owner->epoch;
  }
  co_await home.enter();
  entered.waited = home.now() - started;
  co_return entered;
}

env::Task<void> enter_into(env::Core& home, NodeCell& cell, CallHeader caller, ShardKey shard, Duration patience,
                           std::optional<Entered>& entered) {
  entered = co_await enter(home, cell, caller, shard, patience);
}

TEST(NodeCell, WaitsForItsMapOnlyWhereThatMakesADifference) {
  run_node(1, [](env::Simulation& simulation) -> env::Task<int> {
    Node node;
    node.open(simulation);
    env::Core& home = simulation.core(0);
    co_await node.cell->apply(map_of(5, 4, directory::LaneOwner{.node = "other", .epoch = Epoch{9}}));
    must(co_await node.cell->take(lane_number(1)));
    const CallHeader newer{.lane = lane_number(1), .map_version = 7, .epoch = Epoch{1}};
    // It has what the caller asks for: the version of its map is of no interest.
    Entered entered = co_await enter(home, *node.cell, newer, shard_number(1), seconds(1));
    EXPECT_EQ(entered.refusal, Refusal::none);
    EXPECT_LT(entered.waited, milliseconds(1));
    // A lane that is not held, and nothing newer to wait for: not mine, at once, with the owner.
    entered = co_await enter(home, *node.cell, {.lane = lane_number(0), .map_version = 5}, shard_number(0), seconds(1));
    EXPECT_EQ(entered.refusal, Refusal::not_mine);
    EXPECT_EQ(entered.owner, Epoch{9});
    EXPECT_LT(entered.waited, milliseconds(1));
    // A shard that only the caller's map has: until the map comes.
    env::TaskGroup tasks(home);
    std::optional<Entered> waiting;
    tasks.spawn(enter_into(home, *node.cell, newer, shard_number(5), seconds(1), waiting));
    co_await home.sleep_for(milliseconds(100));
    EXPECT_FALSE(waiting.has_value());
    co_await node.cell->apply(map_of(7, 8));
    co_await tasks.wait();
    EXPECT_EQ(waiting->refusal, Refusal::none);
    // A lane of which the caller knows a newer owner: until the patience ends.
    entered = co_await enter(home, *node.cell, {.lane = lane_number(1), .map_version = 8, .epoch = Epoch{2}},
                             shard_number(1), milliseconds(200));
    EXPECT_EQ(entered.refusal, Refusal::not_mine);
    EXPECT_GE(entered.waited, milliseconds(200));
    co_await node.cell->stop();
    co_return 0;
  });
}

TEST(NodeCell, CallsWaitForALaneThatIsBeingTaken) {
  run_node(1, [](env::Simulation& simulation) -> env::Task<int> {
    Node node;
    node.open(simulation);
    node.claim_duration = milliseconds(50);
    env::Core& home = simulation.core(0);
    co_await node.cell->apply(map_of(1, 4));
    env::TaskGroup tasks(home);
    Result<void> taken;
    tasks.spawn([](NodeCell& cell, Result<void>& outcome) -> env::Task<void> {
      outcome = co_await cell.take(lane_number(1));
    }(*node.cell, taken));
    co_await home.sleep_for(milliseconds(10));
    EXPECT_EQ((co_await node.cell->take(lane_number(1))).error().code, ErrorCode::conflict);
    EXPECT_EQ(node.cell->status().lanes_changing, 2U);
    const CallHeader caller{.lane = lane_number(1), .map_version = 1, .epoch = Epoch{1}};
    EXPECT_EQ((co_await enter(home, *node.cell, caller, shard_number(1), milliseconds(5))).refusal,
              Refusal::unavailable);
    EXPECT_EQ((co_await enter(home, *node.cell, caller, shard_number(1), seconds(1))).refusal, Refusal::none);
    co_await tasks.wait();
    EXPECT_TRUE(taken.has_value());
    co_await node.cell->stop();
    co_return 0;
  });
}

// A map from before the claim may show shards as open that were closed since.
TEST(NodeCell, ALaneServesNobodyBeforeAMapNamesItsEpoch) {
  run_node(1, [](env::Simulation& simulation) -> env::Task<int> {
    Node node;
    node.maps_name_owners = true;
    node.epoch = 6;
    node.open(simulation);
    env::Core& home = simulation.core(0);
    const directory::LaneOwner before{.node = "b", .address = "10.0.0.9", .port = 9, .epoch = Epoch{6}};
    co_await node.cell->apply(map_of(1, 4, before));
    must(co_await node.cell->take(lane_number(0)));
    const AppendReply early = co_await put(home, *node.cell, 0, "early");
    EXPECT_EQ(early.refusal, Refusal::unavailable);
    EXPECT_EQ(early.reason, "the lane waits for a map that names its present owner");
    co_await node.cell->apply(map_of(2, 4, before));
    EXPECT_EQ((co_await put(home, *node.cell, 0, "still early")).refusal, Refusal::unavailable);
    directory::LaneOwner now = before;
    now.epoch = Epoch{7};
    co_await node.cell->apply(map_of(3, 4, now));
    EXPECT_EQ((co_await put(home, *node.cell, 0, "one")).refusal, Refusal::none);
    EXPECT_EQ(co_await read_texts(home, *node.cell, 0), std::vector<std::string>{"one"});
    co_await node.cell->stop();
    co_return 0;
  });
}

TEST(NodeCell, StopsAlsoWhileLanesAreBeingTaken) {
  test::for_each_seed(1, 20, [](std::uint64_t seed) {
    run_node(seed, [seed](env::Simulation& simulation) -> env::Task<int> {
      Node node;
      node.open(simulation);
      env::Core& home = simulation.core(0);
      env::TaskGroup tasks(home);
      for (std::uint32_t i = 0; i < 4; ++i) {
        tasks.spawn([](NodeCell& cell, std::uint32_t index) -> env::Task<void> {
          static_cast<void>(co_await cell.take(lane_number(index)));
        }(*node.cell, i));
      }
      co_await home.sleep_for(microseconds(static_cast<std::int64_t>(seed * 300)));
      co_await node.cell->stop();
      co_await tasks.wait();
      EXPECT_EQ(node.cell->status().lanes_held, 0U);
      EXPECT_EQ(node.cell->status().lanes_changing, 0U);
      EXPECT_EQ((co_await node.cell->take(lane_number(0))).error().code, ErrorCode::unavailable);
      co_return 0;
    });
  });
}

}  // namespace
}  // namespace weir::cell
