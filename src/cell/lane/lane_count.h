// The number of lanes of a data directory. Shards are placed on lanes by number, so it is decided once, at the first
// start, and read back ever after.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "env/core.h"
#include "env/task.h"

namespace weir::cell {

inline constexpr std::uint32_t lanes_max = 64;

// Reads how many lanes the cell in `directory` has; on its first start decides on `wanted` (1 to lanes_max) and makes
// that durable, creating the directory. Errors: corrupt when the file there is not one of ours, io, no_space.
[[nodiscard]] env::Task<Result<std::uint32_t>> fix_lane_count(env::Core& core, std::string directory,
                                                              std::uint32_t wanted);

// The directory of one lane's segments.
[[nodiscard]] std::string lane_directory(const std::string& directory, LaneId lane);

}  // namespace weir::cell
