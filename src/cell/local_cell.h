// LocalCell: a cell within the process, whose lanes are taken at its opening and stay. See NodeCell.
#pragma once

#include <cstdint>
#include <memory>

#include "cell/node/node_cell.h"

namespace weir::cell {

class LocalCell final : public NodeCell {
 public:
  // Claims and recovers `lanes` lanes (fix_lane_count) of cell 0, all at once. Every shard is not_mine until the first
  // apply(). `home` is a core of `runtime`, the one that calls. Errors: that of the first lane that does not open,
  // naming it; nothing stays open then.
  [[nodiscard]] static env::Task<Result<std::unique_ptr<LocalCell>>> open(env::Runtime& runtime, env::Core& home,
                                                                          std::uint32_t lanes, LaneAccess access,
                                                                          const CellContext& context);

  [[nodiscard]] std::uint32_t lane_count() const noexcept { return lanes_; }

 private:
  LocalCell(env::Runtime& runtime, env::Core& home, std::uint32_t lanes, LaneAccess access, const CellContext& context)
      : NodeCell(runtime, home, std::move(access), context, {.cell = 0, .maps_name_owners = false, .on_fenced = {}}),
        lanes_(lanes) {}
  [[nodiscard]] env::Task<void> take_into(LaneId lane, Result<void>& outcome);

  const std::uint32_t lanes_;
};

}  // namespace weir::cell
