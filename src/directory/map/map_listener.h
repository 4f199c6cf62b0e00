// MapListener: someone who needs every shard map.
#pragma once

#include "directory/map/shard_map.h"
#include "env/task.h"

namespace weir::directory {

// apply() returns once the map is in force wherever the listener serves. Maps come one after the other, in rising
// version, on the core of who publishes them.
class MapListener {
 public:
  virtual ~MapListener() = default;
  [[nodiscard]] virtual env::Task<void> apply(ShardMapPointer map) = 0;
};

}  // namespace weir::directory
