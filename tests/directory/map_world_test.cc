#include "tests/directory/map_world.h"

#include <algorithm>

#include "directory/map/map_codec.h"
#include "gtest/gtest.h"
#include "tests/support/must.h"

namespace weir::directory::test {

env::Task<void> CheckedListener::apply(ShardMapPointer next) {
  if (map != nullptr) {
    EXPECT_LT(map->id(), next->id()) << "a map went back";
  }
  const auto found = truth_.find(next->id());
  if (found == truth_.end()) {
    ADD_FAILURE() << "a map that nobody made";
  } else {
    EXPECT_EQ(encode_map(*next, slice_), encode_map(*found->second, slice_)) << slice_.name();
  }
  map = std::move(next);
  ++maps;
  co_return;
}

env::Endpoint MapWorld::endpoint(std::size_t directory) const {
  return {"10.0.2." + std::to_string(directory + 1), directory_port};
}

env::Task<void> MapWorld::start_directory(std::size_t leader) {
  const std::size_t number = directories.size();
  directories.push_back(std::make_unique<DirectoryProcess>());
  DirectoryProcess& directory = *directories.back();
  directory.machine =
      &simulation.add_machine({.name = "directory-" + std::to_string(number), .address = endpoint(number).address});
  env::Core& core = directory.machine->core(0);
  co_await core.enter();
  directory.metrics = std::make_unique<MapMetrics>(metrics_registry);
  directory.source = std::make_unique<MapSource>(core, source_options, *directory.metrics);
  directory.handler = std::make_unique<FollowHandler>(core, *directory.source);
  if (number != leader) {
    directory.follower = std::make_unique<MapFollower>(
        core, net::connect_by_http2({}),
        MapFollowerOptions{.name = "directory-" + std::to_string(number),
                           .kind = FollowerKind::directory,
                           .slice = {},
                           .directories = [this, leader] { return std::vector{endpoint(leader)}; },
                           .poll_wait = seconds(2)},
        *directory.metrics);
    directory.follower->add_listener(*directory.source);
    directory.source->set_age([follower = directory.follower.get()] { return follower->age(); });
    directory.follower->start();
  }
  directory.server = weir::test::must(co_await net::HttpServer::start(core, {{core, *directory.handler}}, http,
                                                                      {.endpoint = {"0.0.0.0", directory_port}}));
  co_await simulation.core(0).enter();
}

env::Task<void> MapWorld::stop_directory(std::size_t number) {
  DirectoryProcess& directory = *directories.at(number);
  if (directory.server == nullptr || !directory.machine->is_alive()) co_return;
  co_await directory.machine->core(0).enter();
  co_await directory.source->stop();
  co_await directory.server->stop(milliseconds(100));
  directory.server = nullptr;
  if (directory.follower != nullptr) co_await directory.follower->stop();
  co_await simulation.core(0).enter();
}

env::Task<void> MapWorld::publish(std::size_t number) {
  co_await directories.at(number)->machine->core(0).enter();
  co_await directories[number]->source->apply(growing.map());
  co_await simulation.core(0).enter();
}

MapWorld::Follower& MapWorld::add_follower(FollowerKind kind, MapSlice slice, env::SimulatedDisk* disk) {
  const std::string name = "follower-" + std::to_string(followers.size());
  followers.push_back(std::make_unique<Follower>());
  Follower& follower = *followers.back();
  follower.machine =
      &simulation.add_machine({.name = name, .address = "10.0.1." + std::to_string(followers.size()), .disk = disk});
  follower.metrics = std::make_unique<MapMetrics>(metrics_registry);
  follower.listener = std::make_unique<CheckedListener>(truth, slice);
  const auto everyone = [this] {
    std::vector<env::Endpoint> endpoints;
    for (std::size_t i = 0; i < directories.size(); ++i) endpoints.push_back(endpoint(i));
    return endpoints;
  };
  follower.follower = std::make_unique<MapFollower>(follower.machine->core(0), net::connect_by_http2({}),
                                                    MapFollowerOptions{.name = name,
                                                                       .kind = kind,
                                                                       .slice = std::move(slice),
                                                                       .directories = everyone,
                                                                       .file = disk == nullptr ? "" : "map"},
                                                    *follower.metrics);
  follower.follower->add_listener(*follower.listener);
  return follower;
}

env::Task<bool> MapWorld::converge(Duration timeout) {
  const MonotonicTime deadline = simulation.now() + timeout;
  const auto is_there = [this](const std::unique_ptr<Follower>& follower) {
    return follower->listener->map != nullptr && follower->listener->map->id() == growing.map()->id();
  };
  while (!std::ranges::all_of(followers, is_there)) {
    if (simulation.now() >= deadline) co_return false;
    co_await simulation.core(0).sleep_for(milliseconds(10));
  }
  co_return true;
}

env::Task<void> MapWorld::stop_all() {
  for (const auto& follower : followers) {
    if (!follower->machine->is_alive()) continue;
    co_await follower->machine->core(0).enter();
    co_await follower->follower->stop();
    co_await simulation.core(0).enter();
  }
  for (std::size_t i = 0; i < directories.size(); ++i) co_await stop_directory(i);
}

}  // namespace weir::directory::test
