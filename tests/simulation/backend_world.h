// A back end (directory, cell, journals) on a simulated machine, through several lives of its process: what outlives a
// process, and the process itself.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/settings.h"
#include "cell/lane/lane_count.h"
#include "cell/local_cell.h"
#include "directory/directory.h"
#include "env/sim/seeded_random.h"
#include "env/sim/simulation.h"
#include "env/task_group.h"
#include "metastore/memory_metastore.h"
#include "tests/simulation/backend_model.h"

namespace weir::simulation {

inline constexpr std::uint32_t cores = 2;
inline constexpr std::uint32_t lanes = 3;
inline constexpr std::uint64_t disk_bytes = 128 * mebibyte;
inline const directory::StreamScope scope{"000000000000", "us-east-1"};

// What the machine keeps when its process dies, and what the clients know.
struct World {
  explicit World(std::uint64_t with_seed)
      : seed(with_seed), random(with_seed, 1), disk({.seed = with_seed, .capacity_bytes = disk_bytes}) {}

  std::uint64_t seed;
  env::SeededRandom random;
  env::SimulatedDisk disk;
  std::shared_ptr<metastore::MemoryMetastoreContent> metastore = std::make_shared<metastore::MemoryMetastoreContent>();
  BackendModel model;
  std::deque<Walk> walks;  // of the present life
  WallTime wall_clock_start = wall_time_ms(1'767'225'600'000);
  std::set<std::string> streams_wanted;  // created, and not deleted since
  std::uint64_t trace_hash = 0;          // of all lives
  std::uint64_t crashes = 0;
  std::uint64_t commits_failed = 0;  // as far as lanes lived to count them
};

struct ProcessSettings {
  explicit ProcessSettings(bool enforce_rates);
  SettingsRegistry registry;
  cell::CellSettings cell{registry};
  journal::JournalSettings journal{registry};
  directory::DirectorySettings directory{registry};
};

inline ProcessSettings::ProcessSettings(bool enforce_rates) {
  const std::pair<const char*, const char*> values[] = {
      {"limits.enforce_rates", enforce_rates ? "true" : "false"},
      {"cell.trim_share_percent", "50"},
      {"journal.segment_bytes", "1MiB"},
      {"journal.first_segment_bytes", "64KiB"},
      {"journal.tail_cache_bytes_max", "64KiB"},
      {"journal.space_reserve_bytes", "4MiB"},
      {"journal.trim_interval", "1s"},
      {"journal.open_files_max", "4"},
      {"directory.create_time", "10ms"},
      {"directory.update_time", "10ms"},
      {"directory.delete_time", "10ms"},
      {"directory.expiry_interval", "500ms"},
  };
  for (const auto& [name, value] : values) {
    WEIR_ASSERT_NOTE(registry.set(name, value).has_value(), name);
  }
}

// The newest map, for the clients.
class Routes final : public directory::MapListener {
 public:
  [[nodiscard]] env::Task<void> apply(directory::ShardMapPointer map) override {
    map_ = std::move(map);
    co_return;
  }
  [[nodiscard]] const directory::ShardMapPointer& map() const noexcept { return map_; }

 private:
  directory::ShardMapPointer map_;
};

// One life of the process.
struct Process {
  Process(env::Simulation& on, World& in, bool enforce_rates)
      : simulation(on), world(in), home(on.core(0)), settings(enforce_rates) {}

  [[nodiscard]] env::Task<Result<void>> open() {
    WEIR_CO_CHECK(co_await open_parts());
    co_await directory->start(*cell);
    co_return Result<void>();
  }
  // All that open() does but the directory's start, ahead of which more listeners may be added.
  [[nodiscard]] env::Task<Result<void>> open_parts() {
    WEIR_CO_TRY(const std::uint32_t lane_count, co_await cell::fix_lane_count(home, "data", lanes));
    store = metastore::make_memory_metastore(
        home, world.metastore,
        {.latency = microseconds(100), .fault = [this](auto call) { return next_metastore_fault(call); }});
    WEIR_CO_TRY(directory,
                co_await directory::Directory::open(home, *store, lane_count, settings.directory, directory_metrics));
    WEIR_CO_TRY(cell, co_await cell::LocalCell::open(
                          simulation, home, lane_count,
                          {.claim_epoch = [this](LaneId lane) { return directory->claim_lane(lane); },
                           .open_store = cell::open_file_stores("data", 4)},
                          {settings.cell, settings.journal, cell_metrics, journal_metrics}));
    directory->add_listener(*cell);
    directory->add_listener(routes);
    co_return Result<void>();
  }
  [[nodiscard]] env::Task<void> close() {
    metastore_faults = false;
    if (directory != nullptr) co_await directory->stop();
    if (cell != nullptr) co_await cell->stop();
    if (store != nullptr) co_await store->close();
  }

  [[nodiscard]] metastore::MetastoreFault next_metastore_fault(metastore::MetastoreCall call) {
    using metastore::MetastoreFault;
    if (metastore_is_full && call == metastore::MetastoreCall::commit) return MetastoreFault::refused;
    if (!metastore_faults || world.random.below(10) != 0) return MetastoreFault::none;
    constexpr MetastoreFault faults[] = {MetastoreFault::refused, MetastoreFault::lost_before,
                                         MetastoreFault::lost_after};
    return faults[world.random.below(3)];
  }
  [[nodiscard]] bool is_stopping() const noexcept { return stop_requested; }
  // Any core: the simulation is one thread.
  [[nodiscard]] Duration some_time(std::uint64_t microseconds_max) {
    return microseconds(static_cast<std::int64_t>(world.random.below(microseconds_max)));
  }
  // The streams that the clients see, in an order that is the same in every run.
  [[nodiscard]] std::vector<std::shared_ptr<const directory::Stream>> streams() const {
    std::vector<std::shared_ptr<const directory::Stream>> found;
    if (const auto* by_name = routes.map()->streams_of(scope)) {
      for (const auto& [name, stream] : *by_name) found.push_back(stream);
    }
    return found;
  }
  [[nodiscard]] std::shared_ptr<const directory::Stream> some_stream() {
    const auto all = streams();
    return all.empty() ? nullptr : all[world.random.below(all.size())];
  }

  env::Simulation& simulation;
  World& world;
  env::Core& home;
  ProcessSettings settings;
  MetricsRegistry metrics_registry;
  cell::CellMetrics cell_metrics{metrics_registry, lanes};
  journal::JournalMetrics journal_metrics{metrics_registry};
  directory::DirectoryMetrics directory_metrics{metrics_registry};
  Routes routes;
  std::unique_ptr<metastore::Metastore> store;
  std::unique_ptr<directory::Directory> directory;
  std::unique_ptr<cell::LocalCell> cell;
  bool metastore_faults = false;
  bool metastore_is_full = false;  // every commit is refused
  bool stop_requested = false;
};

}  // namespace weir::simulation
