#include "cell/local_cell.h"

#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "cell/lane_count.h"
#include "cell/record_numbers.h"
#include "env/task_group.h"

namespace weir::cell {

LocalCell::~LocalCell() = default;

env::Task<Result<std::unique_ptr<LocalCell>>> LocalCell::open(env::Runtime& runtime, env::Core& home,
                                                              std::uint32_t lanes, LaneAccess access,
                                                              const CellContext& context) {
  WEIR_ASSERT(lanes >= 1 && lanes <= lanes_max && context.metrics.lanes.size() == lanes && home.is_current());
  std::unique_ptr<LocalCell> cell(new LocalCell(home, context, lanes));
  std::vector<Epoch> epochs;
  for (std::uint32_t i = 0; i < lanes; ++i) {
    auto epoch = co_await access.claim_epoch(LaneId{i});
    if (!epoch.has_value()) {
      co_return fail_while("claiming lane " + std::to_string(i), std::move(epoch.error()));
    }
    if (*epoch > epoch_max) co_return fail(ErrorCode::limit_exceeded, "lane " + std::to_string(i) + ": no epoch left");
    epochs.push_back(*epoch);
  }
  std::vector<Result<void>> outcomes(lanes);
  env::TaskGroup opening(home);
  for (std::uint32_t i = 0; i < lanes; ++i) {
    env::Core& core = runtime.core(i % runtime.core_count());
    opening.spawn(cell->open_lane(core, LaneId{i}, epochs[i], access, outcomes[i]));
  }
  co_await opening.wait();
  for (std::uint32_t i = 0; i < lanes; ++i) {
    if (outcomes[i].has_value()) continue;
    co_await cell->stop();
    co_return fail_while("opening lane " + std::to_string(i), std::move(outcomes[i].error()));
  }
  co_return cell;
}

// Runs on home, on `core`, and ends on home.
env::Task<void> LocalCell::open_lane(env::Core& core, LaneId id, Epoch epoch, const LaneAccess& access,
                                     Result<void>& outcome) {
  co_await core.enter();
  const MonotonicTime started = core.now();
  journal::JournalOptions journal_options = context_.journal_settings.options();
  journal_options.lane = id;
  journal_options.epoch = epoch;
  journal_options.metrics = &context_.journal_metrics;
  auto store = co_await access.open_store(core, id, epoch);
  Result<std::unique_ptr<journal::Journal>> journal(nullptr);
  if (store.has_value()) {
    journal = co_await journal::Journal::open(core, *std::move(store), journal_options);
  } else {
    journal = std::unexpected(std::move(store.error()));
  }
  if (journal.has_value()) {
    LaneOptions options = context_.settings.lane_options();
    options.lane = id;
    options.epoch = epoch;
    options.trim_interval = context_.journal_settings.trim_interval.get();
    auto lane =
        std::make_unique<Lane>(core, *std::move(journal), options, context_.metrics, context_.metrics.lanes[id.value]);
    lane->start();
    log_info("cell", "a lane is open",
             {{"lane", id.value}, {"epoch", epoch.value}, {"ms", (core.now() - started) / milliseconds(1)}});
    co_await home_.enter();
    lanes_[id.value] = std::move(lane);
  } else {
    co_await home_.enter();
    outcome = std::unexpected(std::move(journal.error()));
  }
}

env::Task<void> LocalCell::stop() {
  env::TaskGroup stopping(home_);
  for (auto& lane : lanes_) {
    if (lane != nullptr) stopping.spawn(stop_lane(*lane));
  }
  co_await stopping.wait();
}

env::Task<void> LocalCell::stop_lane(Lane& lane) {
  co_await lane.core().enter();
  co_await lane.stop();
  co_await home_.enter();
}

env::Task<std::vector<AppendReply>> LocalCell::append(env::Core& caller, LaneId lane,
                                                      std::vector<AppendRequest> requests) {
  if (Lane* const owner = find(lane); owner != nullptr) return owner->append(caller, std::move(requests));
  return refuse_unknown_lane(std::move(requests));
}

env::Task<std::vector<AppendReply>> LocalCell::refuse_unknown_lane(std::vector<AppendRequest> requests) {
  std::vector<AppendReply> replies(requests.size());
  for (AppendReply& reply : replies) {
    reply.refusal = Refusal::not_mine;
    reply.reason = "the cell does not have the lane";
  }
  co_return replies;
}

env::Task<ReadReply> LocalCell::read(env::Core& caller, LaneId lane, journal::ReadRequest request) {
  ReadReply reply;
  Lane* const owner = find(lane);
  if (owner == nullptr) {
    reply.refusal = Refusal::not_mine;
    reply.reason = "the cell does not have the lane";
    co_return reply;
  }
  co_await owner->core().enter();
  reply = co_await owner->read(request);
  co_await caller.enter();
  co_return reply;
}

env::Task<LocateReply> LocalCell::locate(env::Core& caller, LaneId lane, ShardKey shard, StartFrom from,
                                         WallTime time) {
  LocateReply reply;
  Lane* const owner = find(lane);
  if (owner == nullptr) {
    reply.refusal = Refusal::not_mine;
    reply.reason = "the cell does not have the lane";
    co_return reply;
  }
  co_await owner->core().enter();
  reply = co_await owner->locate(shard, from, time);
  co_await caller.enter();
  co_return reply;
}

env::Task<void> LocalCell::apply(directory::ShardMapPointer map) {
  for (auto& lane : lanes_) {
    co_await lane->core().enter();
    lane->apply(*map);
  }
  co_await home_.enter();
}

env::Task<Result<WallTime>> LocalCell::close_shard(LaneId lane, ShardKey shard) {
  Lane* const owner = find(lane);
  if (owner == nullptr) co_return fail(ErrorCode::not_found, "the cell does not have the lane");
  co_await owner->core().enter();
  auto closed_at = co_await owner->close_shard(shard);
  co_await home_.enter();
  co_return closed_at;
}

env::Task<void> LocalCell::reopen_shard(LaneId lane, ShardKey shard) {
  Lane* const owner = find(lane);
  if (owner == nullptr) co_return;
  co_await owner->core().enter();
  owner->reopen_shard(shard);
  co_await home_.enter();
}

env::Task<Result<void>> LocalCell::trim() {
  Result<void> outcome;
  for (auto& lane : lanes_) {
    co_await lane->core().enter();
    if (auto report = co_await lane->trim(); !report.has_value()) outcome = std::unexpected(std::move(report.error()));
  }
  co_await home_.enter();
  co_return outcome;
}

}  // namespace weir::cell
