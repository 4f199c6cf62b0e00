// Directories that serve a shard map and processes that follow it, each on a machine of its own in a simulation.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "directory/map/map_follower.h"
#include "directory/map/map_source.h"
#include "env/sim/sim_network.h"
#include "env/sim/simulation.h"
#include "net/server.h"
#include "tests/directory/map_support.h"

namespace weir::directory::test {

inline constexpr std::uint16_t directory_port = 4'600;

// Serves one source, and harms what it answers when the test wants it to.
class FollowHandler final : public net::HttpHandler {
 public:
  FollowHandler(env::Core& core, MapSource& source) : core_(core), source_(source) {}
  env::Task<net::HttpResponse> handle(net::HttpRequest& request) override {
    auto response = co_await source_.follow(core_, request.body);
    if (harm) harm(response);
    co_return response;
  }
  net::HttpResponse refuse(std::uint16_t status) override { return {.status = status}; }

  std::function<void(net::HttpResponse&)> harm;

 private:
  env::Core& core_;
  MapSource& source_;
};

// Takes maps and holds each to the truth.
class CheckedListener final : public MapListener {
 public:
  CheckedListener(const std::map<MapId, ShardMapPointer>& truth, MapSlice slice)
      : truth_(truth), slice_(std::move(slice)) {}
  env::Task<void> apply(ShardMapPointer map) override;

  ShardMapPointer map;
  std::size_t maps = 0;

 private:
  const std::map<MapId, ShardMapPointer>& truth_;
  MapSlice slice_;
};

// Everything lives until the simulation is gone, as what machines that were killed had must.
struct MapWorld {
  struct DirectoryProcess {
    env::SimulatedMachine* machine = nullptr;
    std::unique_ptr<MapMetrics> metrics;
    std::unique_ptr<MapSource> source;
    std::unique_ptr<FollowHandler> handler;
    std::unique_ptr<MapFollower> follower;  // of the leader; null in the leader
    std::unique_ptr<net::HttpServer> server;
  };
  struct Follower {
    env::SimulatedMachine* machine = nullptr;
    std::unique_ptr<MapMetrics> metrics;
    std::unique_ptr<CheckedListener> listener;
    std::unique_ptr<MapFollower> follower;
  };

  explicit MapWorld(env::Simulation& in, std::uint64_t seed) : simulation(in), growing(seed) { remember(); }

  // The next map, which the truth remembers.
  const ShardMapPointer& grow(std::uint32_t changes = 1) {
    growing.grow(changes);
    return remember();
  }
  const ShardMapPointer& remember() { return truth[growing.map()->id()] = growing.map(); }
  [[nodiscard]] env::Endpoint endpoint(std::size_t directory) const;

  // Starts directory number directories.size(); the leader when `leader` is its own number.
  [[nodiscard]] env::Task<void> start_directory(std::size_t leader);
  [[nodiscard]] env::Task<void> stop_directory(std::size_t number);
  // Gives the newest map to that one, as class Directory does in the leader.
  [[nodiscard]] env::Task<void> publish(std::size_t number);
  // A follower that knows all directories. `disk` may hold a saved map; null: it saves nothing.
  Follower& add_follower(FollowerKind kind, MapSlice slice, env::SimulatedDisk* disk = nullptr);
  // Until every follower holds the newest map, or `timeout` has passed.
  [[nodiscard]] env::Task<bool> converge(Duration timeout);
  [[nodiscard]] env::Task<void> stop_all();

  env::Simulation& simulation;
  GrowingMap growing;
  std::map<MapId, ShardMapPointer> truth;
  SettingsRegistry settings_registry;
  net::HttpSettings http_settings{settings_registry};
  MetricsRegistry metrics_registry;
  net::HttpMetrics http_metrics{metrics_registry};
  net::HttpResources http{http_settings, http_metrics};
  MapSourceOptions source_options;
  std::vector<std::unique_ptr<DirectoryProcess>> directories;
  std::vector<std::unique_ptr<Follower>> followers;
};

}  // namespace weir::directory::test
