// How a cell comes by what it needs to own a lane.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "env/core.h"
#include "env/task.h"
#include "journal/segment_store.h"

namespace weir::cell {

using ClaimEpoch = std::function<env::Task<Result<Epoch>>(LaneId)>;
using OpenStore = std::function<env::Task<Result<std::unique_ptr<journal::SegmentStore>>>(env::Core&, LaneId, Epoch)>;

struct LaneAccess {
  ClaimEpoch claim_epoch;  // raises the lane's epoch, durably. Called on the cell's home core
  OpenStore open_store;    // opens the lane's segments under the epoch. Called on the lane's core, which is passed
};

// Opens segments that are files in lane_directory(directory, lane), at most `open_files_max` of them per lane at once.
// For the lanes of one cell. The result and its copies fence each other's stores: a lane may be opened anew in the same
// process while an older store of it is not yet closed.
[[nodiscard]] OpenStore open_file_stores(std::string directory, std::uint32_t open_files_max);

}  // namespace weir::cell
