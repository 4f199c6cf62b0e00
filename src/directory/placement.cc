#include "directory/placement.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::directory {
namespace {

constexpr Duration deaths_window = seconds(60);

// Fewer lanes first, then fewer bytes: lanes of idle shards cost as much to hold as busy ones.
bool is_lighter(const NodeView& a, const NodeView& b) noexcept {
  if (a.target.count() != b.target.count()) return a.target.count() < b.target.count();
  return a.last.bytes_per_second < b.last.bytes_per_second;
}

std::uint32_t first_of(const LaneSet& lanes) noexcept {
  std::uint32_t lane = 0;
  while (lane < lanes_per_cell_max && !lanes.test(lane)) ++lane;
  return lane;
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
    assign_free_lanes(number, cell, events);
    move_one_lane(number, cell, now, events);
  }
  return events;
}

void Placement::declare_deaths(std::uint32_t number, Cell& cell, MonotonicTime now,
                               std::vector<PlacementEvent>& events) {
  while (!cell.deaths.empty() && now - cell.deaths.front() >= deaths_window) cell.deaths.pop_front();
  const std::size_t deaths_max =
      std::max<std::size_t>(1, node_count(number) * options_.deaths_percent_max / 100);
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
    events.push_back({"more nodes are silent than may be declared dead in a minute; they keep their lanes", "", number});
  }
  cell.deaths_capped = capped;
}

void Placement::assign_free_lanes(std::uint32_t number, const Cell& cell, std::vector<PlacementEvent>& events) {
  const LaneSet taken = taken_lanes(number);
  for (std::uint32_t lane = 0; lane < cell.lanes; ++lane) {
    if (taken.test(lane)) continue;
    NodeView* const node = least_loaded(number);
    if (node == nullptr) return;
    node->target.set(lane);
    events.push_back({"lane " + std::to_string(lane_of(number, lane).value) + " is given to a node", node->last.node,
                      number});
  }
}

// Only takes it away; once the node no longer reports it, it is a free lane, which goes to the least loaded node.
void Placement::move_one_lane(std::uint32_t number, Cell& cell, MonotonicTime now,
                              std::vector<PlacementEvent>& events) {
  if (cell.last_move && now - *cell.last_move < options_.move_interval) return;
  NodeView* const from = most_loaded(number);
  if (from == nullptr) return;
  const std::uint32_t lane = first_of(from->target);
  from->target.reset(lane);
  cell.last_move = now;
  events.push_back({"lane " + std::to_string(lane_of(number, lane).value) + " is taken from a node, to be moved",
                    from->last.node, number});
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
