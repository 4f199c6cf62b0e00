#include "directory/fleet/placement.h"

#include <algorithm>
#include <tuple>

#include "base/assert.h"

namespace weir::directory {
namespace {

constexpr Duration deaths_window = seconds(60);

// Fewer lanes first, then fewer shards, then fewer bytes.
bool is_lighter(const NodeView& a, const NodeView& b) noexcept {
  const auto load = [](const NodeView& node) {
    return std::tuple(node.target.count(), node.last.shards, node.last.bytes_per_second);
  };
  return load(a) < load(b);
}

}  // namespace

void Placement::define_cell(std::uint32_t cell, std::uint32_t lanes) {
  WEIR_ASSERT(cell < cells_max && lanes >= 1 && lanes <= lanes_per_cell_max);
  Cell& defined = cells_[cell];
  defined.lanes = std::max(defined.lanes, lanes);
}

void Placement::restore(LaneId lane, std::string_view node, MonotonicTime now) {
  const auto [at, is_new] = nodes_.try_emplace(std::string(node));
  NodeView& view = at->second;
  if (is_new) {
    view.last.node = node;
    view.last.cell = cell_of(lane);
    view.last_heard = now;
  }
  view.target.set(lane_within_cell(lane));
  view.last.held.set(lane_within_cell(lane));
}

std::optional<LaneSet> Placement::beat(const NodeBeat& beat, MonotonicTime now) {
  const auto cell = cells_.find(beat.cell);
  if (cell == cells_.end()) return std::nullopt;
  auto at = nodes_.find(beat.node);
  if (at == nodes_.end()) {
    if (node_count(beat.cell) >= nodes_per_cell_max) return std::nullopt;
    at = nodes_.try_emplace(beat.node).first;
  }
  NodeView& view = at->second;
  const bool was_heard = view.last.boot != 0;
  if (was_heard && view.last.boot != beat.boot && view.state == NodeState::alive &&
      now - view.last_heard < options_.unknown_after) {
    return std::nullopt;  // two processes under one name: the one that was there first beats on
  }
  if (was_heard && view.last.cell != beat.cell && view.last.held.any()) return std::nullopt;
  if (view.state == NodeState::dead) view.target.reset();
  view.state = NodeState::alive;
  view.last = beat;
  view.last_heard = now;
  return view.target;
}

std::vector<PlacementEvent> Placement::review(MonotonicTime now) {
  std::vector<PlacementEvent> events;
  for (auto& [number, cell] : cells_) {
    declare_deaths(number, cell, now, events);
    forget_moves_to_the_unfit(cell);
    assign_free_lanes(number, cell, events);
    move_one_lane(number, cell, now, events);
  }
  return events;
}

void Placement::declare_deaths(std::uint32_t number, Cell& cell, MonotonicTime now,
                               std::vector<PlacementEvent>& events) {
  while (!cell.deaths.empty() && now - cell.deaths.front() >= deaths_window) cell.deaths.pop_front();
  const std::size_t deaths_max = std::max<std::size_t>(1, node_count(number) * options_.deaths_percent_max / 100);
  bool capped = false;
  for (auto& [name, view] : nodes_) {
    if (view.last.cell != number || view.state == NodeState::dead) continue;
    const Duration silence = now - view.last_heard;
    if (silence >= options_.unknown_after) view.state = NodeState::unknown;
    if (silence < options_.dead_after) continue;
    if (cell.deaths.size() >= deaths_max) {
      capped = true;
      continue;
    }
    cell.deaths.push_back(now);
    view.state = NodeState::dead;
    view.target.reset();
    view.last.held.reset();
    events.push_back({"a node is silent and taken for dead; its lanes go to others", name, number});
  }
  if (capped && !cell.deaths_capped) {
    events.push_back(
        {"more nodes are silent than may be declared dead in a minute; they keep their lanes", "", number});
  }
  cell.deaths_capped = capped;
}

void Placement::assign_free_lanes(std::uint32_t number, const Cell& cell, std::vector<PlacementEvent>& events) {
  const LaneSet taken = taken_lanes(number);
  for (std::uint32_t lane = 0; lane < cell.lanes; ++lane) {
    if (taken.test(lane)) continue;
    NodeView* node = least_loaded(number);
    if (node == nullptr) return;
    if (const auto wanted = cell.moves.find(lane); wanted != cell.moves.end()) {
      NodeView& named = nodes_.at(wanted->second);
      if (named.state == NodeState::alive) node = &named;
    }
    node->target.set(lane);
    events.push_back(
        {"lane " + std::to_string(lane_of(number, lane).value) + " is given to a node", node->last.node, number});
  }
}

// Only takes it away; once the node no longer reports it, it is a free lane, which goes to the least loaded node.
void Placement::move_one_lane(std::uint32_t number, Cell& cell, MonotonicTime now,
                              std::vector<PlacementEvent>& events) {
  if (cell.last_move && now - *cell.last_move < options_.move_interval) return;
  if (begin_wanted_move(number, cell, events)) {
    cell.last_move = now;
    return;
  }
  NodeView* const from = most_loaded(number);
  if (from == nullptr) return;
  const auto lane = movable_lane(number, *from);
  if (!lane) return;
  from->target.reset(*lane);
  cell.last_move = now;
  events.push_back({"lane " + std::to_string(lane_of(number, *lane).value) + " is taken from a node, to be moved",
                    from->last.node, number});
}

void Placement::forget_moves_to_the_unfit(Cell& cell) {
  std::erase_if(cell.moves, [&](const auto& wanted) {
    const auto node = nodes_.find(wanted.second);
    return node == nodes_.end() || node->second.state == NodeState::dead || node->second.draining;
  });
}

bool Placement::begin_wanted_move(std::uint32_t number, Cell& cell, std::vector<PlacementEvent>& events) {
  for (const auto& [lane, wanted] : cell.moves) {
    if (nodes_.at(wanted).state != NodeState::alive) continue;
    for (auto& [name, view] : nodes_) {
      if (view.last.cell != number || !view.target.test(lane) || name == wanted) continue;
      view.target.reset(lane);
      events.push_back(
          {"lane " + std::to_string(lane_of(number, lane).value) + " is taken from a node, to be moved", name, number});
      return true;
    }
  }
  return false;
}

std::optional<std::uint32_t> Placement::movable_lane(std::uint32_t cell, const NodeView& node) const {
  const auto& moves = cells_.at(cell).moves;
  for (std::uint32_t lane = 0; lane < lanes_per_cell_max; ++lane) {
    if (!node.target.test(lane)) continue;
    const auto wanted = moves.find(lane);
    if (wanted == moves.end() || wanted->second != node.last.node) return lane;
  }
  return std::nullopt;
}

Result<void> Placement::move(LaneId lane, std::string_view node) {
  const auto cell = cells_.find(cell_of(lane));
  const std::string named = "lane " + std::to_string(lane.value);
  if (cell == cells_.end() || lane_within_cell(lane) >= cell->second.lanes) {
    return fail(ErrorCode::not_found, "there is no " + named);
  }
  const auto at = nodes_.find(node);
  if (at == nodes_.end()) return fail(ErrorCode::not_found, "there is no node " + std::string(node));
  const NodeView& view = at->second;
  if (view.last.cell != cell_of(lane)) {
    return fail(ErrorCode::invalid_argument, named + " is of cell " + std::to_string(cell_of(lane)) + ", node " +
                                                 std::string(node) + " of cell " + std::to_string(view.last.cell));
  }
  if (view.state != NodeState::alive) return fail(ErrorCode::conflict, "node " + std::string(node) + " is silent");
  if (view.draining) return fail(ErrorCode::conflict, "node " + std::string(node) + " drains");
  cell->second.moves.insert_or_assign(lane_within_cell(lane), std::string(node));
  return {};
}

LaneSet Placement::lanes_without_owner(std::uint32_t cell) const {
  LaneSet without;
  const auto at = cells_.find(cell);
  for (std::uint32_t lane = 0; at != cells_.end() && lane < at->second.lanes; ++lane) {
    without.set(lane, std::ranges::none_of(nodes_, [&](const auto& entry) {
                  const NodeView& view = entry.second;
                  return view.last.cell == cell && view.state == NodeState::alive && view.last.held.test(lane);
                }));
  }
  return without;
}

bool Placement::deaths_capped(std::uint32_t cell) const {
  const auto at = cells_.find(cell);
  return at != cells_.end() && at->second.deaths_capped;
}

bool Placement::may_claim(LaneId lane, std::string_view node) const {
  const auto at = nodes_.find(node);
  const std::uint32_t within = lane_within_cell(lane);
  if (at == nodes_.end() || at->second.last.cell != cell_of(lane) || !at->second.target.test(within)) return false;
  return std::ranges::none_of(nodes_, [&](const auto& entry) {
    const NodeView& other = entry.second;
    return &other != &at->second && other.last.cell == cell_of(lane) && other.last.held.test(within);
  });
}

bool Placement::set_draining(std::string_view node, bool draining) {
  const auto at = nodes_.find(node);
  if (at == nodes_.end()) return false;
  at->second.draining = draining;
  return true;
}

bool Placement::forget(std::string_view node) {
  const auto at = nodes_.find(node);
  if (at == nodes_.end() || at->second.target.any() || at->second.last.held.any()) return false;
  if (at->second.state == NodeState::alive && !at->second.draining) return false;
  nodes_.erase(at);
  return true;
}

std::size_t Placement::node_count(std::uint32_t cell) const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(nodes_, [&](const auto& entry) { return entry.second.last.cell == cell; }));
}

LaneSet Placement::taken_lanes(std::uint32_t cell) const noexcept {
  LaneSet taken;
  for (const auto& [name, view] : nodes_) {
    if (view.last.cell == cell) taken |= view.target | view.last.held;
  }
  return taken;
}

NodeView* Placement::least_loaded(std::uint32_t cell) noexcept {
  NodeView* best = nullptr;
  for (auto& [name, view] : nodes_) {
    if (view.last.cell != cell || view.state != NodeState::alive || view.draining) continue;
    if (best == nullptr || is_lighter(view, *best)) best = &view;
  }
  return best;
}

NodeView* Placement::most_loaded(std::uint32_t cell) noexcept {
  NodeView* const lightest = least_loaded(cell);
  if (lightest == nullptr) return nullptr;
  NodeView* heaviest = nullptr;
  for (auto& [name, view] : nodes_) {
    if (view.last.cell != cell || view.state != NodeState::alive || view.target.none()) continue;
    if (view.draining) return &view;
    // One lane on its way is enough.
    if ((view.last.held & ~view.target).any()) return nullptr;
    if (heaviest == nullptr || is_lighter(*heaviest, view)) heaviest = &view;
  }
  if (heaviest == nullptr || heaviest->target.count() < lightest->target.count() + 2) return nullptr;
  return heaviest;
}

}  // namespace weir::directory
