#include "cell/lane_access.h"

#include <utility>

#include "cell/lane_count.h"
#include "journal/file_segment_store.h"

namespace weir::cell {

OpenStore open_file_stores(std::string directory, std::uint32_t open_files_max) {
  return [directory = std::move(directory), open_files_max](env::Core& core, LaneId lane, Epoch epoch) {
    return journal::open_file_segment_store(
        core,
        {.directory = lane_directory(directory, lane), .lane = lane, .epoch = epoch, .open_files_max = open_files_max});
  };
}

}  // namespace weir::cell
