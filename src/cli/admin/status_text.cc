#include "cli/admin/status_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/version.h"
#include "cell/lane/lane_report.h"
#include "cli/text.h"

namespace weir::cli {
namespace {

using directory::CellStatus;
using directory::FleetStatus;
using directory::FollowerStatusView;
using directory::LaneSet;
using directory::NodeState;
using directory::NodeStatusView;

// A follower this many versions behind has missed something.
constexpr std::uint64_t versions_behind_max = 1;
// Who has not asked for so long, although every poll ends sooner, is gone.
constexpr seconds follower_silent_after{30};
constexpr std::uint64_t full_percent = 90;
constexpr std::uint64_t resource_percent = 80;

// "3, 5-7": lanes as the rest of the fleet numbers them.
std::string lanes_text(std::uint32_t cell, const LaneSet& lanes) {
  std::string text;
  for (std::uint32_t i = 0; i < directory::lanes_per_cell_max; ++i) {
    if (!lanes.test(i)) continue;
    std::uint32_t last = i;
    while (last + 1 < directory::lanes_per_cell_max && lanes.test(last + 1)) ++last;
    if (!text.empty()) text += ", ";
    text += std::to_string(directory::lane_of(cell, i).value);
    if (last > i) text += fmt::format("-{}", directory::lane_of(cell, last).value);
    i = last;
  }
  return text;
}

std::string ago_text(milliseconds ago) {
  return ago < seconds(10) ? fmt::format("{:.1f} s", static_cast<double>(ago.count()) / 1'000)
                           : fmt::format("{} s", ago / seconds(1));
}

std::string_view text_of(NodeState state) noexcept {
  switch (state) {
    case NodeState::alive: return "alive";
    case NodeState::unknown: return "silent";
    case NodeState::dead: return "dead";
  }
  return "silent";
}

std::string named(const FollowerStatusView& follower) {
  return fmt::format("{} {}", to_string(follower.kind), follower.name);
}

bool is_gone(const FollowerStatusView& follower) { return follower.seen_ago >= follower_silent_after; }

void warn_of_cells(const FleetStatus& status, std::vector<std::string>& warnings) {
  for (const CellStatus& cell : status.cells) {
    if (cell.lanes_without_owner.any()) {
      warnings.push_back(fmt::format("cell {}: no node that answers holds lane {}", cell.number,
                                     lanes_text(cell.number, cell.lanes_without_owner)));
    }
    if (cell.deaths_capped) {
      warnings.push_back(
          fmt::format("cell {}: more nodes are silent than may be declared dead in a minute; they keep "
                      "their lanes",
                      cell.number));
    }
    if (cell.open_shards_max != 0 && cell.open_shards * 100 >= cell.open_shards_max * full_percent) {
      warnings.push_back(
          fmt::format("cell {}: has {} of at most {} shards", cell.number, cell.open_shards, cell.open_shards_max));
    }
  }
}

void warn_of_nodes(const FleetStatus& status, std::vector<std::string>& warnings) {
  for (const NodeStatusView& node : status.nodes) {
    if (node.state != NodeState::alive) {
      warnings.push_back(fmt::format("node {} of cell {} is {}: not heard for {}", node.name, node.cell,
                                     text_of(node.state), ago_text(node.heard_ago)));
    } else if (node.not_writing.any()) {
      const auto trouble = static_cast<cell::LaneTrouble>(std::min<std::uint32_t>(node.trouble, 255));
      warnings.push_back(fmt::format("node {} of cell {} cannot write lane {}: {}", node.name, node.cell,
                                     lanes_text(node.cell, node.not_writing), to_string(trouble)));
    }
    if (node.draining) {
      warnings.push_back(node.held.any()
                             ? fmt::format("node {} drains: {} left", node.name, count_text(node.held.count(), "lane"))
                             : fmt::format("node {} has drained: it may be stopped", node.name));
    }
  }
}

void warn_of_followers(const FleetStatus& status, std::vector<std::string>& warnings) {
  for (const FollowerStatusView& follower : status.followers) {
    const directory::ProcessReport& report = follower.report;
    if (is_gone(follower)) {
      warnings.push_back(
          fmt::format("{} has not asked for the map for {}", named(follower), ago_text(follower.seen_ago)));
      continue;
    }
    if (follower.map_version + versions_behind_max < status.map_version) {
      warnings.push_back(
          fmt::format("{} has map {}, the newest is {}", named(follower), follower.map_version, status.map_version));
    }
    if (!report.version.empty() && !report.readiness.empty()) {
      warnings.push_back(
          fmt::format("{} is {}: {}", named(follower), report.ready ? "ready" : "not ready", report.readiness));
    }
    for (const directory::ResourceLevel& level : report.resources) {
      const bool is_bounded = level.limit != 0 && level.limit != std::numeric_limits<std::uint64_t>::max();
      if (is_bounded && static_cast<double>(level.used) * 100 >= static_cast<double>(level.limit) * resource_percent) {
        warnings.push_back(fmt::format("{} uses {} of {} {}", named(follower), level.used, level.limit, level.name));
      }
    }
  }
}

// Rows of words in columns; numbers may be left as they are.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const noexcept { return rows_.size() == 1; }
  [[nodiscard]] std::string text() const {
    std::vector<std::size_t> widths(rows_.front().size(), 0);
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
      line.erase(line.find_last_not_of(' ') + 1);
      text.append(line).push_back('\n');
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string cells_table(const FleetStatus& status) {
  Table table({"CELL", "NAME", "LANES", "NODES", "SHARDS", "ROOM", ""});
  for (const CellStatus& cell : status.cells) {
    const auto nodes =
        std::ranges::count_if(status.nodes, [&](const NodeStatusView& node) { return node.cell == cell.number; });
    const std::uint64_t room = cell.open_shards_max - std::min(cell.open_shards, cell.open_shards_max);
    table.add({std::to_string(cell.number), cell.name, std::to_string(cell.lanes), std::to_string(nodes),
               std::to_string(cell.open_shards), std::to_string(room), cell.closed ? "closed" : ""});
  }
  return table.empty() ? "" : "\n" + table.text();
}

std::string nodes_table(const FleetStatus& status) {
  Table table(
      {"NODE", "CELL", "STATE", "HOLDS", "SHALL HOLD", "SHARDS", "STORED", "PER SECOND", "HEARD AGO", "AT", ""});
  for (const NodeStatusView& node : status.nodes) {
    table.add({node.name, std::to_string(node.cell), std::string(text_of(node.state)), lanes_text(node.cell, node.held),
               node.held == node.target ? "the same" : lanes_text(node.cell, node.target), std::to_string(node.shards),
               size_text(node.stored_bytes), size_text(node.bytes_per_second), ago_text(node.heard_ago), node.endpoint,
               node.draining ? "draining" : ""});
  }
  return table.empty() ? "" : "\n" + table.text();
}

std::string used_of(const directory::ProcessReport& report, std::string_view name, bool is_size) {
  const auto found = std::ranges::find(report.resources, name, &directory::ResourceLevel::name);
  if (found == report.resources.end()) return "-";
  const auto shown = [&](std::uint64_t value) {
    if (value == std::numeric_limits<std::uint64_t>::max()) return std::string("any");
    return is_size ? size_text(value) : std::to_string(value);
  };
  return shown(found->used) + " of " + shown(found->limit);
}

std::string processes_table(const FleetStatus& status) {
  Table table({"PROCESS", "ROLE", "SLICE", "MAP", "SEEN AGO", "VERSION", "THREADS", "DESCRIPTORS", "MEMORY"});
  for (const FollowerStatusView& follower : status.followers) {
    const directory::ProcessReport& report = follower.report;
    table.add({follower.name, std::string(to_string(follower.kind)), follower.slice,
               std::to_string(follower.map_version), ago_text(follower.seen_ago),
               report.version.empty() ? "-" : fmt::format("{}, protocol {}", report.version, report.protocol),
               used_of(report, "threads", false), used_of(report, "descriptors", false),
               used_of(report, "memory", true)});
  }
  return table.empty() ? "" : "\n" + table.text();
}

}  // namespace

std::vector<std::string> warnings_of(const StatusAnswers& answers) {
  std::vector<std::string> warnings;
  const FleetStatus& status = answers.status;
  if (status.leader.empty()) {
    warnings.emplace_back("no directory leads: what exists is served, nothing changes");
  } else if (!status.leads) {
    warnings.push_back(
        fmt::format("the leader {} at {} was not asked or does not answer: cells and nodes are not shown",
                    status.leader, status.leader_endpoint));
  }
  for (const std::string& silent : answers.silent) warnings.push_back(silent);
  if (status.leads && status.cells.empty()) warnings.emplace_back("no cell is defined: weir admin define-cell");
  warn_of_cells(status, warnings);
  warn_of_nodes(status, warnings);
  warn_of_followers(status, warnings);
  return warnings;
}

std::string status_text(const StatusAnswers& answers) {
  const FleetStatus& status = answers.status;
  std::string text;
  for (const std::string& warning : warnings_of(answers)) text += "WARNING  " + warning + "\n";
  if (!text.empty()) text += "\n";
  text += status.leader.empty()
              ? "leader       none\n"
              : fmt::format("leader       {} at {}, term {}\n", status.leader, status.leader_endpoint, status.term);
  text += fmt::format("map version  {}\n", status.map_version);
  return text + cells_table(status) + nodes_table(status) + processes_table(status);
}

}  // namespace weir::cli
