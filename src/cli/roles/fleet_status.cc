#include "cli/roles/fleet_status.h"

namespace weir::cli {

directory::FleetStatus fleet_status(const std::string& process, const directory::ProcessReport& report,
                                    const std::optional<directory::LeaderView>& leader,
                                    const directory::MapSource& source, const directory::FleetLeader* fleet,
                                    MonotonicTime now) {
  directory::FleetStatus status{.directory = process, .leads = fleet != nullptr, .report = report};
  if (leader) {
    status.leader = leader->name;
    status.leader_endpoint = env::to_string(leader->endpoint);
    status.term = leader->term;
  }
  if (source.newest() != nullptr) status.map_version = source.newest()->version();
  if (fleet != nullptr) {
    status.cells = fleet->cells();
    status.nodes = fleet->nodes();
  }
  for (directory::FollowerView& follower : source.followers()) {
    status.followers.push_back({.kind = follower.kind,
                                .name = std::move(follower.name),
                                .slice = follower.slice.name(),
                                .map_version = follower.held ? follower.held->version : 0,
                                .seen_ago = std::chrono::duration_cast<milliseconds>(now - follower.last_seen),
                                .report = std::move(follower.report)});
  }
  return status;
}

}  // namespace weir::cli
