#include "cell/lane/lane_access.h"

#include <array>
#include <memory>
#include <utility>

#include "cell/lane/lane_count.h"
#include "journal/file_segment_store.h"

namespace weir::cell {

OpenStore open_file_stores(std::string directory, std::uint32_t open_files_max) {
  auto fences = std::make_shared<std::array<journal::LaneFence, lanes_max>>();
  return [directory = std::move(directory), open_files_max, fences](env::Core& core, LaneId lane, Epoch epoch) {
    return journal::open_file_segment_store(
        core, {.directory = lane_directory(directory, lane),
               .lane = lane,
               .epoch = epoch,
               .fence = std::shared_ptr<journal::LaneFence>(fences, &(*fences)[lane.value % lanes_max]),
               .open_files_max = open_files_max});
  };
}

}  // namespace weir::cell
