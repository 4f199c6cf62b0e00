// The last good shard map on disk: one file, replaced whole, checked whole. Starting from it is what makes a front end
// serve when the directory is gone.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "directory/map/map_slice.h"
#include "directory/map/shard_map.h"
#include "env/core.h"
#include "env/task.h"

namespace weir::directory {

struct SavedMap {
  ShardMapPointer map;
  WallTime saved;
};

// After a crash the file is the old one or the new one. Errors: io, no_space. On `core`.
[[nodiscard]] env::Task<Result<void>> save_map(env::Core& core, std::string path, ShardMapPointer map, MapSlice slice);
// Errors: not_found; corrupt; unsupported for a newer format; conflict for the map of another slice; limit_exceeded for
// a file above `bytes_max`; io.
[[nodiscard]] env::Task<Result<SavedMap>> load_map(env::Core& core, std::string path, MapSlice slice,
                                                   std::uint64_t bytes_max);

}  // namespace weir::directory
