#include "cell/node/node_cell.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "cell/lane/record_numbers.h"

namespace weir::cell {
namespace {

constexpr std::string_view lane_not_held = "the node does not hold the lane";

ReadReply refused_read(LaneRefusal refusal) {
  ReadReply reply;
  reply.refusal = refusal.refusal;
  reply.reason = std::move(refusal.reason);
  return reply;
}

LocateReply refused_locate(LaneRefusal refusal) {
  LocateReply reply;
  reply.refusal = refusal.refusal;
  reply.reason = std::move(refusal.reason);
  return reply;
}

}  // namespace

NodeCell::NodeCell(env::Runtime& runtime, env::Core& home, LaneAccess access, const CellContext& context,
                   NodeCellOptions options)
    : home_(home),
      access_(std::move(access)),
      context_(context),
      options_(std::move(options)),
      shard_budget_(context.settings.shards_max.get()),
      tasks_(home) {
  WEIR_ASSERT(home.is_current() && context.metrics.lanes.size() <= lanes_max);
  for (std::uint32_t i = 0; i < runtime.core_count(); ++i) {
    cores_.push_back(std::make_unique<CoreState>(runtime.core(i)));
  }
  for (std::uint32_t i = 0; i < lanes_max; ++i) slots_.push_back(std::make_unique<Slot>(home));
}

NodeCell::~NodeCell() = default;

Result<void> NodeCell::check_take(LaneId lane) const {
  if (stopping_) return fail(ErrorCode::unavailable, "the cell is stopping");
  if (!is_of_cell(lane)) return fail(ErrorCode::invalid_argument, "the cell has no such lane");
  switch (slots_[index_of(lane)]->phase) {
    case Phase::absent: break;
    case Phase::held: return fail(ErrorCode::already_exists, "the node holds the lane");
    case Phase::taking:
    case Phase::leaving: return fail(ErrorCode::conflict, "the lane is being taken or given up");
  }
  const auto present = std::ranges::count_if(slots_, [](const auto& slot) { return slot->phase != Phase::absent; });
  const std::uint64_t most = context_.settings.lanes_held_max.get();
  if (static_cast<std::uint64_t>(present) < most) return {};
  context_.metrics.lanes_refused.add();
  return fail(ErrorCode::limit_exceeded,
              "the node has its maximum of " + std::to_string(most) + " lanes (cell.lanes_held_max)");
}

env::Task<Result<void>> NodeCell::take(LaneId lane) {
  WEIR_ASSERT(home_.is_current());
  WEIR_CO_CHECK(check_take(lane));
  const std::size_t index = index_of(lane);
  Slot& slot = *slots_[index];
  enter_phase(slot, Phase::taking);
  auto outcome = co_await open(lane);
  if (outcome.has_value()) tasks_.spawn(watch(index, slot.lane));
  enter_phase(slot, outcome.has_value() ? Phase::held : Phase::absent);
  co_return outcome;
}

void NodeCell::enter_phase(Slot& slot, Phase phase) {
  slot.phase = phase;
  slot.changed.notify_all();
}

// Tells the lane's core that calls for the lane had better wait, or need not wait any longer. From home, and back.
env::Task<void> NodeCell::set_taking(std::size_t index, bool taking) {
  CoreState& state = state_of(index);
  co_await state.core.enter();
  state.taking.set(index, taking);
  state.changed.notify_all();
  co_await home_.enter();
}

// From home, and back, with the lane in its slot and in its core's table.
env::Task<Result<void>> NodeCell::open(LaneId lane) {
  const std::size_t index = index_of(lane);
  co_await set_taking(index, true);
  Result<std::unique_ptr<Lane>> opened(nullptr);
  auto epoch = co_await access_.claim_epoch(lane);
  CoreState& state = state_of(index);
  if (!epoch.has_value()) {
    opened = fail_while("claiming the lane", std::move(epoch.error()));
  } else if (*epoch > epoch_max) {
    opened = fail(ErrorCode::limit_exceeded, "no epoch is left");
  } else {
    co_await state.core.enter();
    opened = co_await open_on(state.core, lane, *epoch);
  }
  if (!opened.has_value()) {
    co_await home_.enter();
    co_await set_taking(index, false);
    co_return std::unexpected(std::move(opened.error()));
  }
  // From here to the end without a pause, so that no map is missed.
  const std::shared_ptr<Lane> held = *std::move(opened);
  apply_map(state, *held, index);
  state.lanes[index] = held;
  state.taking.reset(index);
  state.changed.notify_all();
  co_await home_.enter();
  slots_[index]->lane = held;
  co_return Result<void>();
}

// Runs on `core`.
env::Task<Result<std::unique_ptr<Lane>>> NodeCell::open_on(env::Core& core, LaneId lane, Epoch epoch) {
  const MonotonicTime started = core.now();
  journal::JournalOptions journal_options = context_.journal_settings.options();
  journal_options.lane = lane;
  journal_options.epoch = epoch;
  journal_options.metrics = &context_.journal_metrics;
  WEIR_CO_TRY(auto store, co_await access_.open_store(core, lane, epoch));
  WEIR_CO_TRY(auto journal, co_await journal::Journal::open(core, std::move(store), journal_options));
  LaneOptions options = context_.settings.lane_options();
  options.lane = lane;
  options.epoch = epoch;
  options.shard_budget = &shard_budget_;
  options.trim_interval = context_.journal_settings.trim_interval.get();
  auto opened = std::make_unique<Lane>(core, std::move(journal), options, context_.metrics,
                                       context_.metrics.lanes[index_of(lane)]);
  opened->start();
  log_info("cell", "a lane is open",
           {{"lane", lane.value}, {"epoch", epoch.value}, {"ms", (core.now() - started) / milliseconds(1)}});
  co_return opened;
}

env::Task<void> NodeCell::give_up(LaneId lane) {
  WEIR_ASSERT(home_.is_current());
  if (!is_of_cell(lane)) co_return;
  Slot& slot = *slots_[index_of(lane)];
  while (slot.phase != Phase::absent && slot.phase != Phase::held) static_cast<void>(co_await slot.changed.wait());
  if (slot.phase == Phase::held) co_await leave(index_of(lane));
}

// From home, and back. The lane is held.
env::Task<void> NodeCell::leave(std::size_t index) {
  Slot& slot = *slots_[index];
  enter_phase(slot, Phase::leaving);
  CoreState& state = state_of(index);
  co_await state.core.enter();
  const std::shared_ptr<Lane> lane = std::exchange(state.lanes[index], nullptr);
  state.changed.notify_all();
  co_await lane->stop();
  co_await home_.enter();
  log_info("cell", "a lane has left", {{"lane", lane_at(index).value}, {"epoch", lane->epoch().value}});
  slot.lane.reset();
  enter_phase(slot, Phase::absent);
  co_await readmit_shards();
}

// Sees a lane out that another owner has taken.
env::Task<void> NodeCell::watch(std::size_t index, std::shared_ptr<Lane> lane) {
  co_await lane->core().enter();
  const bool fenced = co_await lane->wait_until_fenced();
  co_await home_.enter();
  Slot& slot = *slots_[index];
  if (!fenced || slot.phase != Phase::held || slot.lane != lane) co_return;
  const Epoch epoch = lane->epoch();
  lane.reset();
  context_.metrics.lanes_fenced.add();
  log_warning("cell", "another owner has taken a lane", {{"lane", lane_at(index).value}, {"epoch", epoch.value}});
  co_await leave(index);
  if (options_.on_fenced) options_.on_fenced(lane_at(index), epoch);
}

env::Task<void> NodeCell::stop() {
  stopping_ = true;
  for (const auto& state : cores_) {
    co_await state->core.enter();
    state->stopping = true;
    state->changed.notify_all();
  }
  co_await home_.enter();
  env::TaskGroup leaving(home_);
  for (std::size_t i = 0; i < slots_.size(); ++i) leaving.spawn(give_up(lane_at(i)));
  co_await leaving.wait();
  co_await tasks_.wait();
}

NodeStatus NodeCell::status() const noexcept {
  NodeStatus status;
  status.map_version = map_version_;
  status.accepted_bytes = context_.metrics.append_bytes.value();
  for (std::size_t i = 0; i < context_.metrics.lanes.size(); ++i) {
    const Phase phase = slots_[i]->phase;
    if (phase == Phase::absent) continue;
    (phase == Phase::held ? status.lanes_held : status.lanes_changing) |= std::uint64_t{1} << i;
    const LaneMetrics& levels = context_.metrics.lanes[i];
    status.shards += static_cast<std::uint64_t>(levels.shards.value());
    status.shards_refused += static_cast<std::uint64_t>(levels.shards_refused.value());
    status.stored_bytes += static_cast<std::uint64_t>(levels.stored_bytes.value());
  }
  return status;
}

env::Task<std::vector<LaneReport>> NodeCell::reports() {
  std::vector<LaneReport> reports;
  for (const auto& state : cores_) {
    co_await state->core.enter();
    for (const auto& lane : state->lanes) {
      if (lane != nullptr) reports.push_back(lane->report());
    }
  }
  co_await home_.enter();
  std::ranges::sort(reports, {}, [](const LaneReport& report) { return report.lane.value; });
  co_return reports;
}

env::Task<void> NodeCell::apply(directory::ShardMapPointer map) {
  for (const auto& state : cores_) {
    co_await state->core.enter();
    if (state->map != nullptr && map->version() < state->map->version()) continue;
    state->map = map;
    for (std::size_t i = 0; i < state->lanes.size(); ++i) {
      if (state->lanes[i] != nullptr) apply_map(*state, *state->lanes[i], i);
    }
    state->changed.notify_all();
  }
  co_await home_.enter();
  map_version_ = std::max(map_version_, map->version());
  co_await readmit_shards();
}

void NodeCell::apply_map(const CoreState& state, Lane& lane, std::size_t index) const {
  if (state.map == nullptr) return;
  const directory::LaneOwner* const owner = state.map->owner(lane_at(index));
  const bool is_of_this_epoch = owner != nullptr && owner->epoch >= lane.epoch();
  if (!options_.maps_name_owners || is_of_this_epoch) lane.apply(*state.map);
}

// Lets shards that were refused in where others have left. From home, and back.
env::Task<void> NodeCell::readmit_shards() {
  if (status().shards_refused == 0) co_return;
  for (const auto& state : cores_) {
    co_await state->core.enter();
    for (std::size_t i = 0; i < state->lanes.size(); ++i) {
      Lane* const lane = state->lanes[i].get();
      if (lane != nullptr && lane->shards_refused() != 0) apply_map(*state, *lane, i);
    }
  }
  co_await home_.enter();
}

env::Task<std::expected<std::shared_ptr<Lane>, LaneRefusal>> NodeCell::enter_lane(CallHeader caller,
                                                                                  std::span<const ShardKey> shards,
                                                                                  MonotonicTime deadline) {
  if (!is_of_cell(caller.lane)) {
    co_return std::unexpected(LaneRefusal{.refusal = Refusal::not_mine, .reason = "the lane is of another cell"});
  }
  const std::size_t index = index_of(caller.lane);
  CoreState& state = state_of(index);
  co_await state.core.enter();
  while (!state.stopping) {
    const std::shared_ptr<Lane>& held = state.lanes[index];
    // Of an epoch that is over, as far as the caller knows, nothing is read or written here.
    const bool is_owner = held != nullptr && held->epoch() >= caller.epoch;
    const bool is_behind = caller.map_version > (state.map == nullptr ? 0 : state.map->version());
    const bool has_map = is_owner && (held->has_map() || !options_.maps_name_owners);
    if (has_map && (!is_behind || std::ranges::all_of(shards, [&](ShardKey key) { return held->knows(key); }))) {
      co_return held;
    }
    const bool waits = (is_behind || (is_owner && !has_map) || state.taking.test(index)) && state.core.now() < deadline;
    if (waits && co_await state.changed.wait_until(deadline)) continue;
    if (!waits && has_map) co_return held;  // which knows what to say of its shards
    if (!waits) break;
  }
  co_return std::unexpected(refuse(state, index));
}

LaneRefusal NodeCell::refuse(const CoreState& state, std::size_t index) const {
  LaneRefusal refusal{.refusal = Refusal::not_mine, .reason = std::string(lane_not_held)};
  if (state.map != nullptr) {
    refusal.map_version = state.map->version();
    if (const directory::LaneOwner* owner = state.map->owner(lane_at(index))) refusal.owner = *owner;
  }
  if (const auto& held = state.lanes[index]; held != nullptr) {
    refusal.reason = "the node held the lane before its present owner";
    if (options_.maps_name_owners && !held->has_map()) {
      refusal.refusal = Refusal::unavailable;
      refusal.reason = "the lane waits for a map that names its present owner";
    }
  }
  if (state.taking.test(index)) {
    refusal.refusal = Refusal::unavailable;
    refusal.reason = "the lane is being recovered";
  }
  if (state.stopping) {
    refusal.refusal = Refusal::unavailable;
    refusal.reason = "the node is stopping";
  }
  return refusal;
}

env::Task<std::shared_ptr<Lane>> NodeCell::enter_held(LaneId lane) {
  if (!is_of_cell(lane)) co_return nullptr;
  CoreState& state = state_of(index_of(lane));
  co_await state.core.enter();
  co_return state.lanes[index_of(lane)];
}

env::Task<std::vector<AppendReply>> NodeCell::append(env::Core& caller, LaneId lane,
                                                     std::vector<AppendRequest> requests) {
  const auto entered = co_await enter_lane({.lane = lane}, {}, MonotonicTime{});
  if (entered.has_value()) co_return co_await (*entered)->append(caller, std::move(requests));
  co_await caller.enter();
  std::vector<AppendReply> replies(requests.size());
  for (AppendReply& reply : replies) {
    reply.refusal = entered.error().refusal;
    reply.reason = entered.error().reason;
  }
  co_return replies;
}

env::Task<ReadReply> NodeCell::read(env::Core& caller, LaneId lane, journal::ReadRequest request) {
  auto entered = co_await enter_lane({.lane = lane}, {}, MonotonicTime{});
  ReadReply reply = entered.has_value() ? co_await (*entered)->read(request) : refused_read(std::move(entered.error()));
  co_await caller.enter();
  co_return reply;
}

env::Task<LocateReply> NodeCell::locate(env::Core& caller, LaneId lane, ShardKey shard, StartFrom from, WallTime time) {
  auto entered = co_await enter_lane({.lane = lane}, {}, MonotonicTime{});
  LocateReply reply =
      entered.has_value() ? co_await (*entered)->locate(shard, from, time) : refused_locate(std::move(entered.error()));
  co_await caller.enter();
  co_return reply;
}

env::Task<Result<directory::ShardClosing>> NodeCell::close_shard(LaneId lane, ShardKey shard,
                                                                 directory::ShardOrder order) {
  const std::shared_ptr<Lane> held = co_await enter_held(lane);
  Result<directory::ShardClosing> closed = fail(ErrorCode::not_found, std::string(lane_not_held));
  if (held != nullptr) closed = co_await held->close_shard(shard, order);
  co_await home_.enter();
  co_return closed;
}

env::Task<void> NodeCell::reopen_shard(LaneId lane, ShardKey shard, directory::ShardOrder order) {
  const std::shared_ptr<Lane> held = co_await enter_held(lane);
  if (held != nullptr) held->reopen_shard(shard, order);
  co_await home_.enter();
}

env::Task<Result<void>> NodeCell::trim() {
  Result<void> outcome;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const std::shared_ptr<Lane> lane = slots_[i]->lane;
    if (lane == nullptr) continue;
    co_await lane->core().enter();
    if (auto report = co_await lane->trim(); !report.has_value()) outcome = std::unexpected(std::move(report.error()));
    co_await home_.enter();
  }
  co_return outcome;
}

}  // namespace weir::cell
