// Routes: one core's current shard map, and a way to wait for a newer one.
//
// Threading: belongs to one core.
#pragma once

#include "directory/map/shard_map.h"
#include "env/core.h"
#include "env/event.h"
#include "env/task.h"

namespace weir::frontend {

class Routes {
 public:
  explicit Routes(env::Core& core) noexcept : changed_(core) {}

  // Null until the first map has arrived.
  [[nodiscard]] const directory::ShardMapPointer& map() const noexcept { return map_; }

  void replace(directory::ShardMapPointer map) {
    map_ = std::move(map);
    changed_.notify_all();
  }

  // Waits until the map is newer than `version`; false when `deadline` came first.
  [[nodiscard]] env::Task<bool> wait_for_newer(std::uint64_t version, MonotonicTime deadline) {
    while (map_ == nullptr || map_->version() <= version) {
      if (!co_await changed_.wait_until(deadline)) co_return false;
    }
    co_return true;
  }

 private:
  env::Event changed_;
  directory::ShardMapPointer map_;
};

}  // namespace weir::frontend
