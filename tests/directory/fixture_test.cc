#include "tests/directory/fixture.h"

#include <gtest/gtest.h>

#include <utility>

#include "directory/map/shard_map_builder.h"
#include "model/sequence_number.h"

namespace weir::directory::test {

env::Task<void> PretendedCell::apply(ShardMapPointer map) {
  if (map_ != nullptr) EXPECT_GT(map->version(), map_->version());
  ++maps_seen_;
  for (const auto& [id, stream] : map->all()) {
    check(*stream);
    for (const Shard& shard : stream->shards) {
      const ShardKey key = stream->key_of(shard);
      const auto seen = ever_seen_.find(key);
      // A shard that the map closes had to be closed here first; in the first map of a process it has been.
      if (map_ != nullptr && !shard.is_open() && (seen == ever_seen_.end() || seen->second.is_open())) {
        EXPECT_TRUE(closing_.contains(key)) << stream->name << " shard " << shard.index.value;
      }
      if (!shard.is_open()) closing_.erase(key);
      ever_seen_.insert_or_assign(key, shard);
    }
  }
  map_ = std::move(map);
  co_await core_.sleep_for(microseconds(core_.random_u64() % 300));
}

void PretendedCell::check(const Stream& stream) {
  if (stream.status == StreamStatus::creating) {
    EXPECT_TRUE(stream.shards.empty());
    return;
  }
  EXPECT_TRUE(open_shards_tile(stream)) << stream.name;
  for (std::size_t i = 1; i < stream.shards.size(); ++i) EXPECT_LT(stream.shards[i - 1].index, stream.shards[i].index);
  for (const Shard& shard : stream.shards) check_shard(stream, shard);
}

void PretendedCell::check_shard(const Stream& stream, const Shard& shard) {
  using model::value_of;
  const auto seen = ever_seen_.find(stream.key_of(shard));
  if (seen != ever_seen_.end()) {  // an index, once given, always means the same shard
    EXPECT_EQ(seen->second.first_hash, shard.first_hash);
    EXPECT_EQ(seen->second.last_hash, shard.last_hash);
    EXPECT_EQ(seen->second.created, shard.created);
    EXPECT_EQ(seen->second.lane, shard.lane);
    if (!seen->second.is_open()) EXPECT_EQ(seen->second.closed, shard.closed);
  }
  for (const auto parent_index : {shard.parent, shard.adjacent_parent}) {
    const Shard* parent = parent_index ? stream.find_shard(*parent_index) : nullptr;
    if (parent == nullptr) continue;
    EXPECT_FALSE(parent->is_open());
    EXPECT_NE(std::ranges::find(parent->children, shard.index), parent->children.end());
    EXPECT_GT(value_of(model::starting_sequence_number(shard.created, shard.index)),
              value_of(model::ending_sequence_number(parent->created, parent->index, *parent->closed)));
  }
  if (shard.parent && shard.adjacent_parent) {
    const Shard* first = stream.find_shard(*shard.parent);
    const Shard* second = stream.find_shard(*shard.adjacent_parent);
    EXPECT_EQ(first == nullptr, second == nullptr) << "merged parents expire together";
    if (first != nullptr && second != nullptr) EXPECT_EQ(first->closed, second->closed);
  }
}

// They are given in the order of their numbers; on their way they may overtake each other.
void PretendedCell::take_order(ShardOrder order) {
  EXPECT_GT(order, last_order_);
  last_order_ = order;
}

env::Task<Result<ShardClosing>> PretendedCell::close_shard(LaneId lane, ShardKey key, ShardOrder order) {
  take_order(order);
  co_await core_.sleep_for(close_delay_);
  if (closes_to_fail_ > 0) {
    --closes_to_fail_;
    co_return fail(closes_fail_with_, "pretended failure");
  }
  const auto stream = map_->find(key.stream);
  EXPECT_NE(stream, nullptr);
  EXPECT_EQ(stream->find_shard(key.shard)->lane, lane);
  closing_.insert(key);
  co_return ShardClosing{core_.wall_now(), epoch_};
}

env::Task<void> PretendedCell::reopen_shard(LaneId, ShardKey key, ShardOrder order) {
  take_order(order);
  co_await core_.yield();
  const auto stream = map_->find(key.stream);
  if (stream != nullptr) EXPECT_TRUE(stream->find_shard(key.shard)->is_open());
  closing_.erase(key);
  ++reopens_;
}

void TestSettings::set(const std::string& assignment) {
  const auto set = registry.set_assignment(assignment);
  EXPECT_TRUE(set.has_value()) << set.error().message;
}

env::Task<void> Process::settle(std::string name) {
  for (int waits = 0; waits < 100'000; ++waits) {
    const auto stream = find(name);
    if (stream == nullptr || stream->status == StreamStatus::active) co_return;
    co_await core.sleep_for(milliseconds(10));
  }
  ADD_FAILURE() << name << " never settles";
}

env::Task<CommandResult> Process::create(std::string name, std::uint32_t shards) {
  CreateStreamCommand command;
  command.scope = scope;
  command.name = std::move(name);
  command.shard_count = shards;
  return directory.create_stream(std::move(command));
}

namespace {

env::Task<int> run_process(env::Core& core, World& world, const std::function<env::Task<void>(Process&)>& body) {
  const auto store = metastore::make_memory_metastore(core, world.content, world.store_options);
  auto directory = co_await Directory::open(core, *store, world.lanes, world.settings.settings, world.settings.metrics);
  if (!directory) co_return 1;
  PretendedCell cell(core);
  Process process{core, *store, **directory, cell};
  (*directory)->add_listener(cell);
  co_await (*directory)->start(cell);
  co_await body(process);
  co_await (*directory)->stop();
  co_await store->close();
  world.wall_clock = core.wall_now() + seconds(1);
  co_return 0;
}

}  // namespace

env::Outcome World::run(const std::function<env::Task<void>(Process&)>& body, env::Simulation** simulation) {
  env::Simulation here({.seed = ++seed, .wall_clock_start = wall_clock});
  if (simulation != nullptr) *simulation = &here;
  const env::Outcome outcome = here.run_to_outcome([&] { return run_process(here.core(0), *this, body); });
  EXPECT_TRUE(outcome == env::Outcome::finished || outcome == env::Outcome::crashed) << here.report();
  if (outcome == env::Outcome::finished) EXPECT_EQ(here.exit_code(), 0) << "the directory does not open";
  if (outcome == env::Outcome::crashed) wall_clock += seconds(10);
  return outcome;
}

}  // namespace weir::directory::test
