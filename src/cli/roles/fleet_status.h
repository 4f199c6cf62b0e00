// What `weir admin status` shows: one JSON object of what a directory knows. Any directory answers; cells and nodes are
// in the leader's answer only.
#pragma once

#include <optional>
#include <string>

#include "directory/fleet_leader.h"
#include "directory/leader_election.h"
#include "directory/map_source.h"

namespace weir::cli {

// `fleet` may be null. On the directory's core.
[[nodiscard]] std::string fleet_status_json(const std::string& process, const std::optional<directory::LeaderView>& leader,
                                            const directory::MapSource& source, const directory::FleetLeader* fleet,
                                            MonotonicTime now);

}  // namespace weir::cli
