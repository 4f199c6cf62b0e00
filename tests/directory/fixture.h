// A directory with a pretended cell, on a metastore in memory, in a simulation.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "directory/directory.h"
#include "env/sim/simulation.h"
#include "metastore/memory_metastore.h"

namespace weir::directory::test {

inline const StreamScope scope{"000000000000", "us-east-1"};

// Stands in for the lanes, and holds every published map to the promises that lineage makes.
class PretendedCell final : public MapListener, public ShardCloser {
 public:
  explicit PretendedCell(env::Core& core) : core_(core) {}

  env::Task<void> apply(ShardMapPointer map) override;
  env::Task<Result<ShardClosing>> close_shard(LaneId lane, ShardKey shard, ShardOrder order) override;
  env::Task<void> reopen_shard(LaneId lane, ShardKey shard, ShardOrder order) override;

  // The next `count` calls of close_shard() fail.
  void fail_closes(int count, ErrorCode code = ErrorCode::unavailable) {
    closes_to_fail_ = count;
    closes_fail_with_ = code;
  }
  // Shards are closed under this epoch of their lanes from now on.
  void set_epoch(Epoch epoch) { epoch_ = epoch; }
  void delay_closes(Duration delay) { close_delay_ = delay; }
  [[nodiscard]] const ShardMapPointer& map() const { return map_; }
  [[nodiscard]] bool is_closing(ShardKey key) const { return closing_.contains(key); }
  [[nodiscard]] std::size_t reopens() const { return reopens_; }
  [[nodiscard]] std::size_t maps_seen() const { return maps_seen_; }

 private:
  void check(const Stream& stream);
  void check_shard(const Stream& stream, const Shard& shard);
  void take_order(ShardOrder order);

  env::Core& core_;
  ShardMapPointer map_;
  std::size_t maps_seen_ = 0;
  std::size_t reopens_ = 0;
  std::set<ShardKey> closing_;
  std::map<ShardKey, Shard> ever_seen_;
  int closes_to_fail_ = 0;
  ErrorCode closes_fail_with_ = ErrorCode::unavailable;
  Epoch epoch_;
  ShardOrder last_order_;
  Duration close_delay_ = milliseconds(1);
};

// The settings of a test, with short or chosen times.
struct TestSettings {
  SettingsRegistry registry;
  DirectorySettings settings{registry};
  MetricsRegistry metrics_registry;
  DirectoryMetrics metrics{metrics_registry};
  void set(const std::string& assignment);
};

struct Process {
  env::Core& core;
  metastore::Metastore& store;
  Directory& directory;
  PretendedCell& cell;

  // The stream as published; null when there is none.
  [[nodiscard]] std::shared_ptr<const Stream> find(const std::string& name) const {
    return directory.map()->find(scope.account, scope.region, name);
  }
  // Until the stream is ACTIVE or gone.
  [[nodiscard]] env::Task<void> settle(std::string name);
  [[nodiscard]] env::Task<CommandResult> create(std::string name, std::uint32_t shards);
};

struct World {
  std::shared_ptr<metastore::MemoryMetastoreContent> content = std::make_shared<metastore::MemoryMetastoreContent>();
  TestSettings settings;
  std::uint64_t seed = 1;
  WallTime wall_clock = wall_time_ms(1'767'225'600'000);  // of the next process's start
  metastore::MemoryMetastoreOptions store_options;
  std::uint32_t lanes = 4;

  // Runs one process from opening to stopping. Returns what became of the simulation; anything but finished or crashed
  // is a test failure. `body` may call simulation.stop() to crash.
  env::Outcome run(const std::function<env::Task<void>(Process&)>& body, env::Simulation** simulation = nullptr);
};

}  // namespace weir::directory::test
