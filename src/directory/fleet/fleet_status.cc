#include "directory/fleet/fleet_status.h"

#include <algorithm>
#include <limits>
#include <map>

#include "directory/fleet/status.pb.h"

namespace weir::directory {
namespace {

constexpr std::int64_t age_ms_max = 1'000LL * 86'400 * 365 * 100;

milliseconds age_of(std::uint64_t count) {
  return milliseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(count, age_ms_max)));
}

std::uint64_t count_of(milliseconds age) { return static_cast<std::uint64_t>(std::max<std::int64_t>(0, age.count())); }

void write(const CellStatus& cell, status::Cell& message) {
  message.set_number(cell.number);
  message.set_name(cell.name);
  message.set_lanes(cell.lanes);
  message.set_lanes_without_owner(cell.lanes_without_owner.to_ullong());
  message.set_open_shards(cell.open_shards);
  message.set_open_shards_max(cell.open_shards_max);
  message.set_closed(cell.closed);
  message.set_deaths_capped(cell.deaths_capped);
}

CellStatus read(const status::Cell& message) {
  return {.number = message.number(),
          .name = message.name(),
          .lanes = message.lanes(),
          .lanes_without_owner = LaneSet(message.lanes_without_owner()),
          .open_shards = message.open_shards(),
          .open_shards_max = message.open_shards_max(),
          .closed = message.closed(),
          .deaths_capped = message.deaths_capped()};
}

void write(const NodeStatusView& node, status::Node& message) {
  message.set_name(node.name);
  message.set_cell(node.cell);
  message.set_endpoint(node.endpoint);
  message.set_state(static_cast<std::uint32_t>(node.state));
  message.set_draining(node.draining);
  message.set_held(node.held.to_ullong());
  message.set_target(node.target.to_ullong());
  message.set_shards(node.shards);
  message.set_stored_bytes(node.stored_bytes);
  message.set_bytes_per_second(node.bytes_per_second);
  message.set_heard_ms_ago(count_of(node.heard_ago));
  message.set_map_version(node.map_version);
  message.set_not_writing(node.not_writing.to_ullong());
  message.set_trouble(node.trouble);
}

// A state or kind that this version does not know is shown as the first there is.
NodeStatusView read(const status::Node& message) {
  const bool is_known = message.state() <= static_cast<std::uint32_t>(NodeState::dead);
  return {.name = message.name(),
          .cell = message.cell(),
          .endpoint = message.endpoint(),
          .state = is_known ? static_cast<NodeState>(message.state()) : NodeState::unknown,
          .draining = message.draining(),
          .held = LaneSet(message.held()),
          .target = LaneSet(message.target()),
          .shards = message.shards(),
          .stored_bytes = message.stored_bytes(),
          .bytes_per_second = message.bytes_per_second(),
          .heard_ago = age_of(message.heard_ms_ago()),
          .map_version = message.map_version(),
          .not_writing = LaneSet(message.not_writing()),
          .trouble = message.trouble()};
}

void write(const FollowerStatusView& follower, status::Follower& message) {
  message.set_kind(static_cast<std::uint32_t>(follower.kind));
  message.set_name(follower.name);
  message.set_slice(follower.slice);
  message.set_map_version(follower.map_version);
  message.set_seen_ms_ago(count_of(follower.seen_ago));
  message.set_report(encode(follower.report));
}

FollowerStatusView read(const status::Follower& message) {
  const bool is_known = message.kind() <= static_cast<std::uint32_t>(FollowerKind::directory);
  return {.kind = is_known ? static_cast<FollowerKind>(message.kind()) : FollowerKind::front_end,
          .name = message.name(),
          .slice = message.slice(),
          .map_version = message.map_version(),
          .seen_ago = age_of(message.seen_ms_ago()),
          .report = decode_process_report(message.report()).value_or(ProcessReport{})};
}

}  // namespace

std::string encode(const FleetStatus& status) {
  status::Fleet message;
  message.set_directory(status.directory);
  message.set_leads(status.leads);
  message.set_leader(status.leader);
  message.set_leader_endpoint(status.leader_endpoint);
  message.set_term(status.term);
  message.set_map_version(status.map_version);
  message.set_report(encode(status.report));
  for (const CellStatus& cell : status.cells) write(cell, *message.add_cells());
  for (const NodeStatusView& node : status.nodes) write(node, *message.add_nodes());
  for (const FollowerStatusView& follower : status.followers) write(follower, *message.add_followers());
  return message.SerializeAsString();
}

Result<FleetStatus> decode_fleet_status(std::string_view bytes) {
  status::Fleet message;
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(ErrorCode::corrupt, "a directory's status cannot be parsed");
  }
  FleetStatus result{.directory = message.directory(),
                     .leads = message.leads(),
                     .leader = message.leader(),
                     .leader_endpoint = message.leader_endpoint(),
                     .term = message.term(),
                     .map_version = message.map_version(),
                     .report = decode_process_report(message.report()).value_or(ProcessReport{})};
  for (const status::Cell& cell : message.cells()) result.cells.push_back(read(cell));
  for (const status::Node& node : message.nodes()) result.nodes.push_back(read(node));
  for (const status::Follower& follower : message.followers()) result.followers.push_back(read(follower));
  return result;
}

FleetStatus merge(std::vector<FleetStatus> all) {
  std::map<std::pair<FollowerKind, std::string>, FollowerStatusView> followers;
  for (FleetStatus& status : all) {
    // A directory that answers has no need to be seen following.
    FollowerStatusView self{.kind = FollowerKind::directory,
                            .name = status.directory,
                            .slice = "all",
                            .map_version = status.map_version,
                            .seen_ago = {},
                            .report = status.report};
    status.followers.push_back(std::move(self));
    for (FollowerStatusView& follower : status.followers) {
      const auto [at, is_new] = followers.try_emplace({follower.kind, follower.name}, follower);
      if (!is_new && follower.seen_ago < at->second.seen_ago) at->second = std::move(follower);
    }
  }
  const auto best = std::ranges::max_element(
      all, {}, [](const FleetStatus& status) { return std::pair(status.leads, status.map_version); });
  FleetStatus merged = std::move(*best);
  merged.followers.clear();
  for (auto& [key, follower] : followers) merged.followers.push_back(std::move(follower));
  return merged;
}

}  // namespace weir::directory
