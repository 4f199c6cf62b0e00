// FleetStatus: what one directory knows of the fleet, or several together. Cells and nodes are known to the leader
// alone; everyone who follows the map is known to the directory that he follows. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "directory/fleet/placement.h"
#include "directory/fleet/process_report.h"
#include "directory/map/follow_codec.h"

namespace weir::directory {

struct CellStatus {
  std::uint32_t number = 0;
  std::string name;
  std::uint32_t lanes = 0;
  LaneSet lanes_without_owner;
  std::uint64_t open_shards = 0;
  std::uint64_t open_shards_max = 0;
  bool closed = false;         // takes no new streams
  bool deaths_capped = false;  // more nodes are silent than may be declared dead now
  friend bool operator==(const CellStatus&, const CellStatus&) = default;
};

struct NodeStatusView {
  std::string name;
  std::uint32_t cell = 0;
  std::string endpoint;
  NodeState state = NodeState::alive;
  bool draining = false;
  LaneSet held;
  LaneSet target;
  std::uint64_t shards = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t bytes_per_second = 0;
  milliseconds heard_ago{};
  std::uint64_t map_version = 0;
  LaneSet not_writing;
  std::uint32_t trouble = 0;  // of the first of these: cell::LaneTrouble
  friend bool operator==(const NodeStatusView&, const NodeStatusView&) = default;
};

struct FollowerStatusView {
  FollowerKind kind = FollowerKind::front_end;
  std::string name;
  std::string slice;
  std::uint64_t map_version = 0;  // 0: none yet
  milliseconds seen_ago{};        // since it last asked
  ProcessReport report;
  friend bool operator==(const FollowerStatusView&, const FollowerStatusView&) = default;
};

struct FleetStatus {
  std::string directory;
  bool leads = false;
  std::string leader;  // empty: none is known
  std::string leader_endpoint;
  std::uint64_t term = 0;
  std::uint64_t map_version = 0;
  ProcessReport report;
  std::vector<CellStatus> cells;
  std::vector<NodeStatusView> nodes;
  std::vector<FollowerStatusView> followers;
  friend bool operator==(const FleetStatus&, const FleetStatus&) = default;
};

[[nodiscard]] std::string encode(const FleetStatus& status);
// Errors: corrupt.
[[nodiscard]] Result<FleetStatus> decode_fleet_status(std::string_view bytes);

// The leader's status, or that of the directory with the newest map, with everyone that any of them knows as a
// follower; whoever was heard of last speaks for one that several know. `all` is not empty.
[[nodiscard]] FleetStatus merge(std::vector<FleetStatus> all);

}  // namespace weir::directory
