#include "cli/admin/status_text.h"
#include "kinesis/json_writer.h"

namespace weir::cli {
namespace {

using directory::FleetStatus;
using directory::LaneSet;
using directory::NodeState;
using kinesis::JsonWriter;

void put(JsonWriter& json, std::string_view key, std::string_view value) {
  json.key(key);
  json.text(value);
}

void put(JsonWriter& json, std::string_view key, std::uint64_t value) {
  json.key(key);
  json.integer(static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX)));
}

void put_flag(JsonWriter& json, std::string_view key, bool value) {
  json.key(key);
  json.boolean(value);
}

void put(JsonWriter& json, std::string_view key, std::uint32_t cell, const LaneSet& lanes) {
  json.key(key);
  json.begin_list();
  for (std::uint32_t i = 0; i < directory::lanes_per_cell_max; ++i) {
    if (lanes.test(i)) json.integer(directory::lane_of(cell, i).value);
  }
  json.end_list();
}

std::string_view text_of(NodeState state) noexcept {
  switch (state) {
    case NodeState::alive: return "alive";
    case NodeState::unknown: return "unknown";
    case NodeState::dead: return "dead";
  }
  return "unknown";
}

void put_cells(JsonWriter& json, const FleetStatus& status) {
  json.key("cells");
  json.begin_list();
  for (const directory::CellStatus& cell : status.cells) {
    json.begin_map();
    put(json, "cell", std::uint64_t{cell.number});
    put(json, "name", cell.name);
    put(json, "lanes", std::uint64_t{cell.lanes});
    put(json, "lanes_without_owner", cell.number, cell.lanes_without_owner);
    put(json, "open_shards", cell.open_shards);
    put(json, "open_shards_max", cell.open_shards_max);
    put_flag(json, "closed", cell.closed);
    put_flag(json, "deaths_capped", cell.deaths_capped);
    json.end_map();
  }
  json.end_list();
}

void put_nodes(JsonWriter& json, const FleetStatus& status) {
  json.key("nodes");
  json.begin_list();
  for (const directory::NodeStatusView& node : status.nodes) {
    json.begin_map();
    put(json, "node", node.name);
    put(json, "cell", std::uint64_t{node.cell});
    put(json, "endpoint", node.endpoint);
    put(json, "state", text_of(node.state));
    put_flag(json, "draining", node.draining);
    put(json, "heard_ms_ago", static_cast<std::uint64_t>(node.heard_ago.count()));
    put(json, "holds", node.cell, node.held);
    put(json, "shall_hold", node.cell, node.target);
    put(json, "cannot_write", node.cell, node.not_writing);
    put(json, "shards", node.shards);
    put(json, "stored_bytes", node.stored_bytes);
    put(json, "bytes_per_second", node.bytes_per_second);
    put(json, "map_version", node.map_version);
    json.end_map();
  }
  json.end_list();
}

void put_report(JsonWriter& json, const directory::ProcessReport& report) {
  put(json, "version", report.version);
  put(json, "protocol", std::uint64_t{report.protocol});
  put_flag(json, "ready", report.ready);
  put(json, "readiness", report.readiness);
  json.key("resources");
  json.begin_list();
  for (const directory::ResourceLevel& level : report.resources) {
    json.begin_map();
    put(json, "resource", level.name);
    put(json, "used", level.used);
    put(json, "limit", level.limit);
    json.end_map();
  }
  json.end_list();
}

void put_followers(JsonWriter& json, const FleetStatus& status) {
  json.key("followers");
  json.begin_list();
  for (const directory::FollowerStatusView& follower : status.followers) {
    json.begin_map();
    put(json, "kind", to_string(follower.kind));
    put(json, "name", follower.name);
    put(json, "slice", follower.slice);
    put(json, "map_version", follower.map_version);
    put(json, "seen_ms_ago", static_cast<std::uint64_t>(follower.seen_ago.count()));
    put_report(json, follower.report);
    json.end_map();
  }
  json.end_list();
}

}  // namespace

std::string status_json(const StatusAnswers& answers) {
  const FleetStatus& status = answers.status;
  JsonWriter json;
  json.begin_map();
  json.key("warnings");
  json.begin_list();
  for (const std::string& warning : warnings_of(answers)) json.text(warning);
  json.end_list();
  put(json, "directory", status.directory);
  put(json, "leader", status.leader);
  put(json, "leader_endpoint", status.leader_endpoint);
  put(json, "term", status.term);
  put(json, "map_version", status.map_version);
  if (status.leads) {
    put_cells(json, status);
    put_nodes(json, status);
  }
  put_followers(json, status);
  json.end_map();
  return std::move(json).finish() + "\n";
}

}  // namespace weir::cli
