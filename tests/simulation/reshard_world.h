// A fleet in which streams are resharded while their lanes' owners, and the directory, die: nodes and directories on
// machines of their own, a metadata store that can be slow to hear, maps that come late, and a step counter at which
// misfortune strikes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cell/remote/remote_cell.h"
#include "directory/directory.h"
#include "env/sim/seeded_random.h"
#include "env/sim/simulation.h"
#include "metastore/memory_metastore.h"
#include "tests/cell/fleet_world.h"

namespace weir::simulation {

inline constexpr std::uint32_t fleet_lanes = 2;
inline const directory::StreamScope fleet_scope{"000000000000", "us-east-1"};

class ReshardWorld;

// What a step of the work on a reshard is called.
enum class Step : std::uint8_t { close, closed, reopen, commit, committed, published };

// The leader's way to the lanes, with a step before and after each order.
class WatchedCloser final : public directory::ShardCloser {
 public:
  WatchedCloser(ReshardWorld& world, env::Core& core, cell::RemoteCell& cell)
      : world_(world), core_(core), cell_(cell) {}
  [[nodiscard]] env::Task<Result<directory::ShardClosing>> close_shard(LaneId lane, ShardKey shard,
                                                                       directory::ShardOrder order) override;
  [[nodiscard]] env::Task<void> reopen_shard(LaneId lane, ShardKey shard, directory::ShardOrder order) override;

 private:
  ReshardWorld& world_;
  env::Core& core_;
  cell::RemoteCell& cell_;
};

// The metadata store as a directory sees it: commits take time; the answer of one may be lost, or it may arrive only
// after its sender has given it up.
class SlowStore final : public metastore::Metastore {
 public:
  SlowStore(ReshardWorld& world, env::Core& core);
  [[nodiscard]] env::Task<Result<metastore::Snapshot>> read(std::string prefix) override;
  [[nodiscard]] env::Task<Result<metastore::Revision>> commit(std::vector<metastore::Guard> guards,
                                                              std::vector<metastore::Write> writes) override;
  [[nodiscard]] env::Task<Result<std::vector<metastore::Change>>> watch(std::string prefix,
                                                                        metastore::Revision after) override {
    return store_->watch(std::move(prefix), after);
  }
  [[nodiscard]] env::Task<void> close() override { return store_->close(); }

 private:
  ReshardWorld& world_;
  env::Core& core_;
  std::unique_ptr<metastore::Metastore> store_;
};

// Sends each map on its way to everybody.
class MapSpreader final : public directory::MapListener {
 public:
  explicit MapSpreader(ReshardWorld& world) : world_(world) {}
  [[nodiscard]] env::Task<void> apply(directory::ShardMapPointer map) override;

 private:
  ReshardWorld& world_;
};

// The process of a directory that leads in one term. Not freed: its machine may die with calls under way.
struct DirectoryProcess {
  DirectoryProcess(ReshardWorld& in, env::SimulatedMachine& on, std::uint64_t in_term);
  [[nodiscard]] env::Core& core() noexcept { return machine.core(0); }
  [[nodiscard]] env::Task<void> serve();

  ReshardWorld& world;
  env::SimulatedMachine& machine;
  cell::MachineRuntime runtime;
  std::uint64_t term;
  SettingsRegistry registry;
  MetricsRegistry metrics_registry;
  directory::DirectorySettings settings{registry};
  directory::DirectoryMetrics metrics{metrics_registry};
  cell::RemoteCellSettings cell_settings{registry};
  cell::RemoteCellMetrics cell_metrics{metrics_registry};
  SlowStore store;
  MapSpreader spreader;
  std::unique_ptr<cell::RemoteCell> cells;
  std::unique_ptr<WatchedCloser> closer;
  std::unique_ptr<directory::Directory> directory;
  bool is_serving = false;
};

// Runs on the first machine, which is that of the clients and their front end.
class ReshardWorld {
 public:
  ReshardWorld(env::Simulation& simulation, std::uint64_t seed);

  [[nodiscard]] env::Core& home() noexcept { return simulation_.core(0); }
  [[nodiscard]] env::SeededRandom& random() noexcept { return random_; }
  [[nodiscard]] cell::RemoteCell& front_end() noexcept { return *front_end_; }
  [[nodiscard]] const directory::ShardMapPointer& front_end_map() const noexcept { return front_end_map_; }
  [[nodiscard]] DirectoryProcess* leader() noexcept { return leader_; }
  [[nodiscard]] std::shared_ptr<const directory::Stream> stream() const;
  [[nodiscard]] Duration some_time(std::uint64_t microseconds_max) {
    return microseconds(static_cast<std::int64_t>(random_.below(microseconds_max)));
  }

  env::Task<void> start();
  env::Task<void> stop();
  // The next misfortunes come after so many steps, each; until calm().
  void strike_in(std::uint64_t steps) { steps_left_ = steps, is_calm_ = false; }
  void calm() { steps_left_.reset(), is_calm_ = true; }
  [[nodiscard]] std::uint64_t strikes() const noexcept { return strikes_; }

  // A step of the work on a reshard, about `lane` if that is known. On the core of the directory.
  env::Task<void> pass(Step step, env::Core& core, std::optional<LaneId> lane);
  env::Task<void> spread(directory::ShardMapPointer map);
  // Whether a commit is to be lost, for its sender, and when it then arrives.
  std::optional<Duration> next_late_commit();
  void arrive_late(Duration after, std::vector<metastore::Guard> guards, std::vector<metastore::Write> writes);
  [[nodiscard]] std::shared_ptr<metastore::MemoryMetastoreContent> content() { return content_; }

 private:
  struct Holding {
    cell::NodeProcess* node = nullptr;
  };
  void strike(std::optional<LaneId> lane);
  env::Task<void> add_node();
  env::Task<void> lead(std::uint64_t term);
  env::Task<void> keep_lane(std::uint32_t lane);
  env::Task<void> keep_leader();
  // Whether the leader knows of an owner that is not the node, as after a claim that came late.
  [[nodiscard]] bool is_of_another(std::uint32_t lane, const cell::NodeProcess& node) const;
  [[nodiscard]] cell::NodeProcess* some_node(const cell::NodeProcess* other_than);
  env::Task<Result<Epoch>> claim(LaneId lane, std::string address);

  env::Simulation& simulation_;
  env::SeededRandom random_;
  cell::SharedSegments segments_;
  std::shared_ptr<metastore::MemoryMetastoreContent> content_ = std::make_shared<metastore::MemoryMetastoreContent>();
  std::unique_ptr<metastore::Metastore> late_store_;
  SettingsRegistry registry_;
  MetricsRegistry metrics_registry_;
  cell::RemoteCellSettings settings_{registry_};
  cell::RemoteCellMetrics metrics_{metrics_registry_};
  std::unique_ptr<cell::RemoteCell> front_end_;
  directory::ShardMapPointer front_end_map_;
  directory::ShardMapPointer newest_map_;
  std::vector<cell::NodeProcess*> nodes_;
  std::vector<Holding> holdings_{fleet_lanes};
  DirectoryProcess* leader_ = nullptr;
  std::optional<std::uint64_t> steps_left_;
  std::uint64_t strikes_ = 0;
  bool is_calm_ = true;
  bool stopping_ = false;
  env::TaskGroup tasks_;
};

// --- What it does

inline env::Task<Result<directory::ShardClosing>> WatchedCloser::close_shard(LaneId lane, ShardKey shard,
                                                                             directory::ShardOrder order) {
  co_await world_.pass(Step::close, core_, lane);
  auto closed = co_await cell_.close_shard(lane, shard, order);
  co_await core_.enter();
  co_await world_.pass(Step::closed, core_, lane);
  co_return closed;
}

inline env::Task<void> WatchedCloser::reopen_shard(LaneId lane, ShardKey shard, directory::ShardOrder order) {
  co_await world_.pass(Step::reopen, core_, lane);
  co_await cell_.reopen_shard(lane, shard, order);
  co_await core_.enter();
}

inline SlowStore::SlowStore(ReshardWorld& world, env::Core& core)
    : world_(world), core_(core), store_(metastore::make_memory_metastore(core, world.content())) {}

inline env::Task<Result<metastore::Snapshot>> SlowStore::read(std::string prefix) {
  co_await core_.sleep_for(world_.some_time(1'000));
  co_return co_await store_->read(std::move(prefix));
}

inline env::Task<Result<metastore::Revision>> SlowStore::commit(std::vector<metastore::Guard> guards,
                                                                std::vector<metastore::Write> writes) {
  co_await world_.pass(Step::commit, core_, std::nullopt);
  co_await core_.sleep_for(world_.some_time(2'000));
  if (const auto late = world_.next_late_commit()) {
    world_.arrive_late(*late, std::move(guards), std::move(writes));
    co_await core_.sleep_for(world_.some_time(5'000));
    co_return fail(ErrorCode::unavailable, "no answer");
  }
  auto committed = co_await store_->commit(std::move(guards), std::move(writes));
  co_await world_.pass(Step::committed, core_, std::nullopt);
  co_await core_.sleep_for(world_.some_time(2'000));
  co_return committed;
}

inline env::Task<void> MapSpreader::apply(directory::ShardMapPointer map) { return world_.spread(std::move(map)); }

inline DirectoryProcess::DirectoryProcess(ReshardWorld& in, env::SimulatedMachine& on, std::uint64_t in_term)
    : world(in), machine(on), runtime(on), term(in_term), store(in, on.core(0)), spreader(in) {
  for (const char* value : {"directory.update_time=1ms", "directory.create_time=1ms", "remote_cell.timeout=300ms",
                            "remote_cell.owner_wait=50ms"}) {
    cell::must(registry.set_assignment(value));
  }
}

inline env::Task<void> DirectoryProcess::serve() {
  cells = std::make_unique<cell::RemoteCell>(runtime, core(), net::connect_by_http2({}), cell_settings, cell_metrics);
  for (;;) {
    auto opened = co_await directory::Directory::open(core(), store, fleet_lanes, settings, metrics, term);
    if (opened) {
      directory = *std::move(opened);
      break;
    }
    co_await core().sleep_for(milliseconds(5));
  }
  closer = std::make_unique<WatchedCloser>(world, core(), *cells);
  directory->add_listener(*cells);
  directory->add_listener(spreader);
  co_await directory->start(*closer);
  is_serving = true;
}

inline ReshardWorld::ReshardWorld(env::Simulation& simulation, std::uint64_t seed)
    : simulation_(simulation),
      random_(seed, 11),
      segments_(seed),
      late_store_(metastore::make_memory_metastore(simulation.core(0), content_)),
      tasks_(simulation.core(0)) {
  for (const char* value : {"remote_cell.timeout=500ms", "remote_cell.owner_wait=50ms"}) {
    cell::must(registry_.set_assignment(value));
  }
  front_end_ = std::make_unique<cell::RemoteCell>(simulation, home(), net::connect_by_http2({}), settings_, metrics_);
}

inline std::shared_ptr<const directory::Stream> ReshardWorld::stream() const {
  return front_end_map_ == nullptr ? nullptr : front_end_map_->find(fleet_scope.account, fleet_scope.region, "stream");
}

inline env::Task<void> ReshardWorld::start() {
  co_await lead(1);
  for (int i = 0; i < 3; ++i) co_await add_node();
  for (std::uint32_t i = 0; i < fleet_lanes; ++i) tasks_.spawn(keep_lane(i));
  tasks_.spawn(keep_leader());
}

inline env::Task<void> ReshardWorld::stop() {
  stopping_ = true;
  co_await tasks_.wait();
}

// Kills a node, most of the time the one that has the lane; or the directory; or moves the lane.
inline void ReshardWorld::strike(std::optional<LaneId> lane) {
  ++strikes_;
  const std::uint32_t index = lane ? lane->value : static_cast<std::uint32_t>(random_.below(fleet_lanes));
  Holding& holding = holdings_[index];
  const auto notice = random_.below(3) == 0 ? env::PeerNotice::silent : env::PeerNotice::reset;
  switch (random_.below(6)) {
    case 0:
      if (leader_ != nullptr) leader_->machine.kill(notice);
      break;
    case 1:
      // Another takes the lane; the owner finds out when it is fenced.
      if (holding.node != nullptr && random_.below(2) == 0) holding.node->machine.pause(some_time(100'000));
      holding.node = nullptr;
      break;
    default:
      if (holding.node != nullptr) holding.node->machine.kill(notice);
      break;
  }
}

inline env::Task<void> ReshardWorld::pass(Step step, env::Core& core, std::optional<LaneId> lane) {
  if (is_calm_) co_return;
  if (steps_left_ && *steps_left_ == 0) {
    steps_left_ = random_.below(30);
    strike(lane);
    // Long enough, often, for the successor to serve, and for writers to have found it.
    co_await core.sleep_for(some_time(random_.below(2) == 0 ? 60'000 : 2'000));
  } else if (steps_left_) {
    --*steps_left_;
  }
  if (step == Step::closed || step == Step::commit) co_await core.sleep_for(some_time(3'000));
}

inline env::Task<void> ReshardWorld::spread(directory::ShardMapPointer map) {
  const auto to_node = [](ReshardWorld& world, cell::NodeProcess& node, directory::ShardMapPointer newer,
                          Duration delay) -> env::Task<void> {
    co_await world.home().enter();
    co_await world.home().sleep_for(delay);
    co_await node.machine.core(0).enter();
    co_await node.cell->apply(std::move(newer));
  };
  const auto to_front_end = [](ReshardWorld& world, directory::ShardMapPointer newer,
                               Duration delay) -> env::Task<void> {
    co_await world.home().enter();
    co_await world.home().sleep_for(delay);
    if (world.front_end_map_ != nullptr && newer->version() <= world.front_end_map_->version()) co_return;
    world.front_end_map_ = newer;
    co_await world.front_end_->apply(std::move(newer));
  };
  if (newest_map_ == nullptr || map->version() > newest_map_->version()) newest_map_ = map;
  for (cell::NodeProcess* node : nodes_) {
    env::spawn(to_node(*this, *node, map, some_time(random_.below(4) == 0 ? 40'000 : 2'000)));
  }
  env::spawn(to_front_end(*this, map, some_time(random_.below(4) == 0 ? 40'000 : 2'000)));
  co_return;
}

inline std::optional<Duration> ReshardWorld::next_late_commit() {
  if (is_calm_ || random_.below(12) != 0) return std::nullopt;
  return some_time(60'000);
}

inline void ReshardWorld::arrive_late(Duration after, std::vector<metastore::Guard> guards,
                                      std::vector<metastore::Write> writes) {
  env::spawn([](ReshardWorld& world, Duration delay, std::vector<metastore::Guard> when,
                std::vector<metastore::Write> what) -> env::Task<void> {
    co_await world.home().enter();
    co_await world.home().sleep_for(delay);
    static_cast<void>(co_await world.late_store_->commit(std::move(when), std::move(what)));
  }(*this, after, std::move(guards), std::move(writes)));
}

inline env::Task<void> ReshardWorld::add_node() {
  const std::string address = "10.0.1." + std::to_string(nodes_.size() + 1);
  env::SimulatedMachine& machine = simulation_.add_machine({.name = address, .address = address, .cores = 1});
  auto made = std::make_shared<cell::NodeProcess*>(nullptr);
  machine.start([this, &machine, address, made] {
    return [](ReshardWorld& world, env::SimulatedMachine& on, std::string at,
              std::shared_ptr<cell::NodeProcess*> node) -> env::Task<void> {
      const auto claim_for = [&world](LaneId lane, std::string from) { return world.claim(lane, std::move(from)); };
      *node = new cell::NodeProcess(on, world.segments_, claim_for, 0, at, {});
      co_await (*node)->serve();
      (*node)->is_serving = true;
    }(*this, machine, address, made);
  });
  while (*made == nullptr || !(*made)->is_serving) co_await home().sleep_for(microseconds(100));
  nodes_.push_back(*made);
  if (newest_map_ != nullptr) co_await spread(newest_map_);
}

inline env::Task<void> ReshardWorld::lead(std::uint64_t term) {
  const std::string address = "10.0.2." + std::to_string(term);
  env::SimulatedMachine& machine = simulation_.add_machine({.name = address, .address = address, .cores = 1});
  auto made = std::make_shared<DirectoryProcess*>(nullptr);
  machine.start([this, &machine, term, made] {
    return [](ReshardWorld& world, env::SimulatedMachine& on, std::uint64_t in_term,
              std::shared_ptr<DirectoryProcess*> process) -> env::Task<void> {
      *process = new DirectoryProcess(world, on, in_term);
      co_await (*process)->serve();
    }(*this, machine, term, made);
  });
  while (machine.is_alive() && (*made == nullptr || !(*made)->is_serving)) co_await home().sleep_for(milliseconds(1));
  leader_ = *made;
}

// Has another node take the lane whenever its node is gone: what placement does.
inline env::Task<void> ReshardWorld::keep_lane(std::uint32_t lane) {
  Holding& holding = holdings_[lane];
  while (!stopping_) {
    if (holding.node != nullptr && holding.node->machine.is_alive() &&
        (holding.node->cell->status().lanes_held >> lane & 1) != 0 && !is_of_another(lane, *holding.node)) {
      co_await home().sleep_for(milliseconds(1));
      continue;
    }
    if (holding.node != nullptr && !holding.node->machine.is_alive()) co_await add_node();
    cell::NodeProcess* const next = some_node(holding.node);
    auto ended = std::make_shared<bool>(false);
    env::spawn([](cell::NodeProcess& node, LaneId which, std::shared_ptr<bool> done) -> env::Task<void> {
      co_await node.machine.core(0).enter();
      static_cast<void>(co_await node.cell->take(which));
      *done = true;
    }(*next, LaneId{lane}, ended));
    while (!*ended && next->machine.is_alive()) co_await home().sleep_for(microseconds(500));
    if ((next->cell->status().lanes_held >> lane & 1) != 0) holding.node = next;
    co_await home().sleep_for(microseconds(500));
  }
}

inline env::Task<void> ReshardWorld::keep_leader() {
  std::uint64_t term = 1;
  while (!stopping_) {
    co_await home().sleep_for(milliseconds(2));
    if (leader_ == nullptr || !leader_->machine.is_alive()) co_await lead(++term);
  }
}

inline bool ReshardWorld::is_of_another(std::uint32_t lane, const cell::NodeProcess& node) const {
  if (leader_ == nullptr || !leader_->is_serving || !leader_->machine.is_alive()) return false;
  const auto& owner = leader_->directory->lanes()[lane].owner;
  return owner && owner->address != node.address;
}

inline cell::NodeProcess* ReshardWorld::some_node(const cell::NodeProcess* other_than) {
  std::vector<cell::NodeProcess*> alive;
  for (cell::NodeProcess* node : nodes_) {
    if (node->machine.is_alive() && node != other_than) alive.push_back(node);
  }
  WEIR_ASSERT(!alive.empty());
  return alive[random_.below(alive.size())];
}

// A claim as a node makes it: whatever becomes of the directory, it ends.
inline env::Task<Result<Epoch>> ReshardWorld::claim(LaneId lane, std::string address) {
  struct Asked {
    std::optional<Result<Epoch>> answer;
  };
  DirectoryProcess* const leader = leader_;
  if (leader == nullptr || !leader->is_serving) co_return fail(ErrorCode::unavailable, "nobody leads");
  auto asked = std::make_shared<Asked>();
  env::spawn(
      [](DirectoryProcess& process, LaneId which, std::string at, std::shared_ptr<Asked> tell) -> env::Task<void> {
        co_await process.core().enter();
        tell->answer = co_await process.directory->claim_lane(
            which, directory::LaneOwner{.node = at, .address = at, .port = cell::node_port, .epoch = {}});
      }(*leader, lane, address, asked));
  env::Core* core = nullptr;
  for (cell::NodeProcess* node : nodes_) {
    if (node->address == address) core = &node->machine.core(0);
  }
  WEIR_ASSERT(core != nullptr);
  for (int waits = 0; waits < 200 && !asked->answer; ++waits) co_await core->sleep_for(microseconds(500));
  if (!asked->answer) co_return fail(ErrorCode::unavailable, "no answer");
  co_return *asked->answer;
}

}  // namespace weir::simulation
