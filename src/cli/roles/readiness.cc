#include "cli/roles/readiness.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::cli {
namespace {

using cell::LaneReport;
using cell::LaneTrouble;
using directory::FollowerStatus;
using directory::FollowState;
using frontend::Readiness;

std::int64_t whole_seconds(Duration duration) { return duration / seconds(1); }

std::string text_of(const directory::MapId& map) { return fmt::format("{} of term {}", map.version, map.term); }

std::string text_of(const std::optional<directory::MapId>& map) { return map ? text_of(*map) : "none"; }

std::string or_nothing_said(const std::string& error) { return error.empty() ? "nothing yet" : error; }

// Who was asked for the map, and what came of it.
std::string asking(const FollowerStatus& map) {
  if (map.directory.address.empty()) return or_nothing_said(map.last_error);
  return fmt::format("asked the directory at {}: {}", env::to_string(map.directory), or_nothing_said(map.last_error));
}

Readiness no_map(const FollowerStatus& map) {
  return {.ready = false, .cause = "no_map", .reason = "no shard map yet; " + asking(map), .details = {}};
}

Readiness with(bool ready, std::string_view cause, std::string reason, std::vector<std::string> details = {}) {
  return {.ready = ready, .cause = cause, .reason = std::move(reason), .details = std::move(details)};
}

// Of a process that has a map and serves with it.
Readiness judge_map(const FollowerStatus& map) {
  const std::string which = fmt::format("shard map {}, {} s old", text_of(map.held), whole_seconds(map.age));
  if (map.state == FollowState::saved_map) {
    return with(true, "map_old",
                fmt::format("serves the saved {}, which no directory has confirmed; {}", which, asking(map)));
  }
  if (map.state == FollowState::alone) {
    return with(true, "map_old", fmt::format("no directory gives a map; serves with {}; {}", which, asking(map)));
  }
  if (map.age >= map_old_after) {
    return with(true, "map_old",
                fmt::format("the directories are out of touch with their leader; serves with {}", which));
  }
  return Readiness::all_well();
}

std::string text_of(const LaneReport& lane) {
  std::string text = fmt::format("lane {} {}", lane.lane.value, to_string(lane.trouble));
  if (!lane.reason.empty()) text.append(": ").append(lane.reason);
  return text;
}

// What is wrong with the lanes; nothing when all take records. A lane without space serves reads, and is no reason to
// send nobody there: writes would never find out that there is space again.
std::optional<Readiness> judge_lanes(const std::vector<LaneReport>& lanes) {
  std::vector<std::string> details;
  const LaneReport* worst = nullptr;
  for (const LaneReport& lane : lanes) {
    if (lane.trouble == LaneTrouble::none) continue;
    details.push_back(text_of(lane));
    const bool is_worse =
        worst == nullptr || (worst->trouble == LaneTrouble::full && lane.trouble != LaneTrouble::full);
    if (is_worse) worst = &lane;
  }
  if (worst == nullptr) return std::nullopt;
  const bool only_full = worst->trouble == LaneTrouble::full;
  std::string reason = fmt::format("{} of {} lanes cannot write; {}", details.size(), lanes.size(), text_of(*worst));
  return with(only_full, only_full ? "lane_full" : "lane_cannot_write", std::move(reason), std::move(details));
}

// Of a node without a lane.
Readiness judge_idle(const NodeSituation& situation) {
  if (situation.status.lanes_changing != 0) {
    return with(false, "no_lane", "no lane yet: the first is being taken, or the last given up");
  }
  if (!situation.orders_error.empty()) {
    return with(false, "no_lane",
                fmt::format("no lane, and no order from the directory for {} s: {}",
                            whole_seconds(situation.orders_silence), situation.orders_error));
  }
  return with(false, "no_lane",
              fmt::format("no lane: the directory gives node {} of cell {} none, because it drains or others have them",
                          situation.node, situation.cell));
}

}  // namespace

Readiness readiness_of_front_end(const FrontEndSituation& situation) {
  if (!situation.map.held) return no_map(situation.map);
  if (!situation.missing.empty()) return with(false, "not_complete", situation.missing);
  if (!situation.credentials.empty()) return with(true, "credentials", situation.credentials);
  return judge_map(situation.map);
}

Readiness readiness_of_node(const NodeSituation& situation) {
  if (!situation.map.held) return no_map(situation.map);
  if (situation.lanes.empty()) return judge_idle(situation);
  if (auto lanes = judge_lanes(situation.lanes)) return std::move(*lanes);
  if (!situation.orders_error.empty() && situation.orders_silence >= orders_missing_after) {
    return with(true, "no_orders",
                fmt::format("no order from the directory for {} s, goes on with its {} lanes: {}",
                            whole_seconds(situation.orders_silence), situation.lanes.size(), situation.orders_error));
  }
  return judge_map(situation.map);
}

Readiness readiness_of_directory(const DirectorySituation& situation) {
  const bool has_map = situation.map.has_value();
  const std::string serves =
      has_map ? "serves shard map " + text_of(*situation.map) + ", changes nothing" : "no shard map yet";
  if (!situation.etcd_error.empty()) {
    return with(has_map, has_map ? "etcd" : "no_map",
                fmt::format("etcd at {} does not answer; {}: {}", situation.etcd, serves, situation.etcd_error));
  }
  if (!situation.leader) {
    return with(has_map, has_map ? "no_leader" : "no_map", "no leader is known; " + serves);
  }
  if (!has_map) {
    if (situation.leads) return with(false, "no_map", "no shard map yet: leads, and is loading it from etcd");
    return no_map(situation.follows);
  }
  if (situation.leads || situation.follows.age < map_old_after) return Readiness::all_well();
  return with(true, "map_old",
              fmt::format("the leader {} has not confirmed shard map {} for {} s; {}", situation.leader->name,
                          text_of(*situation.map), whole_seconds(situation.follows.age), asking(situation.follows)));
}

Readiness readiness_of_server(const std::vector<LaneReport>& lanes) {
  auto judged = judge_lanes(lanes);
  return judged ? std::move(*judged) : Readiness::all_well();
}

}  // namespace weir::cli
