// What each role says of itself on /readyz, from what it knows. Pure; any thread.
//
// A process is ready when it does what it is there for. Ready with a reason: it does, but somebody should know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cell/lane/lane_report.h"
#include "cell/node/node_cell.h"
#include "directory/fleet/leader_election.h"
#include "directory/map/map_follower.h"
#include "frontend/health.h"

namespace weir::cli {

// A shard map that nobody has confirmed for so long is called old.
inline constexpr Duration map_old_after = seconds(30);
// A node that has had no order for so long says so.
inline constexpr Duration orders_missing_after = seconds(5);

struct FrontEndSituation {
  directory::FollowerStatus map;
  std::string missing = {};      // what else it waits for before it can serve; empty: nothing
  std::string credentials = {};  // what is wrong with the map's access keys; empty: nothing
};
// Causes: no_map, not_complete, credentials, map_old.
[[nodiscard]] frontend::Readiness readiness_of_front_end(const FrontEndSituation& situation);

struct NodeSituation {
  std::string node;
  std::uint32_t cell = 0;
  directory::FollowerStatus map;
  cell::NodeStatus status;
  std::vector<cell::LaneReport> lanes;  // those held
  Duration orders_silence{};            // since the directory's last order
  std::string orders_error;             // why there is none; empty: the last beat was answered
};
// Causes: no_map, no_lane, lane_cannot_write, lane_full, no_orders, map_old.
[[nodiscard]] frontend::Readiness readiness_of_node(const NodeSituation& situation);

struct DirectorySituation {
  std::string directory;
  std::optional<directory::MapId> map;  // served
  bool leads = false;
  std::optional<directory::LeaderView> leader;
  std::string etcd;                   // its endpoints
  std::string etcd_error;             // of the last call; empty: it answers
  directory::FollowerStatus follows;  // where it does not lead
};
// Causes: no_map, etcd, no_leader, map_old.
[[nodiscard]] frontend::Readiness readiness_of_directory(const DirectorySituation& situation);

// Of `weir serve`. Causes: lane_cannot_write, lane_full.
[[nodiscard]] frontend::Readiness readiness_of_server(const std::vector<cell::LaneReport>& lanes);

}  // namespace weir::cli
