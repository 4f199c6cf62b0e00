#include "cli/roles/fleet_status.h"

#include "kinesis/json_writer.h"

namespace weir::cli {
namespace {

using kinesis::JsonWriter;

std::int64_t milliseconds_between(MonotonicTime from, MonotonicTime to) {
  return std::chrono::duration_cast<milliseconds>(to - from).count();
}

std::string_view text_of(directory::NodeState state) noexcept {
  switch (state) {
    case directory::NodeState::alive: return "alive";
    case directory::NodeState::unknown: return "unknown";
    case directory::NodeState::dead: return "dead";
  }
  return "unknown";
}

std::string_view text_of(directory::FollowerKind kind) noexcept {
  switch (kind) {
    case directory::FollowerKind::front_end: return "front end";
    case directory::FollowerKind::node: return "node";
    case directory::FollowerKind::directory: return "directory";
  }
  return "unknown";
}

void write_lanes(JsonWriter& json, std::string_view key, std::uint32_t cell, const directory::LaneSet& lanes) {
  json.key(key);
  json.begin_list();
  for (std::uint32_t i = 0; i < directory::lanes_per_cell_max; ++i) {
    if (lanes.test(i)) json.integer(directory::lane_of(cell, i).value);
  }
  json.end_list();
}

void write_nodes(JsonWriter& json, const directory::Placement& placement, MonotonicTime now) {
  json.key("nodes");
  json.begin_list();
  for (const auto& [name, view] : placement.nodes()) {
    json.begin_map();
    json.key("node");
    json.text(name);
    json.key("cell");
    json.integer(view.last.cell);
    json.key("state");
    json.text(text_of(view.state));
    json.key("draining");
    json.boolean(view.draining);
    json.key("heard_ms_ago");
    json.integer(milliseconds_between(view.last_heard, now));
    write_lanes(json, "holds", view.last.cell, view.last.held);
    write_lanes(json, "shall_hold", view.last.cell, view.target);
    json.key("shards");
    json.integer(static_cast<std::int64_t>(view.last.shards));
    json.key("stored_bytes");
    json.integer(static_cast<std::int64_t>(view.last.stored_bytes));
    json.end_map();
  }
  json.end_list();
}

void write_followers(JsonWriter& json, const directory::MapSource& source, MonotonicTime now) {
  json.key("followers");
  json.begin_list();
  for (const directory::FollowerView& follower : source.followers()) {
    json.begin_map();
    json.key("kind");
    json.text(text_of(follower.kind));
    json.key("name");
    json.text(follower.name);
    json.key("slice");
    json.text(follower.slice.name());
    json.key("map_version");
    json.integer(follower.held ? static_cast<std::int64_t>(follower.held->version) : 0);
    json.key("seen_ms_ago");
    json.integer(milliseconds_between(follower.last_seen, now));
    json.end_map();
  }
  json.end_list();
}

}  // namespace

std::string fleet_status_json(const std::string& process, const std::optional<directory::LeaderView>& leader,
                              const directory::MapSource& source, const directory::FleetLeader* fleet,
                              MonotonicTime now) {
  JsonWriter json;
  json.begin_map();
  json.key("directory");
  json.text(process);
  json.key("leader");
  json.text(leader ? leader->name : "");
  json.key("leader_endpoint");
  json.text(leader ? env::to_string(leader->endpoint) : "");
  json.key("term");
  json.integer(leader ? static_cast<std::int64_t>(leader->term) : 0);
  json.key("map_version");
  json.integer(source.newest() ? static_cast<std::int64_t>(source.newest()->version()) : 0);
  if (fleet != nullptr) write_nodes(json, fleet->placement(), now);
  write_followers(json, source, now);
  json.end_map();
  return std::move(json).finish();
}

}  // namespace weir::cli
