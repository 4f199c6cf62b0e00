// A front end and nodes of cells on simulated machines, with a simulated network between them, and a book of who owns
// which lane in place of the directory.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cell/node/node_cell.h"
#include "cell/remote/remote_cell.h"
#include "cell/remote/rpc_handler.h"
#include "env/sim/sim_network.h"
#include "net/http_context.h"
#include "net/server.h"
#include "tests/cell/lane_test_support.h"
#include "tests/cell/shared_segments.h"

namespace weir::cell {

inline constexpr std::uint16_t node_port = 700;

// One machine as the runtime of the process on it.
class MachineRuntime final : public env::Runtime {
 public:
  explicit MachineRuntime(env::SimulatedMachine& machine) : machine_(machine) {}
  [[nodiscard]] std::uint32_t core_count() const noexcept override { return machine_.core_count(); }
  [[nodiscard]] env::Core& core(std::uint32_t index) noexcept override { return machine_.core(index); }
  [[nodiscard]] int run(std::function<env::Task<int>()>) override { return 1; }

 private:
  env::SimulatedMachine& machine_;
};

// Who owns which lane, and the one stream: shard i lives on the i-th of `lanes`. In place of the directory.
struct OwnerBook {
  explicit OwnerBook(std::vector<LaneId> of_lanes) : lanes(std::move(of_lanes)) {}

  [[nodiscard]] ShardKey shard(std::size_t index) const {
    return {StreamId{1}, ShardIndex{static_cast<std::uint32_t>(index)}};
  }
  Epoch claim(LaneId lane, const std::string& address) {
    owners[lane] = {
        .node = "node " + address, .address = address, .port = node_port, .epoch = Epoch{owners[lane].epoch.value + 1}};
    publish();
    return owners[lane].epoch;
  }
  void publish() {
    auto stream = std::make_shared<directory::Stream>();
    stream->id = StreamId{1};
    stream->scope = {"000000000000", "us-east-1"};
    stream->name = "stream";
    for (std::size_t i = 0; i < lanes.size(); ++i)
      stream->shards.push_back({.index = shard(i).shard, .lane = lanes[i]});
    directory::ShardMapBuilder builder;
    builder.put(std::move(stream));
    for (const auto& [lane, owner] : owners) builder.set_owner(lane, owner);
    map = builder.build(++version);
  }

  std::vector<LaneId> lanes;
  std::map<LaneId, directory::LaneOwner> owners;
  std::uint64_t version = 0;
  directory::ShardMapPointer map;
};

// Has the directory, or who stands in for it, raise the lane's epoch for the node at an address.
using ClaimForNode = std::function<env::Task<Result<Epoch>>(LaneId, std::string address)>;

// The process of one node. Made on its machine; when that is killed, what it holds stays in memory for ever.
struct NodeProcess {
  NodeProcess(env::SimulatedMachine& on, SharedSegments& segments, ClaimForNode claim_with, std::uint32_t number,
              std::string at, const std::vector<std::pair<std::string, std::string>>& values)
      : machine(on), runtime(on), claim_for(std::move(claim_with)), address(std::move(at)) {
    must(registry.set("limits.enforce_rates", "false"));
    must(registry.set("journal.first_segment_bytes", "64KiB"));
    must(registry.set("journal.segment_bytes", "1MiB"));
    must(registry.set("journal.space_reserve_bytes", "0"));
    for (const auto& [name, value] : values) must(registry.set(name, value));
    resources.emplace(rpc_settings, rpc_metrics);
    http.emplace(http_settings, http_metrics);
    cell = std::make_unique<NodeCell>(
        runtime, on.core(0),
        LaneAccess{.claim_epoch = [this](LaneId lane) { return claim(lane); }, .open_store = segments.opener()},
        CellContext{settings, journal_settings, metrics, journal_metrics}, NodeCellOptions{.cell = number});
    for (std::uint32_t i = 0; i < on.core_count(); ++i) {
      handlers.push_back(std::make_unique<CellRpcHandler>(on.core(i), *cell, *resources));
    }
  }
  env::Task<Result<Epoch>> claim(LaneId lane) {
    co_await machine.core(0).sleep_for(milliseconds(2));
    co_return co_await claim_for(lane, address);
  }
  env::Task<void> serve() {
    std::vector<net::ServingCore> serving;
    for (std::uint32_t i = 0; i < machine.core_count(); ++i) serving.push_back({machine.core(i), *handlers[i]});
    server = must(co_await net::HttpServer::start(machine.core(0), serving, *http,
                                                  {.endpoint = {address, node_port}, .backlog = 1'000}));
  }

  env::SimulatedMachine& machine;
  MachineRuntime runtime;
  ClaimForNode claim_for;
  std::string address;
  SettingsRegistry registry;
  MetricsRegistry metrics_registry;
  CellSettings settings{registry};
  journal::JournalSettings journal_settings{registry};
  CellRpcSettings rpc_settings{registry};
  net::HttpSettings http_settings{registry};
  CellMetrics metrics{metrics_registry, lanes_max};
  journal::JournalMetrics journal_metrics{metrics_registry};
  CellRpcMetrics rpc_metrics{metrics_registry};
  net::HttpMetrics http_metrics{metrics_registry};
  std::optional<CellRpcResources> resources;
  std::optional<net::HttpResources> http;
  std::unique_ptr<NodeCell> cell;
  std::vector<std::unique_ptr<CellRpcHandler>> handlers;
  std::unique_ptr<net::HttpServer> server;
  bool is_serving = false;
  std::uint64_t takes_under_way = 0;
};

// The world of one test. Runs on the first machine, whose process is the front end.
class Fleet {
 public:
  Fleet(env::Simulation& simulation, std::uint64_t seed, std::vector<LaneId> lanes,
        std::initializer_list<std::pair<std::string_view, std::string_view>> values = {})
      : simulation_(simulation), segments_(seed), book_(std::move(lanes)) {
    for (const auto& [name, value] : values) must(registry_.set(name, value));
    cell_ = std::make_unique<RemoteCell>(simulation, home(), net::connect_by_http2({}), settings_, metrics_);
    book_.publish();
  }

  [[nodiscard]] env::Core& home() noexcept { return simulation_.core(0); }
  [[nodiscard]] RemoteCell& cell() noexcept { return *cell_; }
  [[nodiscard]] OwnerBook& book() noexcept { return book_; }
  [[nodiscard]] RemoteCellMetrics& metrics() noexcept { return metrics_; }
  [[nodiscard]] env::Simulation& simulation() noexcept { return simulation_; }

  // Starts a node of the cell with `number` on a new machine, and waits until it serves.
  env::Task<NodeProcess*> add_node(std::uint32_t number, std::string address,
                                   std::vector<std::pair<std::string, std::string>> values = {}) {
    env::SimulatedMachine& machine = simulation_.add_machine({.name = address, .address = address, .cores = 2});
    std::shared_ptr<NodeProcess*> made = std::make_shared<NodeProcess*>(nullptr);
    machine.start([this, &machine, number, address, values, made] {
      return run_node(*this, machine, number, address, values, made);
    });
    while (*made == nullptr || !(*made)->is_serving) co_await home().sleep_for(microseconds(100));
    co_return *made;
  }
  // Lets the node take a lane, on its own machine. Returns once that has ended, or the machine is dead.
  env::Task<void> take(NodeProcess& node, LaneId lane) { return on_node(node, lane, true); }
  env::Task<void> give_up(NodeProcess& node, LaneId lane) { return on_node(node, lane, false); }

  // Brings the newest map to the front end, or to a node.
  env::Task<void> tell_front_end() { co_await cell_->apply(book_.map); }
  void tell(NodeProcess& node) {
    env::spawn([](NodeProcess& to, directory::ShardMapPointer map) -> env::Task<void> {
      co_await to.machine.core(0).enter();
      co_await to.cell->apply(std::move(map));
    }(node, book_.map));
  }

 private:
  static env::Task<void> run_node(Fleet& fleet, env::SimulatedMachine& machine, std::uint32_t number,
                                  std::string address, std::vector<std::pair<std::string, std::string>> values,
                                  std::shared_ptr<NodeProcess*> made) {
    // Not freed: its machine may die with calls under way.
    const auto claim = [&fleet](LaneId lane, std::string at) { return fleet.claim(lane, std::move(at)); };
    *made = fleet.nodes_.emplace_back(new NodeProcess(machine, fleet.segments_, claim, number, address, values));
    NodeProcess& node = **made;
    co_await node.serve();
    node.is_serving = true;
  }
  env::Task<Result<Epoch>> claim(LaneId lane, std::string address) { co_return book_.claim(lane, address); }
  env::Task<void> on_node(NodeProcess& node, LaneId lane, bool take) {
    ++node.takes_under_way;
    env::spawn([](NodeProcess& at, LaneId which, bool is_take) -> env::Task<void> {
      co_await at.machine.core(0).enter();
      if (is_take) {
        static_cast<void>(co_await at.cell->take(which));
      } else {
        co_await at.cell->give_up(which);
      }
      --at.takes_under_way;
    }(node, lane, take));
    while (node.takes_under_way != 0 && node.machine.is_alive()) co_await home().sleep_for(microseconds(100));
  }

  env::Simulation& simulation_;
  SharedSegments segments_;
  OwnerBook book_;
  SettingsRegistry registry_;
  MetricsRegistry metrics_registry_;
  RemoteCellSettings settings_{registry_};
  RemoteCellMetrics metrics_{metrics_registry_};
  std::unique_ptr<RemoteCell> cell_;
  std::vector<NodeProcess*> nodes_;
};

// Everything that one test needs lives as long as its simulation: machines that were killed are never cleaned up.
inline void run_fleet(std::uint64_t seed, std::vector<LaneId> lanes,
                      std::initializer_list<std::pair<std::string_view, std::string_view>> values,
                      std::function<env::Task<void>(Fleet&)> test) {
  env::Simulation simulation({.seed = seed, .cores = 2});
  // Never freed, as are the machines' processes that may still refer to it.
  Fleet* fleet = nullptr;
  const auto outcome = simulation.run_to_outcome([&]() -> env::Task<int> {
    fleet = new Fleet(simulation, seed, lanes, values);
    co_await test(*fleet);
    co_await fleet->cell().stop();
    simulation.stop();
    co_await fleet->home().sleep_for(hours(1));
    co_return 0;
  });
  EXPECT_EQ(outcome, env::Outcome::crashed) << simulation.report();
}

}  // namespace weir::cell
