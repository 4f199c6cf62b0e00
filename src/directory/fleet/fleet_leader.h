// FleetLeader: what the directory's leader does for the cells: hears the nodes' beats, places lanes on nodes, and lets
// them claim what they shall hold. It exists while its process leads; a new leader begins with what the map says.
//
// Threading: the directory's core.
#pragma once

#include <map>

#include "directory/directory.h"
#include "directory/fleet/fleet_messages.h"
#include "directory/fleet/fleet_status.h"
#include "directory/fleet/placement.h"
#include "env/core.h"
#include "env/event.h"
#include "env/task_group.h"

namespace weir::directory {

class FleetLeader {
 public:
  // `directory` has been opened and outlives this. Starts to review the nodes.
  FleetLeader(env::Core& core, Directory& directory, const PlacementOptions& options);
  ~FleetLeader();  // after stop()
  FleetLeader(const FleetLeader&) = delete;
  FleetLeader& operator=(const FleetLeader&) = delete;

  // Never not_leader: that is for the caller to know.
  [[nodiscard]] FleetReply beat(const NodeBeat& beat);
  [[nodiscard]] env::Task<FleetReply> claim(LaneClaim claim);

  // As Directory::define_cell; the lanes are placed at once.
  [[nodiscard]] env::Task<Result<void>> define_cell(std::uint32_t cell, CellState state);
  // As the functions of Placement.
  [[nodiscard]] bool set_draining(std::string_view node, bool draining);
  [[nodiscard]] bool forget(std::string_view node);
  [[nodiscard]] Directory& directory() noexcept { return directory_; }
  [[nodiscard]] Result<void> move(LaneId lane, std::string_view node);
  [[nodiscard]] const Placement& placement() const noexcept { return placement_; }
  // Of every cell, by number.
  [[nodiscard]] std::vector<CellStatus> cells() const;
  [[nodiscard]] std::vector<NodeStatusView> nodes() const;

  // Once. Beats and claims are refused from now on.
  [[nodiscard]] env::Task<void> stop();

 private:
  [[nodiscard]] env::Task<void> review_regularly();
  // Of the lanes that the node holds, those that it has to claim anew: by the metadata store another node has them.
  // That comes of a claim which arrived there after it had been given up.
  [[nodiscard]] LaneSet lanes_of_others(const NodeBeat& beat);

  env::Core& core_;
  Directory& directory_;
  Placement placement_;
  std::map<LaneId, MonotonicTime> held_by_others_;  // since when a lane's holder is not its owner
  bool stopping_ = false;
  env::Event stop_;
  env::TaskGroup tasks_;
};

}  // namespace weir::directory
