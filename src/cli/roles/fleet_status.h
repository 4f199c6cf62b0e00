// What a directory answers to `weir admin status`.
#pragma once

#include <optional>
#include <string>

#include "directory/fleet/fleet_leader.h"
#include "directory/fleet/fleet_status.h"
#include "directory/fleet/leader_election.h"
#include "directory/map/map_source.h"

namespace weir::cli {

// `fleet` is null where this process does not lead. On the directory's core.
[[nodiscard]] directory::FleetStatus fleet_status(const std::string& process, const directory::ProcessReport& report,
                                                  const std::optional<directory::LeaderView>& leader,
                                                  const directory::MapSource& source,
                                                  const directory::FleetLeader* fleet, MonotonicTime now);

}  // namespace weir::cli
