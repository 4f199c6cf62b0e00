#include "directory/fleet/fleet_leader.h"

#include "base/log.h"

namespace weir::directory {
namespace {

constexpr milliseconds review_interval{200};
// Longer than a beat and a claim can cross on their way.
constexpr seconds held_by_others_max{3};

FleetReply refusal(std::string reason) {
  return {
      .outcome = FleetOutcome::refused, .leader = std::nullopt, .reason = std::move(reason), .lanes = {}, .epoch = {}};
}

}  // namespace

FleetLeader::FleetLeader(env::Core& core, Directory& directory, const PlacementOptions& options)
    : core_(core), directory_(directory), placement_(options), stop_(core), tasks_(core) {
  for (const auto& [number, cell] : directory.cells()) placement_.define_cell(number, cell.lanes);
  for (std::uint32_t lane = 0; lane < directory.lanes().size(); ++lane) {
    const auto& owner = directory.lanes()[lane].owner;
    if (owner) placement_.restore(LaneId{lane}, owner->node, core.now());
  }
  tasks_.spawn(review_regularly());
}

FleetLeader::~FleetLeader() = default;

FleetReply FleetLeader::beat(const NodeBeat& beat) {
  if (stopping_) return refusal("the directory stops leading");
  const auto lanes = placement_.beat(beat, core_.now());
  if (!lanes) {
    return refusal("node " + beat.node + " has no place in cell " + std::to_string(beat.cell) +
                   ": no such cell, too many nodes, or another process has this name");
  }
  return {.outcome = FleetOutcome::done,
          .leader = std::nullopt,
          .reason = {},
          .lanes = *lanes & ~lanes_of_others(beat),
          .epoch = {}};
}

LaneSet FleetLeader::lanes_of_others(const NodeBeat& beat) {
  LaneSet of_others;
  for (std::uint32_t i = 0; i < lanes_per_cell_max; ++i) {
    const LaneId lane = lane_of(beat.cell, i);
    if (!beat.held.test(i) || lane.value >= directory_.lanes().size()) continue;
    const auto& owner = directory_.lanes()[lane.value].owner;
    if (!owner || owner->node == beat.node) {
      held_by_others_.erase(lane);
    } else if (core_.now() - held_by_others_.try_emplace(lane, core_.now()).first->second >= held_by_others_max) {
      of_others.set(i);
    }
  }
  return of_others;
}

env::Task<FleetReply> FleetLeader::claim(LaneClaim claim) {
  if (stopping_) co_return refusal("the directory stops leading");
  if (!placement_.may_claim(claim.lane, claim.node)) {
    co_return refusal("lane " + std::to_string(claim.lane.value) + " is not node " + claim.node + "'s to claim now");
  }
  LaneOwner owner{.node = claim.node, .address = claim.address, .port = claim.port, .epoch = {}};
  auto epoch = co_await directory_.claim_lane(claim.lane, std::move(owner));
  if (!epoch) co_return refusal(std::move(epoch.error().message));
  log_info("fleet", "a lane was claimed", {{"lane", claim.lane.value}, {"node", claim.node}, {"epoch", epoch->value}});
  co_return FleetReply{
      .outcome = FleetOutcome::done, .leader = std::nullopt, .reason = {}, .lanes = {}, .epoch = *epoch};
}

env::Task<Result<void>> FleetLeader::define_cell(std::uint32_t cell, CellState state) {
  const std::uint32_t lanes = state.lanes;
  WEIR_CO_CHECK(co_await directory_.define_cell(cell, std::move(state)));
  placement_.define_cell(cell, lanes);
  co_return Result<void>{};
}

bool FleetLeader::set_draining(std::string_view node, bool draining) { return placement_.set_draining(node, draining); }

bool FleetLeader::forget(std::string_view node) { return placement_.forget(node); }

Result<void> FleetLeader::move(LaneId lane, std::string_view node) { return placement_.move(lane, node); }

std::vector<CellStatus> FleetLeader::cells() const {
  std::vector<CellStatus> cells;
  for (const auto& [number, state] : directory_.cells()) {
    cells.push_back({.number = number,
                     .name = state.name,
                     .lanes = state.lanes,
                     .lanes_without_owner = placement_.lanes_without_owner(number),
                     .open_shards = directory_.open_shards_of_cell(number),
                     .open_shards_max = state.open_shards_max,
                     .closed = state.closed,
                     .deaths_capped = placement_.deaths_capped(number)});
  }
  return cells;
}

std::vector<NodeStatusView> FleetLeader::nodes() const {
  std::vector<NodeStatusView> nodes;
  for (const auto& [name, view] : placement_.nodes()) {
    const env::Endpoint endpoint{.address = view.last.address, .port = view.last.port};
    nodes.push_back({.name = name,
                     .cell = view.last.cell,
                     .endpoint = view.last.address.empty() ? std::string() : env::to_string(endpoint),
                     .state = view.state,
                     .draining = view.draining,
                     .held = view.last.held,
                     .target = view.target,
                     .shards = view.last.shards,
                     .stored_bytes = view.last.stored_bytes,
                     .bytes_per_second = view.last.bytes_per_second,
                     .heard_ago = std::chrono::duration_cast<milliseconds>(core_.now() - view.last_heard),
                     .map_version = view.last.map_version,
                     .not_writing = view.last.not_writing,
                     .trouble = view.last.trouble});
  }
  return nodes;
}

env::Task<void> FleetLeader::review_regularly() {
  while (!stopping_) {
    static_cast<void>(co_await stop_.wait_until(core_.now() + review_interval));
    if (stopping_) co_return;
    for (const PlacementEvent& event : placement_.review(core_.now())) {
      log_warning("fleet", event.text, {{"cell", event.cell}, {"node", event.node}});
    }
  }
}

env::Task<void> FleetLeader::stop() {
  stopping_ = true;
  stop_.notify_all();
  co_await tasks_.wait();
}

}  // namespace weir::directory
