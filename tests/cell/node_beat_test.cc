// What a node tells the directory of itself.
#include "cell/node/node_agent.h"

#include "gtest/gtest.h"
#include "tests/cell/lane_test_support.h"
#include "tests/support/simulation_test.h"

namespace weir::cell {
namespace {

constexpr std::uint32_t cell_number = 3;
const LaneId lane{cell_number * lanes_max + 2};
const ShardKey shard{StreamId{1}, ShardIndex{0}};

directory::ShardMapPointer map_of_one_shard() {
  auto stream = std::make_shared<directory::Stream>();
  stream->id = StreamId{1};
  stream->scope = {"000000000000", "us-east-1"};
  stream->name = "stream";
  stream->shards.push_back({.index = ShardIndex{0}, .lane = lane});
  directory::ShardMapBuilder builder;
  builder.put(std::move(stream));
  builder.set_owner(lane, directory::LaneOwner{.node = "node", .address = "10.0.0.7", .port = 1, .epoch = Epoch{1}});
  return builder.build(1);
}

// A node with one lane, and a directory that keeps its beats.
struct World {
  explicit World(env::Simulation& simulation)
      : cell(simulation, simulation.core(0),
             LaneAccess{.claim_epoch = [](LaneId) -> env::Task<Result<Epoch>> { co_return Epoch{1}; },
                        .open_store = open_file_stores("data", 8)},
             CellContext{settings, journal_settings, metrics, journal_metrics}, NodeCellOptions{.cell = cell_number}),
        agent(simulation.core(0),
              {.node = "node", .cell = cell_number, .endpoint = {"10.0.0.7", 1}, .directories = {{"10.0.0.1", 1}}},
              [this](env::Endpoint, std::string_view, std::string body, MonotonicTime) {
                return answer(std::move(body));
              }) {}

  env::Task<Result<std::string>> answer(std::string body) {
    beats.push_back(must(directory::decode_beat(body)));
    directory::FleetReply reply{
        .outcome = directory::FleetOutcome::done, .leader = {}, .reason = {}, .lanes = {}, .epoch = {}};
    reply.lanes.set(directory::lane_within_cell(lane));
    co_return directory::encode(reply);
  }
  env::Task<AppendReply> put(env::Core& core, std::string text) {
    auto replies = co_await cell.append(core, lane, one_request(make_fragment(shard, std::move(text))));
    co_return std::move(replies.front());
  }

  SettingsRegistry registry;
  MetricsRegistry metrics_registry;
  CellSettings settings{registry};
  journal::JournalSettings journal_settings{registry};
  CellMetrics metrics{metrics_registry, lanes_max};
  journal::JournalMetrics journal_metrics{metrics_registry};
  NodeCell cell;
  NodeAgent agent;
  std::vector<directory::NodeBeat> beats;
};

void run_node(env::SimulationOptions options, std::function<env::Task<int>(env::Simulation&)> main) {
  env::Simulation simulation(options);
  EXPECT_EQ(simulation.run_to_outcome([&] { return main(simulation); }), env::Outcome::finished) << simulation.report();
}

TEST(NodeBeat, TellsTheBytesThatItsLanesAcceptInASecond) {
  run_node({.seed = 1, .cores = 2}, [](env::Simulation& simulation) -> env::Task<int> {
    env::Core& core = simulation.core(0);
    World world(simulation);
    must(world.registry.set("limits.enforce_rates", "false"));
    co_await world.cell.apply(map_of_one_shard());
    world.agent.start(world.cell);
    co_await core.sleep_for(seconds(3));
    EXPECT_EQ(world.beats.back().bytes_per_second, 0U);
    EXPECT_TRUE(world.beats.back().held.test(2));
    for (int i = 0; i < 200; ++i) {  // 100,000 bytes in a second
      EXPECT_EQ((co_await world.put(core, std::string(10'000, 'x'))).refusal, Refusal::none);
      co_await core.sleep_for(milliseconds(100));
    }
    EXPECT_GT(world.beats.back().bytes_per_second, 80'000U);
    EXPECT_LT(world.beats.back().bytes_per_second, 120'000U);
    co_await core.sleep_for(seconds(15));
    EXPECT_EQ(world.beats.back().bytes_per_second, 0U);
    co_await world.agent.stop();
    co_await world.cell.stop();
    co_return 0;
  });
}

TEST(NodeBeat, TellsWhichLanesCannotWriteAndWhy) {
  env::SimulatedDisk disk({.seed = 1});
  run_node({.seed = 1, .cores = 2, .disk = &disk}, [&disk](env::Simulation& simulation) -> env::Task<int> {
    env::Core& core = simulation.core(0);
    World world(simulation);
    co_await world.cell.apply(map_of_one_shard());
    world.agent.start(world.cell);
    co_await core.sleep_for(seconds(3));
    EXPECT_TRUE(world.beats.back().not_writing.none());
    disk.add_fault({.operation = env::DiskOperation::sync});
    EXPECT_EQ((co_await world.put(core, "lost")).refusal, Refusal::failed);
    co_await core.sleep_for(seconds(3));
    EXPECT_EQ(world.beats.back().not_writing, directory::LaneSet(0b100));
    EXPECT_EQ(world.beats.back().trouble, static_cast<std::uint32_t>(LaneTrouble::recovering));
    disk.clear_faults();
    co_await core.sleep_for(seconds(8));
    EXPECT_TRUE(world.beats.back().not_writing.none());
    EXPECT_EQ(world.beats.back().trouble, 0U);
    co_await world.agent.stop();
    co_await world.cell.stop();
    co_return 0;
  });
}

}  // namespace
}  // namespace weir::cell
